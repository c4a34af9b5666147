"""Departments from gender, age group and product type."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.departments import (
    AgeGroup,
    Department,
    DepartmentTable,
    Family,
    Gender,
    department_from_code,
    name_of,
)

TABLE = DepartmentTable.default()


def family_of(product_type: str, category: str | None = None) -> Family:
    """Return the family that the built-in words give."""
    return department_from_code(TABLE.department_of(None, None, product_type, category)).family


@pytest.mark.parametrize(
    ("product_type", "family"),
    [
        ("Dresses", Family.DRESSES),
        ("T-Shirt Dress", Family.DRESSES),
        ("Women > Clothing > Shirt Dresses", Family.DRESSES),
        ("Men > Dress Shirts", Family.TOPS),
        ("Dress shoes", Family.SHOES),
        ("Shoe bag", Family.ACCESSORIES),
        ("Dress with belt", Family.DRESSES),
        ("Women > Dresses > Midi", Family.DRESSES),
        ("midi", Family.DRESSES),
        ("Skirts / midi", Family.BOTTOMS),
        ("Midi skirt", Family.BOTTOMS),
        ("Swim shorts", Family.SWIMWEAR),
        ("Bikini tops", Family.SWIMWEAR),
        ("Bikini top", Family.SWIMWEAR),
        ("Boxer shorts", Family.UNDERWEAR),
        ("Sports bras", Family.BRAS),
        ("Apparel & Accessories > Clothing > Outerwear > Coats & Jackets", Family.OUTERWEAR),
        ("Apparel & Accessories > Shoes", Family.SHOES),
        ("Damen > Sommerkleider", Family.DRESSES),
        ("Herren | Lederjacke", Family.OUTERWEAR),
        ("Robes longues", Family.DRESSES),
        ("Pantalon de costume", Family.BOTTOMS),
        ("Maillot de bain", Family.SWIMWEAR),
        ("Scarpe da donna", Family.SHOES),
        ("Gonna", Family.BOTTOMS),
        ("Address labels", Family.OTHER),
        ("Garden tools", Family.OTHER),
        ("", Family.OTHER),
    ],
)
def test_the_head_of_a_product_type_names_the_family(product_type: str, family: Family) -> None:
    """What a garment is follows from whole words, the last level and the head of its phrase."""
    assert family_of(product_type) is family


def test_the_shops_own_words_come_before_googles() -> None:
    """Google's category decides only where the product type names no garment, by name or by id."""
    assert family_of("Tops", "Apparel & Accessories > Shoes") is Family.TOPS
    assert family_of("New in", "Apparel & Accessories > Shoes") is Family.SHOES
    assert family_of("New in", "2271") is Family.DRESSES
    assert family_of("New in", "999999") is Family.OTHER


@pytest.mark.parametrize(
    ("gender", "age_group", "product_type", "expected"),
    [
        ("female", "adult", "Shoes", (Gender.FEMALE, AgeGroup.ADULT)),
        ("Female", None, "Men > Shoes", (Gender.FEMALE, AgeGroup.ADULT)),
        (None, None, "Men's Shoes", (Gender.MALE, AgeGroup.ADULT)),
        (None, None, "Women’s Shoes", (Gender.FEMALE, AgeGroup.ADULT)),
        (None, None, "Boys > Shoes", (Gender.MALE, AgeGroup.KIDS)),
        (None, None, "Women > Men > Shoes", (Gender.UNISEX, AgeGroup.ADULT)),
        (None, "toddler", "Girls > Shoes", (Gender.FEMALE, AgeGroup.TODDLER)),
        ("robot", "ancient", "Shoes", (Gender.UNISEX, AgeGroup.ADULT)),
    ],
)
def test_gender_and_age_come_from_the_feed_then_from_words(
    gender: str | None, age_group: str | None, product_type: str, expected: tuple[Gender, AgeGroup]
) -> None:
    """The feed's fields count first, words of the product type next, unisex and adult last."""
    found = department_from_code(TABLE.department_of(gender, age_group, product_type, None))
    assert (found.gender, found.age_group, found.family) == (*expected, Family.SHOES)


@given(st.integers(0, 239))
def test_codes_and_departments_are_one_to_one(code: int) -> None:
    """Each byte below 240 is one department, with a name."""
    assert department_from_code(code).code == code
    assert len(name_of(code).split()) == 3


def test_names_are_readable_and_unknown_codes_refused() -> None:
    """A report can say what a code means; 240 and more mean nothing."""
    assert name_of(Department(Gender.FEMALE, AgeGroup.ADULT, Family.DRESSES).code) == "female adult dresses"
    with pytest.raises(ValueError, match="240"):
        name_of(240)


def test_a_shop_overrides_the_table() -> None:
    """Words and product types from the shop's TOML file count before the built-in ones."""
    table = DepartmentTable.from_mapping(
        tomllib.loads(
            """
            words = { kurta = "tops" }
            [product_type]
            "Women > Gym" = "bottoms"
            "Mini Club" = { age_group = "kids", gender = "female" }
            "Mini Club > Babies" = { age_group = "infant" }
            """
        )
    )
    assert name_of(table.department_of("female", None, "Kurta", None)) == "female adult tops"
    assert name_of(table.department_of(None, None, "women > gym > Tops", None)) == "female adult bottoms"
    assert name_of(table.department_of(None, "adult", "Mini Club > Shoes", None)) == "female kids shoes"
    assert (
        name_of(table.department_of(None, None, "Mini Club > Babies > Shoes", None)) == "unisex infant shoes"
    )
    assert name_of(TABLE.department_of(None, None, "Kurta", None)) == "unisex adult other"


@pytest.mark.parametrize(
    ("mapping", "where"),
    [
        ({"families": {}}, "families"),
        ({"words": {"kurta": "hats and caps"}}, "departments.words.kurta"),
        ({"words": []}, "must be tables"),
        ({"product_type": {"Gym": {"sex": "female"}}}, "sex"),
        ({"product_type": {"Gym": {"gender": "women"}}}, "departments.product_type.Gym.gender"),
        ({"product_type": {"Gym": 3}}, "departments.product_type.Gym"),
    ],
)
def test_a_wrong_override_says_where(mapping: dict[str, object], where: str) -> None:
    """A shop's mistake in its table is named with its place."""
    with pytest.raises(ValueError, match=where):
        DepartmentTable.from_mapping(mapping)


@given(*(st.one_of(st.none(), st.text(max_size=30)) for _ in range(4)))
def test_any_feed_row_has_a_department(
    gender: str | None, age_group: str | None, product_type: str | None, category: str | None
) -> None:
    """No text in a feed raises, and the answer is a valid code."""
    assert 0 <= TABLE.department_of(gender, age_group, product_type, category) < 240
