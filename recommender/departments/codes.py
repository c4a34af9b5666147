"""Department codes: gender × age group × garment family in one byte.

Codes are stored in visitors' states: never renumber these enums.
"""

from enum import IntEnum
from typing import NamedTuple


class Gender(IntEnum):
    """Merchant Center's ``gender``; a garment that states none counts as unisex."""

    UNISEX = 0
    FEMALE = 1
    MALE = 2


class AgeGroup(IntEnum):
    """Merchant Center's ``age_group``; a garment that states none is for adults, as in Merchant Center."""

    ADULT = 0
    KIDS = 1
    TODDLER = 2
    INFANT = 3
    NEWBORN = 4


class Family(IntEnum):
    """Garment families whose sizes one body wears alike."""

    OTHER = 0
    TOPS = 1
    BOTTOMS = 2
    DRESSES = 3
    """Dresses, gowns, jumpsuits and rompers: one garment from shoulder to hem."""
    OUTERWEAR = 4
    """Coats, jackets, blazers and suits."""
    SHOES = 5
    BRAS = 6
    UNDERWEAR = 7
    SWIMWEAR = 8
    ACCESSORIES = 9
    HOSIERY = 10
    SLEEPWEAR = 11
    HEADWEAR = 12
    GLOVES = 13
    BELTS = 14
    JEWELRY = 15


class Department(NamedTuple):
    """What a department code stands for."""

    gender: Gender
    age_group: AgeGroup
    family: Family

    @property
    def code(self) -> int:
        """The department's byte: ``family + 16 × (gender + 3 × age group)``, below 240."""
        return self.family + 16 * (self.gender + 3 * self.age_group)


def department_from_code(code: int) -> Department:
    """Return the department of a code.

    Raises:
        ValueError: the code is outside ``[0, 240)``.
    """
    if not 0 <= code < 240:
        raise ValueError(f"department code {code} is outside 0 to 239; take codes from DepartmentTable")
    rest, family = divmod(code, 16)
    age_group, gender = divmod(rest, 3)
    return Department(Gender(gender), AgeGroup(age_group), Family(family))


def name_of(code: int) -> str:
    """Return a readable name, e.g. ``"female adult dresses"``.

    Raises:
        ValueError: the code is outside ``[0, 240)``.
    """
    return " ".join(part.name.lower() for part in department_from_code(code))
