"""From the store's segments to what a worker holds: texts per item, departments and sizes parsed once."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from recommender.catalog.columns import (
    Coded,
    Rows,
    all_values,
    as_array,
    as_coded,
    as_strings,
    narrow,
    take,
)
from recommender.catalog.table import Table, concatenate_tables
from recommender.catalog.texts import Text, Texts
from recommender.departments import DepartmentTable
from recommender.sizes.labels import parse_size
from recommender.sizes.size import Size

_FRAMED_AT_ONCE: Final = 8
"""Stored segments framed as one: of 43,000 items each of 1,024 has 42, too few for what arrays cost to set up."""
_JOINED: Final = 8
"""Tables joined into a larger one as they come: a thousand small ones would leave the heap full of holes."""


class Kind(NamedTuple):
    """What an item is: its categories and the department they put it in."""

    product_type: str | None
    google_product_category: str | None
    department: int


class Label(NamedTuple):
    """A size as the shop writes it and what it means in its department."""

    label: str
    size: Size | None


Labels = dict[tuple[Any, ...], Label]
"""Labels by department, size, size system and size type."""


def framed(segment: Table, departments: DepartmentTable, texts: Texts, labels: Labels | None = None) -> Table:
    """Return what a worker keeps of a stored segment: texts per item, departments and sizes parsed.

    Args:
        segment: of whole items.
        departments: the shop's table.
        texts: where titles and links go.
        labels: sizes parsed before, added to; a shop has a few hundred, and reading each anew in every segment takes a
            quarter of the time that loading a catalog takes.
    """
    firsts = segment.starts[:-1]
    kinds = _kinds(segment, firsts, departments)
    shown = [all_values(as_strings(segment.skus[name]).take(firsts)) for name in Text._fields]
    numbers = texts.add([Text(*fields) for fields in zip(*shown, strict=True)])
    return Table(
        segment.starts,
        {
            "key": segment.items["key"],
            "first_seen": segment.items["first_seen"],
            "item_id": segment.items["item_id"],
            "kind": Coded.of(kinds),
            "brand": take(segment.skus["brand"], firsts),
            "text": np.array(numbers, np.uint32),
        },
        {
            "key": segment.skus["key"],
            "sku_id": segment.skus["id"],
            "size": Coded.of(_labels(segment, kinds, {} if labels is None else labels)),
            "color": segment.skus["color"],
            "price": narrow(as_array(segment.skus["price"])),
            "sale_price": narrow(as_array(segment.skus["sale_price"])),
            "sale_period": segment.skus["sale_period"],
            "currency": segment.skus["currency"],
            "availability": segment.skus["availability"],
        },
    )


class Framing:
    """Takes segments one by one and joins what becomes of them.

    Args:
        departments: the shop's table.
        texts: where titles and links go.
    """

    def __init__(self, departments: DepartmentTable, texts: Texts) -> None:
        self.texts = texts
        self._departments = departments
        self._labels: Labels = {}
        self._stored: list[Table] = []
        self._small: list[Table] = []
        self._large: list[Table] = []

    def add(self, segment: Table) -> None:
        """Take a segment of whole items that no other has: 3 ms for a thousand SKUs."""
        if len(segment):
            self._stored.append(segment)
        if len(self._stored) >= _FRAMED_AT_ONCE:
            self._frame()

    def _frame(self) -> None:
        if self._stored:
            segment = concatenate_tables(self._stored)
            self._stored.clear()
            self._small.append(framed(segment, self._departments, self.texts, self._labels))
        if len(self._small) >= _JOINED:
            self._join()

    def _join(self) -> None:
        if self._small:
            self._large.append(concatenate_tables(self._small))
            self._small.clear()

    def tables(self) -> list[Table]:
        """Return the framed tables, and forget them."""
        self._frame()
        self._join()
        tables, self._large = self._large, []
        return tables


def _kinds(segment: Table, firsts: Rows, departments: DepartmentTable) -> list[Kind]:
    kind_of: dict[tuple[str | None, ...], Kind] = {}
    kinds = []
    names = ("product_type", "google_product_category", "gender", "age_group")
    for values in zip(
        *(all_values(as_coded(segment.skus[name]).take(firsts)) for name in names), strict=True
    ):
        kind = kind_of.get(values)
        if kind is None:
            product_type, category, gender, age_group = values
            department = departments.department_of(gender, age_group, product_type, category)
            kind = kind_of[values] = Kind(product_type, category, department)
        kinds.append(kind)
    return kinds


def _labels(segment: Table, kinds: Sequence[Kind], label_of: Labels) -> list[Label]:
    labels = []
    departments = np.repeat([kind.department for kind in kinds], np.diff(segment.starts)).tolist()
    names = ("size", "size_system", "size_type")
    for values in zip(
        departments, *(all_values(as_coded(segment.skus[name])) for name in names), strict=True
    ):
        label = label_of.get(values)
        if label is None:
            department, text, system, cut = values
            size = (
                parse_size(text, department=department, size_system=system, size_type=cut) if text else None
            )
            label = label_of[values] = Label(text or "", size)
        labels.append(label)
    return labels
