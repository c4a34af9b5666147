"""Conversion between size systems, by table or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.departments import AgeGroup, Department, Family, Gender
from recommender.sizes.conversion import convert
from recommender.sizes.labels import format_size, parse_size
from recommender.sizes.scales import Scale, SizeType, with_size_type
from recommender.sizes.size import Size

WOMEN = Department(Gender.FEMALE, AgeGroup.ADULT, Family.DRESSES).code
MEN_JACKETS = Department(Gender.MALE, AgeGroup.ADULT, Family.OUTERWEAR).code
MEN_TROUSERS = Department(Gender.MALE, AgeGroup.ADULT, Family.BOTTOMS).code
WOMEN_SHOES = Department(Gender.FEMALE, AgeGroup.ADULT, Family.SHOES).code
MEN_SHOES = Department(Gender.MALE, AgeGroup.ADULT, Family.SHOES).code
KIDS_SHOES = Department(Gender.MALE, AgeGroup.KIDS, Family.SHOES).code
BRAS = Department(Gender.FEMALE, AgeGroup.ADULT, Family.BRAS).code


@pytest.mark.parametrize(
    ("label", "system", "to_scale", "where", "expected"),
    [
        ("12", "UK", Scale.CLOTHING_DE, WOMEN, "38"),
        ("12", "UK", Scale.CLOTHING_FR, WOMEN, "40"),
        ("12", "UK", Scale.CLOTHING_IT, WOMEN, "44"),
        ("12", "UK", Scale.CLOTHING_US, WOMEN, "8"),
        ("8", "US", Scale.CLOTHING_EU, WOMEN, "38"),
        ("36", "DE", Scale.CLOTHING_JP, WOMEN, "9"),
        ("48", "EU", Scale.CLOTHING_US, MEN_JACKETS, "38"),
        ("50", "IT", Scale.CLOTHING_UK, MEN_JACKETS, "40"),
        ("42", "US", Scale.CLOTHING_EU, MEN_JACKETS, "52"),
        ("56", "DE", Scale.CLOTHING_US, MEN_JACKETS, "46"),
        ("42", "EU", Scale.SHOE_UK, MEN_SHOES, "8.5"),
        ("8", "UK", Scale.SHOE_US, MEN_SHOES, "9"),
        ("5", "UK", Scale.SHOE_US, WOMEN_SHOES, "7"),
        ("5", "UK", Scale.SHOE_EU, WOMEN_SHOES, "37.5"),
        ("10C", "US", Scale.SHOE_UK, KIDS_SHOES, "9"),
        ("34C", "UK", Scale.BRA_EU, BRAS, "75C"),
        ("34DD", "UK", Scale.BRA_FR, BRAS, "90E"),
        ("75B", "EU", Scale.BRA_IT, BRAS, "3B"),
    ],
)
def test_equal_bodies_convert(label: str, system: str, to_scale: int, where: int, expected: str) -> None:
    """Known equivalents come out of the body measurements that both systems are made for."""
    size = parse_size(label, department=where, size_system=system, size_type=None)
    assert size is not None
    converted = convert(size, to_scale, where)
    assert converted is not None
    assert (converted.scale, format_size(converted)) == (to_scale, expected)


def test_a_mens_trouser_size_is_two_inches_of_waist() -> None:
    """A German 48 is made for a waist of 82 cm, which is 32 inches."""
    assert convert(Size(Scale.CLOTHING_DE, 96, 0), Scale.WAIST_INSEAM, MEN_TROUSERS) == (
        Scale.WAIST_INSEAM,
        64,
        0,
    )


@pytest.mark.parametrize(
    ("size", "to_scale", "where"),
    [
        (Size(Scale.CLOTHING, 20, 0), Scale.CLOTHING_US, WOMEN),
        (Size(Scale.ALPHA, 20, 0), Scale.CLOTHING_US, WOMEN),
        (Size(Scale.CLOTHING_JP, 22, 0), Scale.CLOTHING_DE, WOMEN),
        (Size(Scale.CLOTHING_UK, 60, 0), Scale.CLOTHING_DE, WOMEN),
        (Size(with_size_type(Scale.CLOTHING_US, SizeType.PETITE), 16, 0), Scale.CLOTHING_UK, WOMEN),
        (Size(Scale.CLOTHING_US, 0, 1), Scale.CLOTHING_UK, WOMEN),
        (Size(Scale.CLOTHING_US, 16, 0), Scale.CLOTHING_BR, WOMEN),
        (Size(Scale.CLOTHING_US, 76, 0), Scale.CLOTHING_EU, WOMEN_SHOES),
        (Size(Scale.BRA_UK, 68, 16), Scale.BRA_EU, BRAS),
        (Size(Scale.BRA_EU, 150, 6), Scale.BRA_JP, BRAS),
        (
            Size(Scale.SHOE_EU, 78, 0),
            Scale.SHOE_UK,
            Department(Gender.UNISEX, AgeGroup.ADULT, Family.SHOES).code,
        ),
    ],
    ids=str,
)
def test_without_a_table_nothing_converts(size: Size, to_scale: int, where: int) -> None:
    """Unknown systems, other cuts, bodies between two sizes and departments without a table abstain."""
    assert convert(size, to_scale, where) is None


SCALES = {
    WOMEN: [Scale(code) for code in range(Scale.CLOTHING_US, Scale.CLOTHING_MEX + 1)],
    WOMEN_SHOES: [Scale(code) for code in range(Scale.SHOE_US, Scale.SHOE_MEX + 1)],
    MEN_JACKETS: [Scale(code) for code in range(Scale.CLOTHING_US, Scale.CLOTHING_MEX + 1)],
    BRAS: [Scale(code) for code in range(Scale.BRA_US, Scale.BRA_AU + 1)],
}


@given(st.data(), st.sampled_from(sorted(SCALES)))
def test_conversion_keeps_the_order_of_sizes(data: st.DataObject, where: int) -> None:
    """A larger size never converts to a smaller one than a smaller size does."""
    source, target = data.draw(st.sampled_from(SCALES[where])), data.draw(st.sampled_from(SCALES[where]))
    low, high = sorted(data.draw(st.tuples(st.integers(0, 240), st.integers(0, 240))))
    small, large = convert(Size(source, low, 0), target, where), convert(Size(source, high, 0), target, where)
    assert small is None or large is None or small.value <= large.value


@given(st.integers(2, 100), st.sampled_from(SCALES[WOMEN]), st.sampled_from(SCALES[WOMEN]))
def test_womens_clothing_converts_back_to_itself(value: int, source: Scale, target: Scale) -> None:
    """Where whole sizes convert both ways, the way back leads to where it began."""
    there = convert(Size(source, 4 * (value // 4), 0), target, WOMEN)
    back = None if there is None else convert(there, source, WOMEN)
    assert back is None or back == Size(source, 4 * (value // 4), 0) or Scale.CLOTHING_JP in {source, target}
