"""The catalog as a worker holds it: a packed frame, a small overlay of recent changes, bounded caches.

Nothing here does I/O. One thread (the event loop's) reads and calls :meth:`Catalog.apply`; :meth:`Catalog.merged`
and :meth:`Catalog.prepare` may run in another one meanwhile.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from recommender.catalog.buckets import first_seen_of
from recommender.catalog.cache import RecentCache
from recommender.catalog.columns import all_values, as_strings
from recommender.catalog.frame import Frame
from recommender.catalog.framing import Framing
from recommender.catalog.item import Item, Resolved
from recommender.catalog.listing import Accept, Listing
from recommender.catalog.orders import category_path, matches, paths_of
from recommender.catalog.overlay import Changes, Overlay
from recommender.catalog.rows import Row
from recommender.catalog.segments import rows_by_item, segment_of
from recommender.catalog.shown import Shown, ShownRow
from recommender.catalog.stock import Stock
from recommender.catalog.table import Table
from recommender.catalog.texts import Texts
from recommender.departments import DepartmentTable

CACHED_ITEMS: Final = 4096
"""Items kept as objects: 2.5 KB each with six SKUs, 10 MB in all. Only pages and events ask for them."""

CACHED_CARDS: Final = 65_536
"""Cards kept, of which an answer shows a dozen: 400 bytes each, 25 MB in all. One that is not kept costs 8 µs."""


class Identifiers(NamedTuple):
    """Ids of many rows: their 40-bit keys, ascending, and UTF-8 in which each starts and ends at an offset [n + 1]."""

    keys: npt.NDArray[np.uint64]
    text: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.uint32]


class Catalog:
    """Items and SKUs by id and by row, and the orders that pages list.

    A row is a number that an item keeps for the life of this object, also when it changes; new items get new
    rows. Rows of another ``Catalog`` (after a merge or a reload) differ.
    """

    def __init__(
        self,
        frame: Frame,
        *,
        departments: DepartmentTable,
        version: int = 0,
        cached_items: int = CACHED_ITEMS,
        cached_cards: int = CACHED_CARDS,
    ) -> None:
        self.version = version
        """The store's version of the content."""
        self._frame = frame
        self._departments = departments
        self._overlay = Overlay()
        self._listing = Listing(frame, self._overlay)
        self._changes: list[Changes] = []
        self._row_count = len(frame)
        self._item_count = len(frame)
        self._sku_count = len(frame.sku_keys)
        self._stock = Stock.of_frame(frame)
        self._cached_items = cached_items
        self._items: RecentCache[int, Item | None] = RecentCache(cached_items, self._made_item)
        self._resolved: RecentCache[str, Resolved | None] = RecentCache(cached_items, self._resolve)
        self._cached_cards = cached_cards
        self.shown: RecentCache[int, Shown] = RecentCache(cached_cards, self._made_shown)
        """Items as answers show them, by row."""

    @classmethod
    def empty(cls, departments: DepartmentTable | None = None) -> "Catalog":
        """Return a catalog without items."""
        return cls.of_segments([], departments=departments or DepartmentTable.default())

    @classmethod
    def of_rows(
        cls,
        rows: Iterable[Row],
        *,
        now: float,
        departments: DepartmentTable | None = None,
        first_seen: Mapping[str, float] | None = None,
        version: int = 1,
    ) -> "Catalog":
        """Build a catalog straight from checked rows (tests, offline evaluation, simulated shops).

        Args:
            rows: SKUs in feed order; of two rows with one id the later counts.
            now: the ``first_seen`` of items of which nothing else says it, in Unix seconds; none is later.
            departments: the built-in table by default.
            first_seen: when items were first listed, by item id, where their rows do not say.
            version: what :attr:`version` shall say.
        """
        by_sku = {row.id: row for row in rows}
        items = rows_by_item(by_sku.values())
        known = first_seen or {}
        seen = {id_: first_seen_of(rows, known.get(id_), now) for id_, rows in items.items()}
        segments = [segment_of(items, seen)] if items else []
        return cls.of_segments(
            segments, departments=departments or DepartmentTable.default(), version=version
        )

    @classmethod
    def of_segments(
        cls,
        segments: Iterable[Table],
        *,
        departments: DepartmentTable,
        version: int = 0,
        cached_items: int = CACHED_ITEMS,
    ) -> "Catalog":
        """Build a catalog from the store's segments, consumed one by one."""
        framing = Framing(departments, Texts())
        for segment in segments:
            framing.add(segment)
        frame = Frame.of(framing.tables(), framing.texts)
        return cls(frame, departments=departments, version=version, cached_items=cached_items)

    def __len__(self) -> int:
        """Return the number of items."""
        return self._item_count

    @property
    def sku_count(self) -> int:
        """Number of SKUs."""
        return self._sku_count

    @property
    def row_count(self) -> int:
        """Rows given out: all are below it; those of removed items have no item any more."""
        return self._row_count

    @property
    def overlay_size(self) -> int:
        """Rows changed since the frame was built."""
        return len(self._overlay)

    @property
    def unused_texts(self) -> int:
        """Texts that are held though no item shows them any more: merging leaves them behind."""
        return max(len(self._frame.texts) - len(self._frame), 0)

    @property
    def nbytes(self) -> int:
        """Bytes of the packed columns and texts."""
        return self._frame.nbytes

    # --- looking up -------------------------------------------------------------------------------------------

    def resolve(self, id_: str) -> Resolved | None:
        """Return what an item or SKU id stands for; an id that is both means the item.

        An item that is its own only SKU resolves to both.
        """
        return self._resolved[id_]

    def _resolve(self, id_: str) -> Resolved | None:
        row = self.row(id_)
        if row >= 0:
            item = self.item_at(row)
            only = item.skus[0] if len(item.skus) == 1 else None
            return Resolved(item, only if only is not None and only.sku_id == id_ else None)
        row = self._overlay.row_of_sku.get(id_, -1)
        if row < 0:
            row = self._frame.row_of_sku(id_)
        item_or_none = self._item(row) if row >= 0 else None
        sku = None if item_or_none is None else item_or_none.sku_of(id_)
        return None if item_or_none is None or sku is None else Resolved(item_or_none, sku)

    def row(self, item_id: str) -> int:
        """Return the row of an item id, -1 if there is none."""
        row = self._overlay.new_rows.get(item_id, -1)
        if row < 0:
            row = self._frame.row(item_id)
        return -1 if row < 0 or self._gone(row) else row

    def rows_of(self, item_ids: Iterable[str]) -> npt.NDArray[np.int32]:
        """Return the rows of item ids, -1 where there is none; int32, 3 µs each."""
        return np.fromiter(map(self.row, item_ids), np.int32)

    def item(self, item_id: str) -> Item | None:
        """Return the item of an item id."""
        row = self.row(item_id)
        return None if row < 0 else self._item(row)

    def item_of_key(self, key: int) -> Item | None:
        """Return the item of a 40-bit key (see :func:`recommender.identifiers.key_of`)."""
        row = self._overlay.row_of_key.get(key, -1)
        if row < 0 or self._gone(row):
            row = self._frame.row_of_key(key)
        return None if row < 0 else self._item(row)

    def item_at(self, row: int) -> Item:
        """Return the item of a row.

        Raises:
            LookupError: the row was never given out, or its item was removed.
        """
        item = self._item(row) if 0 <= row < self._row_count else None
        if item is None:
            raise LookupError(f"the catalog has no item in row {row}: take rows from the same catalog")
        return item

    def items(self) -> Iterator[Item]:
        """Yield all items by row, without filling the caches."""
        for row in range(self._row_count):
            if row in self._overlay.items:
                item = self._overlay.items[row]
                if item is not None:
                    yield item
            else:
                yield self._frame.item(row)

    def _gone(self, row: int) -> bool:
        return row in self._overlay.items and self._overlay.items[row] is None

    def _item(self, row: int) -> Item | None:
        return self._items[row]

    def _made_item(self, row: int) -> Item | None:
        if row in self._overlay.items:
            return self._overlay.items[row]
        item = self._frame.item(row)
        item.remember_ladder(self._stock.ladders[row])
        return item

    # --- what a recommendation asks ---------------------------------------------------------------------------

    @property
    def stock(self) -> Stock:
        """What every row comes in and what of it is in stock; not to be changed."""
        return self._stock

    @property
    def steps(self) -> int:
        """Steps of changes applied: while it stays the same, an id that was unknown is unknown."""
        return len(self._changes)

    def in_stock(self, row: int) -> bool:
        """Tell whether any SKU of the item is in stock."""
        return self._stock.bits[row] != 0

    @property
    def identifiers(self) -> Identifiers:
        """The ids of the bulk's rows."""
        ids = self._frame.item_ids
        return Identifiers(self._frame.keys, np.frombuffer(ids.data, np.uint8), ids.offsets)

    def key_at(self, row: int) -> int:
        """Return the 40-bit key of the item in a row, without building it."""
        return self._stock.keys[row]

    def categories_at(self, row: int) -> tuple[str | None, str | None]:
        """Return the ``product_type`` and the ``google_product_category`` of the item in a row."""
        if row in self._overlay.items:
            item = self.item_at(row)
            return item.product_type, item.google_product_category
        return self._frame.kinds[row][:2]

    def _made_shown(self, row: int) -> Shown:
        if row in self._overlay.items:
            return self.item_at(row)
        return ShownRow(self._frame.item_ids[row], row, self._frame)

    def card(self, row: int, now: float) -> dict[str, Any]:
        """Return what a recommendation shows of an item; see :class:`recommender.catalog.cards.Card`."""
        return self.shown[row].card(now)

    def in_category(self, row: int, category: str) -> bool:
        """Tell whether an item belongs to the category of a page (see :meth:`newest`)."""
        return matches(category_path(category), paths_of(*self.categories_at(row)))

    # --- orders -----------------------------------------------------------------------------------------------

    def newest_full_price(
        self, now: float, *, limit: int, accept: Accept | None = None, category: str | None = None
    ) -> list[int]:
        """Return rows of items in stock of which no SKU in stock is on sale at ``now``, newest first.

        Args:
            now: Unix seconds.
            limit: most rows wanted.
            accept: a filter of rows; after 5,000 rows looked at the answer may be short.
            category: a page's category path, as for :meth:`newest`.
        """
        return self._listing.rows(now, False, limit, accept, category)

    def on_sale(
        self, now: float, *, limit: int, accept: Accept | None = None, category: str | None = None
    ) -> list[int]:
        """Return rows of items with a SKU in stock and on sale at ``now``, newest first; arguments as above."""
        return self._listing.rows(now, True, limit, accept, category)

    def newest(
        self, now: float, *, limit: int, accept: Accept | None = None, category: str | None = None
    ) -> list[int]:
        """Return rows of items in stock, newest first.

        A category matches the ``product_type`` or ``google_product_category`` whose path contains its levels one
        after the other, in any spelling of separators and case: ``"dresses"`` and ``"women/dresses"`` both match
        ``"Women > Dresses > Midi"``. Leading levels that no item has ("Home") are dropped.
        """
        return self._listing.rows(now, None, limit, accept, category)

    def on_sale_share(self, now: float) -> float:
        """Return the share of items in stock that are on sale at ``now``; 0 for an empty catalog."""
        return self._listing.on_sale_share(now)

    def is_prepared(self, now: float) -> bool:
        """Tell whether :meth:`prepare` has nothing to do."""
        return self._listing.is_prepared(now)

    def prepare(self, now: float) -> None:
        """Compute what changes at the start or end of sales before requests need it (25 ms for a million SKUs)."""
        self._listing.prepare(now)

    # --- changing ---------------------------------------------------------------------------------------------

    def apply(self, changes: Changes, version: int) -> None:
        """Take over a step of changes: 5 µs an item. Large steps belong in :meth:`merged`."""
        for item_id in changes.removed:
            self._remove(item_id)
        for item in changes.items:
            self._put(item)
        self._changes.append(changes)
        self._resolved.clear()
        self._listing.changed()
        self.version = version

    def _put(self, item: Item) -> None:
        row = self._overlay.new_rows.get(item.item_id, -1)
        if row < 0:
            row = self._frame.row(item.item_id)
        if row < 0:
            row = self._row_count
            self._overlay.new_rows[item.item_id] = row
            self._row_count += 1
            previous = None
        else:
            previous = self._item(row)
        if item.row < 0:
            item.row = row
        elif item.row != row:  # another catalog holds it under its own row
            item = msgspec.structs.replace(item, row=row)
        self._item_count += previous is None
        self._sku_count += len(item.skus) - (0 if previous is None else len(previous.skus))
        self._stock.put(row, item)
        self._overlay.put(item)
        self._items.discard(row)
        self.shown.discard(row)

    def _remove(self, item_id: str) -> None:
        row = self.row(item_id)
        item = self._item(row) if row >= 0 else None
        if item is None:
            return
        self._item_count -= 1
        self._sku_count -= len(item.skus)
        self._stock.put(row, None)
        self._overlay.remove(row)
        self._items.discard(row)
        self.shown.discard(row)

    def merged(self) -> "Catalog":
        """Return a catalog without overlay that holds what this one does: half a second for a million SKUs.

        May run in another thread while this one is read; changes applied here meanwhile may not be in it.
        """
        version = self.version
        framing = Framing(self._departments, self._frame.texts)
        seen: set[str] = set()
        for step in reversed(self._changes.copy()):
            if step.segment is not None:
                ids = all_values(as_strings(step.segment.items["item_id"]))
                latest = [place for place, item_id in enumerate(ids) if item_id not in seen]
                framing.add(step.segment.take_items(np.array(latest, np.int64)))
                seen.update(ids)
            seen.update(step.removed)
        kept = np.ones(len(self._frame), np.bool_)
        kept[[row for row in map(self._frame.row, seen) if row >= 0]] = False
        frame = Frame.of([self._frame.table(np.flatnonzero(kept)), *framing.tables()], framing.texts)
        return Catalog(
            frame,
            departments=self._departments,
            version=version,
            cached_items=self._cached_items,
            cached_cards=self._cached_cards,
        )
