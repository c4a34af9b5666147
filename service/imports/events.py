"""The import of a history: rows of a file into the event log, then the states of the visitors it touched."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from recommender.events import Event
from service.imports.history import HistoryReader, RowError, UnknownEventName
from service.imports.orders import OrderCollector
from service.imports.table import Table

Progress = Callable[[str, float], None]
"""Told what is being done and the share of it that is done, 0 to 1."""


class RejectedRow(NamedTuple):
    """One row that was left out: its line, the field (None for the row as a whole) and the reason."""

    line: int
    field: str | None
    detail: str


@dataclass(slots=True)
class HistoryCounts:
    """What became of a file's rows: every row is in exactly one of ``read``, ``ignored`` and ``rejected``.

    Attributes:
        read: rows that became events (several rows of an order become one).
        ignored: rows by the name of an event that Kabin has no use for.
        rejected: rows that cannot be events.
        unknown_items: events by the id of an item that the catalog lacks.
    """

    read: int = 0
    ignored: Counter[str] = field(default_factory=Counter)
    rejected: int = 0
    unknown_items: Counter[str] = field(default_factory=Counter)


class Appended(Protocol):
    """What the log says of a history."""

    @property
    def appended(self) -> int:
        """Events that were new."""

    @property
    def known(self) -> int:
        """Events that the log or the archive had."""

    @property
    def visitors(self) -> Collection[str]:
        """Whose events they are."""


class History(Protocol):
    """What the import needs of the stores."""

    async def append(self, events: Iterator[tuple[str, Event]]) -> Appended:
        """Append events that are not known yet."""

    async def rebuild(self, visitors: Collection[str], progress: Callable[[float], None]) -> None:
        """Set these visitors' states from everything known of them."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did."""

    counts: HistoryCounts
    appended: int
    known: int
    visitors: int


async def import_events(
    table: Table,
    reader: HistoryReader,
    history: History,
    *,
    is_known_item: Callable[[str], bool],
    reject: Callable[[RejectedRow], None],
    progress: Progress,
) -> ImportReport:
    """Import a file of events.

    If it is interrupted, running it again completes it: what was appended is known by then, and the states of
    all visitors of the file are set, also where nothing was new.

    Args:
        table: the file.
        reader: turns its rows into events.
        history: the event log and the visitors' states.
        is_known_item: whether the catalog has an item or SKU id; events of unknown items are kept in the log but
            leave no trace in a state.
        reject: told of each row that is left out.
        progress: told how far it is.
    """
    counts = HistoryCounts()
    events = _events(table, reader, counts, is_known_item=is_known_item, reject=reject, progress=progress)
    appended = await history.append(events)
    await history.rebuild(appended.visitors, lambda share: progress("visitors", share))
    return ImportReport(counts, appended.appended, appended.known, len(appended.visitors))


def _events(
    table: Table,
    reader: HistoryReader,
    counts: HistoryCounts,
    *,
    is_known_item: Callable[[str], bool],
    reject: Callable[[RejectedRow], None],
    progress: Progress,
) -> Iterator[tuple[str, Event]]:
    orders = OrderCollector()
    for number, row in enumerate(table.rows(reader.columns)):
        if number % 1_000 == 0:
            progress("rows", table.share_read())
        try:
            if row.problem is not None:
                raise RowError(None, row.problem)  # noqa: TRY301 - counted and reported like every other bad row
            lines = reader.read(row.cells)
            for line in lines:
                yield from orders.add(line)
        except UnknownEventName as unknown:
            counts.ignored[str(unknown)] += 1
        except RowError as error:
            counts.rejected += 1
            reject(RejectedRow(row.line, error.field, error.detail))
        else:
            counts.read += 1
            item = lines[0].event.items[0]
            if not is_known_item(item.item_id) and not (
                item.item_variant and is_known_item(item.item_variant)
            ):
                counts.unknown_items[item.item_id] += 1
    yield from orders.rest()
