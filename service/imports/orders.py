"""Rows of one order become one event: an order counts once, however many rows its lines take."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

import msgspec

from recommender.events import EventItem, EventName
from recommender.identifiers import fingerprint
from service.imports.history import ORDERED, HistoryEvent, RowError

OPEN_ROWS: Final = 100_000
"""How many rows apart the lines of one order may stand in a file."""


class _OpenOrder(msgspec.Struct):
    first: HistoryEvent
    items: list[EventItem]
    opened_at_row: int


class OrderCollector:
    """Holds each order until no further line of it can come, then gives it out whole.

    Memory is bounded by the orders of the last ``open_rows`` rows, and some 70 bytes for each order before.
    """

    def __init__(self, open_rows: int = OPEN_ROWS) -> None:
        self._open_rows = open_rows
        self._open: OrderedDict[tuple[str, str, str], _OpenOrder] = OrderedDict()
        self._closed: set[int] = set()
        self._row = 0

    def add(self, line: HistoryEvent) -> Iterator[HistoryEvent]:
        """Take one row's event and yield those that are complete.

        Raises:
            RowError: the row belongs to an order that was given out already.
        """
        self._row += 1
        yield from self._expired()
        event = line.event
        if event.name not in ORDERED or event.transaction_id is None:
            yield line
            return
        # A second refund of an order, on another day, is another event.
        moment = "" if event.name is EventName.PURCHASE else repr(event.timestamp)
        key = (line.visitor_id, event.name + moment, event.transaction_id)
        order = self._open.get(key)
        if order is not None:
            order.items.extend(event.items)
        elif fingerprint(*key) in self._closed:
            raise RowError(
                "transaction_id",
                f"order {event.transaction_id!r} has lines more than {self._open_rows:,} rows apart: sort the file by order",
            )
        else:
            self._open[key] = _OpenOrder(line, list(event.items), self._row)

    def rest(self) -> Iterator[HistoryEvent]:
        """Yield the orders still open at the end of the file."""
        for key, order in self._open.items():
            yield _whole(key, order)
        self._open.clear()

    def _expired(self) -> Iterator[HistoryEvent]:
        while self._open:
            key, order = next(iter(self._open.items()))
            if self._row - order.opened_at_row <= self._open_rows:
                return
            del self._open[key]
            self._closed.add(fingerprint(*key))
            yield _whole(key, order)


def _whole(key: tuple[str, str, str], order: _OpenOrder) -> HistoryEvent:
    visitor_id, event = order.first
    # The order itself gives the id: an export that lists its lines in another order is the same order.
    event_id = f"imp-order-{fingerprint(*key):016x}"
    return HistoryEvent(
        visitor_id, msgspec.structs.replace(event, event_id=event_id, items=tuple(order.items))
    )
