"""Rates: what they admit over any time, and whose request one is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.rate_limits import AddressRates
from service.stores.rates import MICROSECONDS, Rate, early_us, next_arrival

NOW = 1_763_740_800.0
NOW_US = int(NOW) * MICROSECONDS
PROXIES = ("10.0.0.0/8", "2a02:ff::/32")

RATES = st.builds(Rate.of, st.floats(0.01, 10_000), st.integers(1, 500))
PAUSES_US = st.lists(st.integers(0, 5 * MICROSECONDS), max_size=60)


def admitted_at(rate: Rate, pauses_us: list[int]) -> list[int]:
    """Return the moments of the requests that are admitted, of those that come after the given pauses."""
    arrival_us, now_us, admitted = 0, NOW_US, []
    for pause_us in pauses_us:
        now_us += pause_us
        after_us = next_arrival(arrival_us, now_us, rate)
        if early_us(after_us, now_us, rate) <= 0:
            arrival_us = after_us
            admitted.append(now_us)
    return admitted


@given(RATES, PAUSES_US)
def test_in_any_time_no_more_is_admitted_than_rate_and_burst(rate: Rate, pauses_us: list[int]) -> None:
    """However requests come: between any two moments at most a burst and what the rate makes of the time."""
    admitted = admitted_at(rate, pauses_us)
    for first, start_us in enumerate(admitted):
        for number, end_us in enumerate(admitted[first:], start=1):
            assert number * rate.spacing_us <= rate.reach_us + (end_us - start_us)


@given(RATES, PAUSES_US)
def test_who_keeps_to_the_rate_is_always_admitted(rate: Rate, pauses_us: list[int]) -> None:
    """Requests at least one spacing apart are never turned away."""
    kept = [pause_us + rate.spacing_us for pause_us in pauses_us]
    assert len(admitted_at(rate, kept)) == len(kept)


@given(RATES, st.integers(0, MICROSECONDS))
def test_the_time_to_wait_is_exact(rate: Rate, pause_us: int) -> None:
    """Whoever waits as told is admitted; a microsecond earlier they are not."""
    arrival_us = 0
    for _ in range(rate.reach_us // rate.spacing_us):
        arrival_us = next_arrival(arrival_us, NOW_US, rate)
        assert early_us(arrival_us, NOW_US, rate) <= 0
    now_us = NOW_US + pause_us
    wait_us = early_us(next_arrival(arrival_us, now_us, rate), now_us, rate)
    if wait_us > 0:
        at_us = now_us + wait_us
        assert early_us(next_arrival(arrival_us, at_us, rate), at_us, rate) == 0
        assert early_us(next_arrival(arrival_us, at_us - 1, rate), at_us - 1, rate) == 1


@given(RATES, st.integers(0, 2**56 - 1))
def test_no_stored_number_locks_anybody_out(rate: Rate, arrival_us: int) -> None:
    """Whatever is stored, nobody waits longer than one spacing."""
    assert early_us(next_arrival(arrival_us, NOW_US, rate), NOW_US, rate) <= rate.spacing_us


def burst(rates: AddressRates, peer: str | None, forwarded: bytes | None = None, now: float = NOW) -> int:
    """Return how many of ten requests at once are admitted."""
    return sum(rates.admit(peer, forwarded, now) == 0.0 for _ in range(10))


def test_each_address_has_its_own_rate() -> None:
    """A burst, then the rate; another address is not touched by it, and of IPv6 a /64 is one."""
    rates = AddressRates(Rate.of(2, 5))
    assert burst(rates, "8.8.8.8") == 5
    assert rates.admit("8.8.8.8", None, NOW) == 0.5
    assert burst(rates, "8.8.8.8", now=NOW + 1) == 2
    assert burst(rates, "8.8.4.4") == 5
    assert burst(rates, "2a00:1450:1:2::1") == 5
    assert burst(rates, "2a00:1450:1:2:ffff::9") == 0
    assert burst(rates, "2a00:1450:1:3::1") == 5


@pytest.mark.parametrize(
    "peer",
    [
        None,
        "",
        "127.0.0.1",
        "::1",
        "192.168.1.4",
        "172.16.0.1",
        "100.64.1.1",
        "fd00::1",
        "fe80::1%eth0",
        "a-socket",
    ],
)
def test_what_is_not_public_is_let_through(peer: str | None) -> None:
    """The shop's own proxy or server is no browser: limiting it would limit everybody at once."""
    rates = AddressRates(Rate.of(2, 5))
    assert burst(rates, peer, b"8.8.8.8") == 10


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("8.8.8.8", b"1.1.1.1", "8.8.8.8"),
        ("::ffff:8.8.8.8", None, "8.8.8.8"),
        ("10.0.0.1", b"1.1.1.1", "1.1.1.1"),
        ("::ffff:10.0.0.1", b"1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", b"8.8.8.8, 1.1.1.1,10.2.2.2, 2a02:ff::1", "1.1.1.1"),
        ("10.0.0.1", b"1.1.1.1:5678", "1.1.1.1"),
        ("10.0.0.1", b"[2a00:1450:1:2::1]:443", "2a00:1450:1:2::/64"),
        ("10.0.0.1", b"8.8.8.8, 192.168.0.9", None),
        ("10.0.0.1", b"8.8.8.8, unknown, 10.2.2.2", None),
        ("10.0.0.1", b"10.9.9.9", None),
        ("10.0.0.1", b"", None),
        ("10.0.0.1", None, None),
        ("10.0.0.1", b"6.6.6.6, " * 100 + b"1.1.1.1", "1.1.1.1"),
    ],
)
def test_whose_request_it_is(peer: str, forwarded: bytes | None, client: str | None) -> None:
    """Only trusted proxies are believed: the last address that is none of theirs counts, however it is written."""
    rates = AddressRates(Rate.of(2, 5), PROXIES)
    if client is None:
        assert burst(rates, peer, forwarded) == 10
        return
    assert burst(rates, peer, forwarded) == 5
    assert burst(rates, client.replace("/64", "1")) == 0


def test_memory_is_bounded() -> None:
    """However many addresses come, no more are remembered than there is room for; silent ones are forgotten."""
    rates = AddressRates(Rate.of(2, 5), capacity=100)
    for number in range(1000):
        rates.admit(f"8.8.{number // 250}.{number % 250}", None, NOW)
        assert rates.remembered <= 100
    for later in (10, 20):
        rates.admit("8.8.8.8", None, NOW + later)
    assert rates.remembered == 1


def test_the_last_ones_are_remembered_through_a_turn() -> None:
    """An address whose arrival is ahead of the clock keeps it while others make memory turn over."""
    rates = AddressRates(Rate.of(2, 5), capacity=100)
    assert burst(rates, "8.8.8.8") == 5
    for number in range(50):
        rates.admit(f"8.8.4.{number}", None, NOW + number * 0.04)
    assert rates.admit("8.8.8.8", None, NOW) > 0.0
    assert burst(rates, "8.8.8.8", now=NOW + 2.4) == 4


def test_without_a_rate_everybody_is_let_through() -> None:
    """A rate of 0 switches the limit off."""
    assert burst(AddressRates(None), "8.8.8.8") == 10


def test_a_proxy_that_is_no_network_is_refused() -> None:
    """Only networks and addresses can be trusted."""
    with pytest.raises(ValueError, match="shop"):
        AddressRates(None, ["shop.example"])
