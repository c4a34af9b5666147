"""The steps in which a process ends, by the clock of a test."""

from service.serving.drain import Drain


def test_requests_are_taken_until_the_grace_is_over() -> None:
    """First it is only said that the process ends; beginning again makes it no longer."""
    now = [100.0]
    drain = Drain(5.0, lambda: now[0])
    assert (drain.is_begun, drain.is_over) == (False, False)
    drain.begin()
    assert (drain.is_begun, drain.is_over) == (True, False)
    now[0] = 104.9
    drain.begin()
    assert not drain.is_over
    now[0] = 105.0
    assert drain.is_over


def test_without_a_grace_it_is_over_at_once() -> None:
    """Where no load balancer has to hear of it."""
    drain = Drain()
    drain.begin()
    assert drain.is_over
