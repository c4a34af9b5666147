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

_JOINED: Final = 32
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


def framed(segment: Table, departments: DepartmentTable, texts: Texts) -> Table:
    """Return what a worker keeps of a stored segment: texts per item, departments and sizes parsed."""
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
            "size": Coded.of(_labels(segment, kinds)),
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
        self._small: list[Table] = []
        self._large: list[Table] = []

    def add(self, segment: Table) -> None:
        """Take a segment of whole items that no other has: 3 ms for a thousand SKUs."""
        if len(segment):
            self._small.append(framed(segment, self._departments, self.texts))
        if len(self._small) >= _JOINED:
            self._join()

    def _join(self) -> None:
        if self._small:
            self._large.append(concatenate_tables(self._small))
            self._small.clear()

    def tables(self) -> list[Table]:
        """Return the framed tables, and forget them."""
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


def _labels(segment: Table, kinds: Sequence[Kind]) -> list[Label]:
    label_of: dict[tuple[Any, ...], Label] = {}
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
