"""Where a model's items are in a catalog: worked out once, then read from an array."""

from array import array
from collections.abc import Hashable
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from recommender.catalog.catalog import Catalog
from recommender.model import Model

ABSENT: Final = -1
_NEVER_ASKED: Final = -2
_AT_ONCE: Final = 16_384
"""Identifiers compared in one go: 20 MB of work space."""


class CatalogRows:
    """A catalog's rows by the rows of a model; 4 bytes an item.

    Looking an identifier up costs 3 µs and a request asks for dozens, so what was found is remembered: rows keep
    their items, also through changes. What was not found is asked for again once the catalog has changed.

    Attributes:
        catalog: whose rows these are.
        is_joined: whether they were worked out all at once.
        known: what is known already, negative for the rest: :meth:`of` finds that.
    """

    __slots__ = ("_absent", "_lists", "_model", "_steps", "catalog", "is_joined", "known")

    def __init__(self, model: Model, catalog: Catalog) -> None:
        self.catalog = catalog
        self.is_joined = False
        self._model = model
        self.known = array("i", [_NEVER_ASKED]) * model.item_count
        self._absent: list[int] = []
        self._lists: dict[Hashable, list[int]] = {}
        self._steps = catalog.steps

    @classmethod
    def joined(cls, model: Model, catalog: Catalog) -> Self:
        """Find all items at once, in another thread than the one that decides: 8 ms for 43,000, 0.2 s for 500,000.

        Items that the catalog has got since its bulk was built are left to be looked up.
        """
        joined = cls(model, catalog)
        joined.is_joined = True
        rows = np.frombuffer(joined.known, np.int32)
        items, listed = model.items, catalog.identifiers
        wanted = items.keys.astype(np.uint64)
        places = listed.keys.searchsorted(wanted)
        found = np.flatnonzero(places < len(listed.keys))
        found = found[listed.keys[places[found]] == wanted[found]]
        for start in range(0, len(found), _AT_ONCE):
            piece = found[start : start + _AT_ONCE]
            here, there = items.rows[piece], places[piece]
            # Of items with one 40-bit key the first may be another one: the few that differ are left to be looked up.
            same = _are_equal((items.text, items.offsets), here, (listed.text, listed.offsets), there)
            rows[here[same]] = there[same]
        return joined

    def of(self, row: int) -> int:
        """Return the catalog's row of a model's item row, :data:`ABSENT` for an item that the catalog does not have."""
        known = self.known[row]
        if known >= 0 or (known == ABSENT and self._steps == self.catalog.steps):
            return known
        return self._look_up(row)

    def of_list(self, name: Hashable, rows: NDArray[np.int32]) -> list[int]:
        """Return the catalog's rows of a list of the model's, without what is absent.

        Remembered under ``name`` until the catalog changes: 60 µs for 200 popular items, which pages that the
        visitor's size leaves little of ask for each time.
        """
        self._forget_absent()
        places = self._lists.get(name)
        if places is None:
            places = self._lists[name] = [place for place in map(self.of, rows.tolist()) if place != ABSENT]
        return places

    def _forget_absent(self) -> None:
        """Have what was not found looked for again if the catalog has changed."""
        if self._steps != self.catalog.steps:
            self._steps = self.catalog.steps
            for absent in self._absent:
                self.known[absent] = _NEVER_ASKED
            self._absent.clear()
            self._lists.clear()

    def _look_up(self, row: int) -> int:
        self._forget_absent()
        found = self.known[row] = self.catalog.row(self._model.item_id(row))
        if found == ABSENT:
            self._absent.append(row)
        return found


Texts = tuple[NDArray[np.uint8], NDArray[np.integer[Any]]]
"""Strings one after another in UTF-8, and where each starts and ends."""


def _are_equal(
    texts: Texts, rows: NDArray[np.integer[Any]], others: Texts, other_rows: NDArray[np.integer[Any]]
) -> NDArray[np.bool_]:
    """Tell for pairs of rows whether their texts are the same."""
    starts, lengths = _spans(texts, rows)
    other_starts, other_lengths = _spans(others, other_rows)
    equal: NDArray[np.bool_] = (lengths == other_lengths) & (lengths > 0)
    lengths = lengths[equal]
    if lengths.size:
        firsts = lengths.cumsum() - lengths
        within = np.arange(lengths.sum()) - firsts.repeat(lengths)
        alike = (
            texts[0][starts[equal].repeat(lengths) + within]
            == others[0][other_starts[equal].repeat(lengths) + within]
        )
        equal[equal] = np.logical_and.reduceat(alike, firsts)
    return equal


def _spans(texts: Texts, rows: NDArray[np.integer[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    starts = texts[1][rows].astype(np.int64)
    return starts, texts[1][rows.astype(np.int64) + 1].astype(np.int64) - starts
