"""Ladders: order, steps and the kernel."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.departments import AgeGroup, Department, Family, Gender
from recommender.sizes.labels import parse_size
from recommender.sizes.ladder import NOT_OFFERED, SAME_SIZE, Ladder
from recommender.sizes.scales import Scale
from recommender.sizes.size import Size

DRESSES = Department(Gender.FEMALE, AgeGroup.ADULT, Family.DRESSES).code
JEANS = Department(Gender.MALE, AgeGroup.ADULT, Family.BOTTOMS).code


def us(number: int) -> Size:
    """Return a US clothing size."""
    return Size(Scale.CLOTHING_US, 2 * number, 0)


def ladder(*sizes: Size | None, department: int = DRESSES) -> Ladder:
    """Return the ladder of some sizes."""
    made = Ladder.of(sizes, department)
    assert made is not None
    return made


def test_sizes_are_ordered_and_distinct() -> None:
    """A ladder holds each size once, from 00 up, however often and in which order SKUs name them."""
    double_zero = parse_size("00", department=DRESSES, size_system="US", size_type=None)
    assert ladder(us(8), us(0), None, us(8), double_zero, us(2)).sizes == (double_zero, us(0), us(2), us(8))


def test_equal_ladders_are_one_object() -> None:
    """Items share ladders, and with them what was computed for one."""
    assert ladder(us(4), us(6)) is ladder(us(6), us(4), us(4))


def test_no_readable_size_is_no_ladder() -> None:
    """An item whose labels cannot be read has no ladder."""
    assert Ladder.of([None, None], DRESSES) is None


def test_the_larger_scale_is_the_ladder() -> None:
    """An item that comes in regular and a few petite sizes is asked about in regular ones."""
    petite = parse_size("4P", department=DRESSES, size_system="US", size_type=None)
    assert ladder(petite, us(4), us(6)).scale == Scale.CLOTHING_US


def test_a_hole_counts_as_the_steps_it_leaves_out() -> None:
    """Between 8 and 14 lie two sizes that the item does not come in."""
    rungs = ladder(us(6), us(8), us(14))
    assert rungs.steps_between(0, 1) == 1
    assert rungs.steps_between(1, 2) == 3


def test_half_sizes_are_steps_where_the_shoe_has_them() -> None:
    """A step is what the item's own neighbours differ by."""
    shoes = Department(Gender.FEMALE, AgeGroup.ADULT, Family.SHOES).code
    rungs = ladder(*(Size(Scale.SHOE_EU, half, 0) for half in range(74, 80)), department=shoes)
    assert rungs.steps_between(0, 1) == 1


def test_evidence_of_another_system_is_converted() -> None:
    """A UK 12 lies exactly on the rung of the US 8."""
    row = ladder(us(6), us(8), us(10)).kernel_row(Size(Scale.CLOTHING_UK, 24, 0))
    assert row is not None
    assert row[1] == 1.0


@pytest.mark.parametrize(
    "size", [Size(Scale.ALPHA, 20, 0), Size(Scale.CLOTHING, 16, 0), Size(Scale.SHOE_US, 16, 0)]
)
def test_what_no_table_brings_here_cannot_be_placed(size: Size) -> None:
    """Letters, a shop's own numbers and shoe sizes say nothing on a ladder of US dresses."""
    assert ladder(us(6), us(8)).kernel_row(size) is None


def test_a_waist_without_inseam_cannot_pick_an_inseam() -> None:
    """W32 is no evidence among W32/L30 and W32/L34, but W32/L34 is among waists alone."""
    both = ladder(Size(Scale.WAIST_INSEAM, 64, 60), Size(Scale.WAIST_INSEAM, 64, 68), department=JEANS)
    waists = ladder(Size(Scale.WAIST_INSEAM, 64, 0), Size(Scale.WAIST_INSEAM, 66, 0), department=JEANS)
    assert both.kernel_row(Size(Scale.WAIST_INSEAM, 64, 0)) is None
    row = waists.kernel_row(Size(Scale.WAIST_INSEAM, 64, 68))
    assert row is not None
    assert row[0] == 1.0


VALUES = st.lists(st.integers(0, 120), min_size=1, max_size=20, unique=True)


@given(
    VALUES,
    st.integers(0, 140),
    st.sampled_from([Scale.CLOTHING, Scale.CLOTHING_US, Scale.SHOE_EU, Scale.ALPHA]),
)
def test_the_kernel_falls_from_the_evidence(values: list[int], at: int, scale: Scale) -> None:
    """Closeness is 1 on the evidence's own rung and falls to both sides of it."""
    department = Department(
        Gender.FEMALE, AgeGroup.ADULT, Family.SHOES if scale == Scale.SHOE_EU else Family.TOPS
    ).code
    rungs = ladder(*(Size(scale, value, 0) for value in values), department=department)
    row = rungs.kernel_row(Size(scale, at, 0))
    assert row is not None
    assert all(0.0 <= closeness <= 1.0 for closeness in row)
    if at in values:
        assert row[sorted(values).index(at)] == 1.0
    ordered = sorted(values)
    below = [closeness for value, closeness in zip(ordered, row, strict=True) if value <= at]
    above = [closeness for value, closeness in zip(ordered, row, strict=True) if value >= at]
    assert all(first <= second for first, second in pairwise(below))
    assert all(first >= second for first, second in pairwise(above))


@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=6, unique=True),
    st.integers(0, 14),
    st.sampled_from([Scale.CLOTHING_US, Scale.CLOTHING_EU, Scale.ALPHA]),
)
def test_a_rung_is_the_size_itself_or_none(values: list[int], wanted: int, scale: Scale) -> None:
    """A size that the ladder has is found, a neighbour never stands in for it, and what cannot be placed is unsure."""
    rungs = ladder(*(us(value) for value in values))
    size = Size(scale, 2 * wanted, 0)
    closeness = rungs.kernel_row(size)
    for _ in range(2):  # the second answer is a remembered one
        rung = rungs.rung_of(size)
        if closeness is None:
            assert rung is None
        elif max(closeness) > SAME_SIZE:
            assert rung == closeness.index(max(closeness))
        else:
            assert rung == NOT_OFFERED
        if scale == Scale.CLOTHING_US:
            assert rung == rungs.index.get(size, NOT_OFFERED)
