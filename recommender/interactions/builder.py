"""Interactions gathered event by event, as the event log gives them."""

from array import array
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.events import Event, EventItem
from recommender.interactions.catalog import ItemCatalog
from recommender.interactions.table import FIT_CODES, KIND_OF, UNKNOWN, InteractionKind, Interactions

SOURCE_RANK: Final[Mapping[str, int]] = {"server": 0, "import": 1, "browser": 2}
"""Whose copy of an order counts: the lowest rank that reported the transaction."""


class InteractionsBuilder:
    """Collects events into :class:`Interactions`; 36 bytes a row while collecting.

    Attributes:
        ignored: events seen that say nothing about an item.
    """

    def __init__(self, catalog: ItemCatalog | None = None) -> None:
        """Start empty.

        Args:
            catalog: resolves item and SKU ids to items, and SKUs to their size; an id that it does not know
                is kept as it is.
        """
        self.ignored = 0
        self._catalog = catalog
        self._events = 0
        self._visitors: dict[str, int] = {}
        self._items: dict[str, int] = {}
        self._sizes: dict[str, int] = {}
        self._transactions: dict[str, int] = {}
        self._visitor = array("i")
        self._item = array("i")
        self._timestamp = array("d")
        self._kind = array("B")
        self._discounted = array("b")
        self._size = array("i")
        self._fit = array("B")
        self._preselected = array("B")
        self._transaction = array("i")
        self._rank = array("B")
        self._event = array("i")

    def add(self, visitor_id: str, event: Event) -> None:
        """Add one event of one visitor: a row for each of its items."""
        kind = KIND_OF.get(event.name)
        if kind is None or not event.items:
            self.ignored += 1
            return
        visitor = _code(self._visitors, visitor_id)
        self._events += 1
        transaction = UNKNOWN
        if kind == InteractionKind.PURCHASE and event.transaction_id is not None:
            transaction = _code(self._transactions, event.transaction_id)
        for entry in event.items:
            self._visitor.append(visitor)
            item_id, size = self._resolve(entry)
            self._item.append(_code(self._items, item_id))
            self._timestamp.append(event.timestamp)
            self._kind.append(kind)
            self._discounted.append(_discounted(entry))
            self._size.append(UNKNOWN if size is None else _code(self._sizes, size))
            self._fit.append(FIT_CODES.get(event.fit or "", 0))
            self._preselected.append(event.is_preselected(entry))
            self._transaction.append(transaction)
            self._rank.append(SOURCE_RANK[event.source])
            self._event.append(self._events)

    def build(self) -> Interactions:
        """Return the rows so far, each order once: the server's copy before an import's before a browser's.

        Which sizes were preselected only the browser knows: what any copy of an order says of it holds for the
        same item and size of the copy that counts.
        """
        # Views of what was collected: the rows that are kept, taken below, are the only copy.
        timestamp = np.frombuffer(self._timestamp, dtype=np.float64)
        everything = Interactions(
            visitor=np.frombuffer(self._visitor, dtype=np.int32),
            item=np.frombuffer(self._item, dtype=np.int32),
            timestamp=timestamp,
            kind=np.frombuffer(self._kind, dtype=np.uint8),
            discounted=np.frombuffer(self._discounted, dtype=np.int8),
            size=np.frombuffer(self._size, dtype=np.int32),
            fit=np.frombuffer(self._fit, dtype=np.uint8),
            preselected=np.frombuffer(self._preselected, dtype=np.bool_),
            visitor_ids=list(self._visitors),
            item_ids=list(self._items),
            size_labels=list(self._sizes),
        )
        transaction = np.frombuffer(self._transaction, dtype=np.int32)
        everything = replace(everything, preselected=preselected_by_line(everything, transaction))
        rank = np.frombuffer(self._rank, dtype=np.uint8)
        event = np.frombuffer(self._event, dtype=np.int32)
        return everything.take(once_per_transaction(transaction, rank, timestamp, event))

    def _resolve(self, entry: EventItem) -> tuple[str, str | None]:
        """Return the item's id behind an entry, and the size label: the event's, else the SKU's."""
        if self._catalog is None:
            return entry.item_id, entry.size
        resolved = self._catalog.resolve(entry.item_id)
        if resolved is None:
            return entry.item_id, entry.size
        sku = resolved.sku
        if sku is None and entry.size is None and entry.item_variant is not None:
            variant = self._catalog.resolve(entry.item_variant)
            sku = None if variant is None else variant.sku
        return resolved.item.item_id, (
            sku.label or None
        ) if entry.size is None and sku is not None else entry.size


def once_per_transaction(
    transaction: NDArray[np.int32],
    rank: NDArray[np.uint8],
    timestamp: NDArray[np.float64],
    event: NDArray[np.integer],
) -> NDArray[np.bool_]:
    """Return which rows to keep so that each transaction counts once.

    Of all events that report a transaction, the one of the best source counts, of equals the earliest.

    Args:
        transaction: int32 ``[rows]``, ``UNKNOWN`` for rows that belong to none (always kept).
        rank: uint8 ``[rows]``, see ``SOURCE_RANK``.
        timestamp: float64 ``[rows]``.
        event: integers ``[rows]``, number of the event that the row came with.
    """
    keep: NDArray[np.bool_] = transaction == UNKNOWN
    lines = np.flatnonzero(~keep)
    if lines.size:
        order = lines[np.lexsort((event[lines], timestamp[lines], rank[lines], transaction[lines]))]
        transactions, first = np.unique(transaction[order], return_index=True)
        chosen = event[order[first]]
        keep[order] = event[order] == chosen[np.searchsorted(transactions, transaction[order])]
    return keep


def preselected_by_line(rows: Interactions, transaction: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return bool ``[rows]``: ``preselected``, with what one copy of an order says carried to its other copies.

    Lines correspond that have the same item and size, whatever the case of the size's letters.

    Args:
        rows: every copy of every order, and whatever else happened.
        transaction: int32 ``[rows]``, ``UNKNOWN`` for rows that belong to no order.
    """
    told = transaction[rows.preselected & (transaction != UNKNOWN)]
    concerned = np.flatnonzero(np.isin(transaction, told))
    preselected = rows.preselected.copy()
    if concerned.size:
        folded: dict[str, int] = {}
        label = np.array([_code(folded, text.strip().casefold()) for text in rows.size_labels] + [UNKNOWN])
        lines = np.column_stack([transaction, rows.item, label[rows.size]])[concerned]
        _, line = np.unique(lines, axis=0, return_inverse=True)
        line = line.reshape(-1)
        preselected[concerned] = np.isin(line, line[rows.preselected[concerned]])
    return preselected


def _code(codes: dict[str, int], text: str) -> int:
    """Return the code of ``text``, the next free one when it is new."""
    return codes.setdefault(text, len(codes))


def _discounted(entry: EventItem) -> int:
    """Return 1 or 0 where the event says whether the item was discounted, else ``UNKNOWN``.

    A coupon says nothing of the item; visitors' states count it as an act of its own.
    """
    return UNKNOWN if entry.discount is None else int(entry.discount > 0.0)
