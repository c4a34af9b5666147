"""Circuit breakers, by the clock of a test: when they open, what closes them, and what tells them nothing."""

import pytest

from service.stores.multiplexed.breaker import (
    LONGEST_PAUSE_SECONDS,
    SETTLED_SECONDS,
    SHORTEST_PAUSE_SECONDS,
    STRIKES,
    Breaker,
    Breakers,
)

PAGES, EVENTS = 0.03, 1.0


def strike(breakers: Breakers, times: int, *, at: float, patience: float = PAGES) -> int:
    """Let calls sent at ``at`` go unanswered; return how many of them opened a breaker."""
    deadline = at + patience
    return sum(breakers.missed(patience, deadline=deadline, now=deadline) for _ in range(times))


@pytest.fixture
def changes() -> list[tuple[float, bool]]:
    """What the breakers told of."""
    return []


@pytest.fixture
def breakers(changes: list[tuple[float, bool]]) -> Breakers:
    """Breakers of pages and events, all closed."""
    breakers = Breakers(lambda patience, is_open: changes.append((patience, is_open)))
    assert not breakers[PAGES].is_open
    assert not breakers[EVENTS].is_open
    return breakers


def test_a_few_calls_in_vain_open_it_once(breakers: Breakers, changes: list[tuple[float, bool]]) -> None:
    """Five in a row, whoever else is on the way; events are not concerned yet."""
    assert strike(breakers, STRIKES - 1, at=0.0) == 0
    assert strike(breakers, 10, at=0.0) == 1
    assert (breakers[PAGES].is_open, breakers[EVENTS].is_open) == (True, False)
    assert changes == [(PAGES, True)]


@pytest.mark.parametrize(("in_time", "in_vain", "opens"), [(2, 3, True), (1, 1, False), (9, 1, False)])
def test_it_opens_if_most_calls_are_in_vain(in_time: int, in_vain: int, opens: bool) -> None:
    """An answer takes back one call in vain: what fails now and then stays in use, what mostly fails does not."""
    breaker = Breaker()
    for turn in range(30):
        for _ in range(in_vain):
            breaker.missed(sent_at=turn, now=turn)
        for _ in range(in_time):
            breaker.answered()
    assert breaker.is_open is opens


def test_a_probe_that_is_fast_enough_closes_it(breakers: Breakers, changes: list[tuple[float, bool]]) -> None:
    """One that is answered after 200 ms, in time for events only, does not."""
    strike(breakers, STRIKES, at=0.0)
    breakers.probed({EVENTS}, now=0.3)
    assert breakers.are_open
    breakers.probed({PAGES, EVENTS}, now=0.5)
    assert not breakers.are_open
    assert changes == [(PAGES, True), (PAGES, False)]


def test_a_probe_without_an_answer_opens_it_for_events_too(breakers: Breakers) -> None:
    """What is silent for a second is out of reach for everybody; 200 ms only for pages."""
    strike(breakers, STRIKES, at=0.0)
    breakers.probed({EVENTS}, now=0.3)
    assert not breakers[EVENTS].is_open
    breakers.probed((), now=1.3)
    assert breakers[EVENTS].is_open
    breakers.probed({EVENTS}, now=2.0)
    assert (breakers[PAGES].is_open, breakers[EVENTS].is_open) == (True, False)


def test_calls_that_were_on_their_way_tell_nothing_new(breakers: Breakers) -> None:
    """After one hiccup a hundred calls end in vain, some of them when all is well again."""
    strike(breakers, STRIKES, at=0.0)
    breakers.probed({PAGES, EVENTS}, now=0.04)
    assert strike(breakers, 100, at=0.039) == 0
    assert not breakers.are_open


def test_what_fails_right_after_a_probe_opens_it_at_once(breakers: Breakers) -> None:
    """A server that answers probes and nothing else is found out by one call; once settled, by five again."""
    strike(breakers, STRIKES, at=0.0)
    breakers.probed({PAGES, EVENTS}, now=0.1)
    assert strike(breakers, 1, at=0.2) == 1
    breakers.probed({PAGES, EVENTS}, now=0.3)
    assert strike(breakers, STRIKES - 1, at=0.3 + SETTLED_SECONDS) == 0


def test_pauses_grow_up_to_a_second_and_start_afresh(breakers: Breakers) -> None:
    """Also over openings that follow one another; after a quiet time the first probe is repeated soon."""
    strike(breakers, STRIKES, at=0.0)
    pauses = [breakers.probed((), now=1.0 + turn) for turn in range(8)]
    assert pauses[0] == SHORTEST_PAUSE_SECONDS
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
    breakers.probed({PAGES, EVENTS}, now=10.0)
    strike(breakers, 1, at=10.1)
    assert breakers.probed((), now=10.2) == LONGEST_PAUSE_SECONDS
    breakers.probed({PAGES, EVENTS}, now=20.0)
    strike(breakers, STRIKES, at=30.0)
    assert breakers.probed((), now=30.2) == SHORTEST_PAUSE_SECONDS


def test_a_server_that_is_not_asked_any_more_leaves_nothing_open(
    breakers: Breakers, changes: list[tuple[float, bool]]
) -> None:
    """Whoever counts open breakers has to hear of it."""
    strike(breakers, STRIKES, at=0.0)
    breakers.probed((), now=1.0)
    breakers.close(now=2.0)
    assert sorted(changes[-2:]) == [(PAGES, False), (EVENTS, False)]
