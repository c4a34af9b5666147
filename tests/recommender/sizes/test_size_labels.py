"""Reading size labels and writing sizes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.departments import AgeGroup, Department, Family, Gender
from recommender.sizes.labels import format_size, parse_size
from recommender.sizes.scales import SIZE_SYSTEMS, Scale, SizeType, base_of, size_system_of, size_type_in
from recommender.sizes.size import Size


def department(family: Family, gender: Gender = Gender.FEMALE, age_group: AgeGroup = AgeGroup.ADULT) -> int:
    """Return the code of a department, women's by default."""
    return Department(gender, age_group, family).code


DRESSES = department(Family.DRESSES)
TOPS = department(Family.TOPS)
JEANS = department(Family.BOTTOMS, Gender.MALE)
SHOES = department(Family.SHOES)
BRAS = department(Family.BRAS)
BOYS_TOPS = department(Family.TOPS, Gender.MALE, AgeGroup.KIDS)
BOYS_SHOES = department(Family.SHOES, Gender.MALE, AgeGroup.KIDS)


@pytest.mark.parametrize(
    ("label", "where", "system", "expected"),
    [
        ("10", DRESSES, "US", (Scale.CLOTHING_US, 20, 0)),
        ("10", DRESSES, "EU", (Scale.CLOTHING_EU, 20, 0)),
        ("10", DRESSES, None, (Scale.CLOTHING, 20, 0)),
        ("00", DRESSES, "US", (Scale.CLOTHING_US, 0, 1)),
        ("UK 12", DRESSES, None, (Scale.CLOTHING_UK, 24, 0)),
        ("UK12", DRESSES, None, (Scale.CLOTHING_UK, 24, 0)),
        ("12 (UK)", DRESSES, None, (Scale.CLOTHING_UK, 24, 0)),
        ("US 8 / UK 12 / EU 40", DRESSES, "UK", (Scale.CLOTHING_UK, 24, 0)),
        ("US 8 / UK 12 / EU 40", DRESSES, None, (Scale.CLOTHING_US, 16, 0)),
        ("38/40", DRESSES, "DE", (Scale.CLOTHING_DE, 78, 0)),
        ("XXL", TOPS, None, (Scale.ALPHA, 26, 0)),
        ("2xl", TOPS, "US", (Scale.ALPHA, 26, 0)),
        ("XXS", TOPS, None, (Scale.ALPHA, 14, 0)),
        ("5XL", TOPS, None, (Scale.ALPHA, 32, 0)),
        ("S/M", TOPS, None, (Scale.ALPHA, 19, 0)),
        ("X-Large", TOPS, None, (Scale.ALPHA, 24, 0)),
        ("XX-Large", TOPS, None, (Scale.ALPHA, 26, 0)),
        ("2X Large", TOPS, None, (Scale.ALPHA, 26, 0)),
        ("M-L", TOPS, None, (Scale.ALPHA, 21, 0)),
        ("M", TOPS, "JP", (Scale.ALPHA_ASIA, 20, 0)),
        ("W32/L34", JEANS, None, (Scale.WAIST_INSEAM, 64, 68)),
        ("32x34", JEANS, "US", (Scale.WAIST_INSEAM, 64, 68)),
        ("32W x 34L", JEANS, "US", (Scale.WAIST_INSEAM, 64, 68)),
        ("32/34", JEANS, "EU", (Scale.WAIST_INSEAM, 64, 68)),
        ("32", JEANS, "US", (Scale.WAIST_INSEAM, 64, 0)),
        ("36/38", department(Family.BOTTOMS), "EU", (Scale.CLOTHING_EU, 74, 0)),
        ("8.5", SHOES, "US", (Scale.SHOE_US, 17, 0)),
        ("8 ½", SHOES, "US", (Scale.SHOE_US, 17, 0)),
        ("8,5", SHOES, "UK", (Scale.SHOE_UK, 17, 0)),
        ("EU 38 2/3", SHOES, None, (Scale.SHOE_EU, 77, 0)),
        ("37 1/3", SHOES, "EU", (Scale.SHOE_EU, 75, 0)),
        ("8.5 wide", SHOES, "US", (Scale.SHOE_US, 17, 2)),
        ("13C", BOYS_SHOES, "US", (Scale.SHOE_US, 26, 0)),
        ("1Y", BOYS_SHOES, "US", (Scale.SHOE_US, 28, 0)),
        ("34C", BRAS, "US", (Scale.BRA_US, 68, 6)),
        ("34DDD", BRAS, "US", (Scale.BRA_US, 68, 12)),
        ("34F", BRAS, "US", (Scale.BRA_US, 68, 12)),
        ("34F", BRAS, "UK", (Scale.BRA_UK, 68, 14)),
        ("75B", BRAS, "EU", (Scale.BRA_EU, 150, 4)),
        ("C75", BRAS, "JP", (Scale.BRA_JP, 150, 6)),
        ("M", BRAS, None, (Scale.ALPHA, 20, 0)),
        ("110/116", BOYS_TOPS, "EU", (Scale.HEIGHT, 226, 0)),
        ("6-9M", BOYS_TOPS, None, (Scale.AGE, 15, 0)),
        ("4 years", BOYS_TOPS, "UK", (Scale.AGE, 96, 0)),
        ("One Size", TOPS, None, (Scale.ONE_SIZE, 0, 0)),
    ],
)
def test_labels_are_read(label: str, where: int, system: str | None, expected: tuple[int, int, int]) -> None:
    """Each way in which feeds write sizes gives the scale and the half units it means."""
    assert parse_size(label, department=where, size_system=system, size_type=None) == Size(*expected)


@pytest.mark.parametrize(
    ("label", "where", "system"),
    [
        ("", TOPS, None),
        ("n/a", TOPS, None),
        ("see description", DRESSES, "US"),
        ("US 8", SHOES, "EU"),
        ("US 10 / EU 42", SHOES, "UK"),
        ("6X", BOYS_TOPS, "US"),
        ("8", SHOES, "MARS"),
        ("34Q", BRAS, "UK"),
        ("XS-XL", TOPS, None),
        ("13C", SHOES, "US"),
        ("-4", DRESSES, "US"),
        ("10", DRESSES, "US\x00"),
    ],
)
def test_what_cannot_be_told_is_not_guessed(label: str, where: int, system: str | None) -> None:
    """Unreadable or contradictory labels give no size, so that Kabin abstains."""
    assert parse_size(label, department=where, size_system=system, size_type=None) is None


@pytest.mark.parametrize(
    ("label", "size_type", "expected"),
    [
        ("12", "petite", SizeType.PETITE),
        ("12 Petite", None, SizeType.PETITE),
        ("12P", None, SizeType.PETITE),
        ("Tall M", None, SizeType.TALL),
        ("1X", None, SizeType.PLUS),
        ("18W", None, SizeType.PLUS),
        ("18", "big and tall", SizeType.BIG_AND_TALL),
        ("12", "regular", SizeType.REGULAR),
    ],
)
def test_cuts_are_scales_of_their_own(label: str, size_type: str | None, expected: SizeType) -> None:
    """Petite, plus and the like never compare with regular sizes, wherever the feed states them."""
    size = parse_size(label, department=DRESSES, size_system="US", size_type=size_type)
    assert size is not None
    assert size_type_in(size.scale) is expected


def test_a_cut_that_contradicts_the_feed_is_not_read() -> None:
    """A label that says petite in a row that says tall tells nothing."""
    assert parse_size("12 Petite", department=DRESSES, size_system="US", size_type="tall") is None
    assert parse_size("12", department=DRESSES, size_system="US", size_type="hovercraft") is None


@pytest.mark.parametrize("label", ["1", "1M", "1 M", "1D", "1Y"])
def test_a_width_does_not_make_a_youths_shoe_a_childs(label: str) -> None:
    """Kids' 1 medium is the size after 13½, as kids' 1 is; only a C, K or T says that it is the toddler's."""
    shoes = Department(Gender.MALE, AgeGroup.KIDS, Family.SHOES).code
    assert parse_size(label, department=shoes, size_system="US") == Size(Scale.SHOE_US, 28, 0)
    assert parse_size("1C", department=shoes, size_system="US") == Size(Scale.SHOE_US, 2, 0)


SYSTEMS = st.sampled_from([None, *SIZE_SYSTEMS])
LABELS = st.one_of(
    st.integers(0, 60).map(str),
    st.integers(2, 100).map(lambda half: f"{half / 2:g}"),
    st.sampled_from(
        ["XXS", "S", "M", "XL", "3XL", "S/M", "00", "ONE SIZE", "W32", "W32/L34", "30x32", "7 W"]
    ),
    st.builds(lambda band, cup: f"{band}{cup}", st.sampled_from([30, 34, 75, 90]), st.sampled_from("ABCDE")),
    st.builds(lambda low: f"{low}/{low + 6}", st.integers(80, 150)),
    st.builds(lambda months: f"{months}M", st.integers(0, 36)),
)


@given(LABELS, SYSTEMS, st.sampled_from([None, "petite", "plus"]), st.integers(0, 239))
def test_a_formatted_size_reads_back_as_itself(
    label: str, system: str | None, size_type: str | None, where: int
) -> None:
    """Formatting and parsing again, in the same department, system and cut, gives the same size."""
    size = parse_size(label, department=where, size_system=system, size_type=size_type)
    if size is None:
        return
    again = parse_size(format_size(size), department=where, size_system=system, size_type=size_type)
    assert again == size
    assert 0 <= size.scale < 256
    assert 0 <= size.value < 65_536
    assert 0 <= size.second < 256
    stated = size_system_of(size.scale)
    assert stated is None or stated == system


@given(st.text(max_size=20), st.text(max_size=6), st.text(max_size=10), st.integers(0, 239))
def test_any_text_is_read_or_refused_without_an_error(
    label: str, system: str, size_type: str, where: int
) -> None:
    """No label, system or cut of a feed can raise."""
    size = parse_size(label, department=where, size_system=system, size_type=size_type)
    assert size is None or base_of(size.scale) in list(Scale)
