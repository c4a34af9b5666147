"""Exposures of a visitor who signs in: the customer's variation wins."""

from hypothesis import given
from hypothesis import strategies as st

from recommender.visitor.merging import merge_exposures
from recommender.visitor.state import EXPOSURES_CAPACITY, Exposure

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
