"""What is held of a visitor who signs in becomes the customer's: the algebra of it, and the customer's variation wins."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.affinity import NO_EVIDENCE
from recommender.events import Event, EventItem, EventName
from recommender.visitor.codec import (
    StateFormatError,
    decode_orders,
    decode_ring,
    decode_state,
    encode_orders,
    encode_ring,
    encode_state,
)
from recommender.visitor.holdings import NOTHING, Holdings
from recommender.visitor.ledger import VisitorLedger, ledger_of
from recommender.visitor.merging import merge, merge_exposures
from recommender.visitor.state import EXPOSURES_CAPACITY, Exposure, HomepagePin
from tests.visitor_events import START, effect, events

Exposures = tuple[Exposure, ...]


def exposures() -> st.SearchStrategy[Exposures]:
    """What a state holds: one exposure an experiment, newest first, at most 16."""
    one = st.builds(Exposure, st.integers(0, 50), st.integers(0, 3), st.integers(0, 24))
    lists = st.lists(one, max_size=EXPOSURES_CAPACITY, unique_by=lambda shown: shown.experiment_key)
    return lists.map(lambda found: tuple(sorted(found, reverse=True)))


def keys(held: Exposures) -> set[int]:
    """Return the experiments."""
    return {shown.experiment_key for shown in held}


def test_the_customers_variation_wins_over_a_newer_one() -> None:
    """What they saw on this device before signing in does not turn around their other ones."""
    customer = (Exposure(10, 1, 5),)
    visitor = (Exposure(99, 0, 5), Exposure(98, 2, 6))
    assert merge_exposures(customer, visitor) == (Exposure(98, 2, 6), Exposure(10, 1, 5))
    assert merge_exposures((), visitor) == visitor
    assert merge_exposures(customer, ()) == customer


@given(exposures(), exposures())
def test_a_merge_is_a_state_that_holds_all_that_the_customer_had(
    customer: Exposures, visitor: Exposures
) -> None:
    """One exposure an experiment, newest first, within the capacity; the rest are the visitor's newest."""
    merged = merge_exposures(customer, visitor)
    assert list(merged) == sorted(merged, reverse=True)
    assert len(keys(merged)) == len(merged) <= EXPOSURES_CAPACITY
    assert set(customer) <= set(merged) <= set(customer) | set(visitor)
    added = set(merged) - set(customer)
    missed = {shown for shown in visitor if shown.experiment_key not in keys(merged)}
    if missed:
        assert len(merged) == EXPOSURES_CAPACITY
        assert not added or max(missed) < min(added)


@given(exposures(), exposures())
def test_merging_twice_is_merging_once(customer: Exposures, visitor: Exposures) -> None:
    """A sign-in that is told twice changes nothing, nor does one of the same account with itself."""
    merged = merge_exposures(customer, visitor)
    assert merge_exposures(merged, visitor) == merged
    assert merge_exposures(merged, merged) == merged


@given(exposures(), exposures(), exposures())
def test_the_order_of_two_visitors_does_not_matter_for_what_the_customer_had(
    customer: Exposures, phone: Exposures, laptop: Exposures
) -> None:
    """Whichever device signs in first; which experiments are held is the same, too, while there is room."""
    one = merge_exposures(merge_exposures(customer, phone), laptop)
    other = merge_exposures(merge_exposures(customer, laptop), phone)
    assert set(customer) <= set(one) & set(other)
    if len(keys(customer) | keys(phone) | keys(laptop)) <= EXPOSURES_CAPACITY:
        assert keys(one) == keys(other)


@given(exposures(), exposures())
def test_exposures_may_come_in_any_order(customer: Exposures, visitor: Exposures) -> None:
    """A set is merged, not a list."""
    assert merge_exposures(customer[::-1], visitor[::-1]) == merge_exposures(customer, visitor)


def _held(happened: list[Event]) -> Holdings:
    ledger = ledger_of(effect(event)[1] for event in happened)
    seen = int(max((event.timestamp for event in happened), default=0))
    pin = HomepagePin(seen, "promo") if seen % 2 else None
    return ledger.holdings(last_seen=seen, session_started=seen - seen % 100, homepage=pin)


_holdings = st.lists(events(), max_size=8).map(_held)


def _without_sums(held: Holdings) -> tuple[object, ...]:
    return msgspec.structs.replace(held.state, affinity=NO_EVIDENCE), set(held.ring), set(held.orders)


@given(_holdings)
@settings(max_examples=8)
def test_nothing_merges_into_anything(held: Holdings) -> None:
    """A customer who was never seen becomes what the visitor was, and a visitor of whom nothing is held changes nothing."""
    assert merge(NOTHING, held) == held
    assert merge(held, NOTHING) == held


@given(_holdings, _holdings)
@settings(max_examples=8)
def test_all_but_the_sums_may_be_merged_any_number_of_times(customer: Holdings, visitor: Holdings) -> None:
    """Which is why sums are what a store must add once for each transfer."""
    once = merge(customer, visitor)
    assert _without_sums(merge(once, visitor)) == _without_sums(once)


@given(_holdings, _holdings, _holdings)
@settings(max_examples=8)
def test_visitors_may_be_merged_in_any_order(customer: Holdings, phone: Holdings, laptop: Holdings) -> None:
    """Everything comes out alike, but for experiments that both visitors had seen and the customer had not."""
    one = merge(merge(customer, phone), laptop)
    other = merge(merge(customer, laptop), phone)
    both = {shown.experiment_key for shown in phone.state.exposures} & {
        shown.experiment_key for shown in laptop.state.exposures
    }
    seen = {shown.experiment_key for shown in customer.state.exposures}
    if both <= seen:
        assert _without_sums(one) == _without_sums(other)
    assert one.state.affinity == pytest.approx(other.state.affinity)
    assert {key.experiment_key for key in one.state.exposures} >= seen


@given(st.lists(events(), max_size=10, unique_by=lambda event: event.event_id), st.integers(0, 10))
@settings(max_examples=8)
def test_merging_is_as_if_one_had_done_it_all(happened: list[Event], cut: int) -> None:
    """But for what counts once a day, which neither knows of the other: the sums are at least those of one."""
    merged = merge(_held(happened[:cut]), _held(happened[cut:])).state
    whole = _held(happened).state
    for section in ("evidence", "cart", "cart_cleared_tick", "recently_viewed"):
        assert getattr(merged, section) == getattr(whole, section)
    assert merged.affinity.weight >= whole.affinity.weight * (1 - 1e-9)


def test_an_order_that_both_reported_counts_once() -> None:
    """By the report of the higher rank, whichever side has it."""
    by_browser, by_server = (
        _held([Event(EventName.PURCHASE, source, START, source, (EventItem("i1-8"),), transaction_id="t")])
        for source in ("browser", "server")
    )
    for merged in (merge(by_browser, by_server), merge(by_server, by_browser)):
        assert merged.state.affinity == by_server.state.affinity
        assert merged.orders == by_server.orders


def test_sums_of_two_half_lives_are_not_added() -> None:
    """The customer's stand until a rebuild; a customer without any takes the visitor's."""
    visitor = _held([Event(EventName.VIEW_ITEM, "v", START, "browser", (EventItem("i1-8"),))])
    other = visitor._replace(state=msgspec.structs.replace(visitor.state, affinity_version=7))
    assert merge(other, visitor).state.affinity == other.state.affinity
    assert merge(other, visitor).state.affinity_version == 7
    assert merge(NOTHING, other).state.affinity_version == 7


@given(_holdings, _holdings)
@settings(max_examples=8)
def test_a_ledger_takes_a_visitor_in_as_a_store_does(customer: Holdings, visitor: Holdings) -> None:
    """Which is how rebuilt states come out as the live ones."""
    ledger = VisitorLedger()
    ledger.absorb(customer)
    ledger.absorb(visitor)
    merged = merge(customer, visitor)
    assert _without_sums(ledger.holdings())[1:] == _without_sums(merged)[1:]
    state = msgspec.structs.replace(merged.state, homepage=None, last_seen=0, session_started=0)
    assert ledger.state() == state


@given(_holdings)
@settings(max_examples=8)
def test_holdings_survive_being_stored(held: Holdings) -> None:
    """State, ring and orders are read back as they were."""
    stored = encode_state(held.state), encode_ring(held.ring), encode_orders(held.orders)
    assert Holdings(decode_state(stored[0]), decode_ring(stored[1]), decode_orders(stored[2])) == held
    assert decode_ring(b"arrival") == ()
    with pytest.raises(StateFormatError):
        decode_orders(stored[2] + b"x")
