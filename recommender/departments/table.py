"""Departments: who a garment is for and what it is, in one byte.

A visitor's size in one department says nothing about another (a 10 in shoes is no 10 in dresses), so
size evidence is kept by department: gender × age group × garment family. Gender and age group come from
the Merchant Center fields of the same names, the family from words of ``product_type`` and
``google_product_category`` (the shop's own words first). The words are in
:mod:`recommender.departments.words`; a shop overrides them with :meth:`DepartmentTable.from_mapping`.
"""

import re
from collections.abc import Mapping
from enum import IntEnum
from functools import lru_cache
from typing import Final, NamedTuple, Self, TypeVar

from recommender.departments.codes import (
    AgeGroup,
    Department,
    Family,
    Gender,
)
from recommender.departments.words import (
    AGE_WORDS,
    FAMILY_WORDS,
    GENDER_WORDS,
    GOOGLE_CATEGORIES,
    PHRASES,
    SUFFIXES,
    WEAK_WORDS,
)

_WORD: Final = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_HEAD_ENDS: Final = frozenset(
    [
        "with",
        "for",
        "in",
        "of",
        "mit",
        "für",
        "aus",
        "avec",
        "pour",
        "en",
        "de",
        "du",
        "des",
        "con",
        "per",
        "di",
        "da",
    ],
)
"""What follows these words qualifies the garment before them ("dress with belt", "pantalon de costume")."""
_LEVELS: Final = re.compile(r"\s*(?:>|/|\|)\s*")
_Kind = TypeVar("_Kind", bound=IntEnum)


class Override(NamedTuple):
    """What a shop says about a product type and everything below it; ``None`` leaves the field's own value."""

    family: Family | None = None
    gender: Gender | None = None
    age_group: AgeGroup | None = None


def _by_word(table: Mapping[_Kind, str]) -> dict[str, _Kind]:
    return {word: code for code, words in table.items() for word in words.split()}


def _member(kind: type[_Kind], value: object, where: str) -> _Kind:
    try:
        return kind[str(value).strip().upper()]
    except KeyError:
        allowed = ", ".join(member.name.lower() for member in kind)
        raise ValueError(f"{where}: {value!r} is none of {allowed}") from None


def _override(value: object, where: str) -> Override:
    if isinstance(value, str):
        return Override(family=_member(Family, value, where))
    if not isinstance(value, Mapping):
        raise ValueError(f"{where}: expected a family, or a table of family, gender, age_group")  # noqa: TRY004 - see from_mapping
    unknown = set(value) - {"family", "gender", "age_group"}
    if unknown:
        raise ValueError(f"{where}: unknown key {min(unknown)!r}; allowed are family, gender, age_group")
    return Override(
        family=_member(Family, value["family"], f"{where}.family") if "family" in value else None,
        gender=_member(Gender, value["gender"], f"{where}.gender") if "gender" in value else None,
        age_group=_member(AgeGroup, value["age_group"], f"{where}.age_group")
        if "age_group" in value
        else None,
    )


def _path(text: str) -> tuple[str, ...]:
    """Split ``"Women > Dresses"`` into lower-case levels."""
    return tuple(level for level in _LEVELS.split(text.strip().lower().replace("’", "'")) if level)


class DepartmentTable:
    """Assigns departments by the built-in words and by what a shop adds or changes.

    Answers are remembered by the distinct strings of a feed (65,536 of them), so a million SKUs with some
    thousand product types cost one dictionary lookup each.
    """

    def __init__(
        self,
        *,
        words: Mapping[str, Family] | None = None,
        product_types: Mapping[str, Override] | None = None,
    ) -> None:
        self._strong: dict[str, Family] = _by_word(FAMILY_WORDS) | {
            word.lower(): family for word, family in (words or {}).items()
        }
        self._weak: dict[str, Family] = _by_word(WEAK_WORDS)
        self._genders = _by_word(GENDER_WORDS)
        self._ages = _by_word(AGE_WORDS)
        self._overrides = {_path(prefix): override for prefix, override in (product_types or {}).items()}
        self._remembered = lru_cache(maxsize=65_536)(self._department_of)

    @classmethod
    def default(cls) -> Self:
        """Return the table of built-in words alone."""
        return cls()

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, object]) -> Self:
        """Build a table from a plain mapping, as a TOML or JSON file gives it.

        Args:
            mapping: ``{"words": {"frock": "dresses"}, "product_type": {"Women > Gym": "tops",
                "Mini Club": {"age_group": "kids", "gender": "female"}}}``. A product type stands for itself and
                everything below it; the longest one that matches counts, before any word.

        Raises:
            ValueError: an unknown key, family, gender or age group; the message says where.
        """
        unknown = set(mapping) - {"words", "product_type"}
        if unknown:
            raise ValueError(f"departments: unknown key {min(unknown)!r}; allowed are words, product_type")
        words, types = mapping.get("words", {}), mapping.get("product_type", {})
        if not isinstance(words, Mapping) or not isinstance(types, Mapping):
            raise ValueError("departments: words and product_type must be tables")  # noqa: TRY004 - as all its errors
        return cls(
            words={
                word: _member(Family, family, f"departments.words.{word}") for word, family in words.items()
            },
            product_types={
                prefix: _override(value, f"departments.product_type.{prefix}")
                for prefix, value in types.items()
            },
        )

    def department_of(
        self,
        gender: str | None = None,
        age_group: str | None = None,
        product_type: str | None = None,
        google_product_category: str | None = None,
    ) -> int:
        """Return the department code of a feed row.

        A shop's override counts first, then the feed's own ``gender`` and ``age_group``, then words of the
        product type ("Women > Dresses"). The family is read from the deepest level of ``product_type`` that
        names one, then from ``google_product_category`` (names or one of Google's numeric ids).

        Args:
            gender: ``male``, ``female`` or ``unisex``.
            age_group: ``newborn``, ``infant``, ``toddler``, ``kids`` or ``adult``.
            product_type: the shop's category path, levels separated by ``>``, ``/`` or ``|``.
            google_product_category: Google's category path or id.

        Returns:
            A code below 240; see :func:`department_from_code`.
        """
        return self._remembered(
            gender or "", age_group or "", product_type or "", google_product_category or ""
        )

    def _department_of(self, gender: str, age_group: str, product_type: str, category: str) -> int:
        path, google = _path(product_type), _path(GOOGLE_CATEGORIES.get(category.strip(), category))
        override = self._override_of(path)
        words = [word for level in path + google for word in _WORD.findall(level)]
        stated_gender = {"male": Gender.MALE, "female": Gender.FEMALE, "unisex": Gender.UNISEX}.get(
            gender.strip().lower(),
        )
        stated_age = AgeGroup.__members__.get(age_group.strip().upper())
        family = self._family_of(path)
        if family is None:
            family = self._family_of(google)
        return Department(
            _first(override.gender, stated_gender, self._named(self._genders, words), Gender.UNISEX),
            _first(override.age_group, stated_age, self._named(self._ages, words), AgeGroup.ADULT),
            _first(override.family, family, Family.OTHER),
        ).code

    def _override_of(self, path: tuple[str, ...]) -> Override:
        for length in range(len(path), 0, -1):
            if path[:length] in self._overrides:
                return self._overrides[path[:length]]
        return Override()

    def _family_of(self, path: tuple[str, ...]) -> Family | None:
        for table in (self._strong, self._weak):
            for level in reversed(path):
                family = self._head(level, table)
                if family is not None:
                    return family
        return None

    def _head(self, level: str, table: Mapping[str, Family]) -> Family | None:
        """Return the family of the level's head word, the last one known before a "with", "for" or "de"."""
        for phrase, phrase_family in PHRASES.items():
            if level == phrase or level.endswith(f" {phrase}"):
                return phrase_family
        words = _WORD.findall(level)
        end = next((index for index, word in enumerate(words) if index and word in _HEAD_ENDS), len(words))
        for word in reversed(words[:end]):
            family = table.get(word) or self._suffix(word, table)
            if family is not None:
                return family
        return None

    def _suffix(self, word: str, table: Mapping[str, Family]) -> Family | None:
        if table is not self._strong or word in self._genders or word in self._weak:
            return None
        ends = [end for end in SUFFIXES if word.endswith(end) and len(word) > len(end)]
        return SUFFIXES[max(ends, key=len)] if ends else None

    @staticmethod
    def _named(table: Mapping[str, _Kind], words: list[str]) -> _Kind | None:
        found = {table[word] for word in words if word in table}
        return found.pop() if len(found) == 1 else None


def _first(*choices: _Kind | None) -> _Kind:
    return next(choice for choice in choices if choice is not None)
