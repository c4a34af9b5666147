"""The import of a history: every row accounted for, states rebuilt by the functions that handle live events."""

import asyncio
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from recommender.events import Event
from service.identity.customers import CustomerIds
from service.imports.events import ImportReport, RejectedRow, import_events
from service.imports.history import HistoryForm, HistoryReader
from service.imports.mapping import bind_mapping
from service.imports.tables import open_table

NOW = 1_763_740_800.0
HEADER = "visitor_id,item_id,event,timestamp,size,transaction_id\n"


class Appended(NamedTuple):
    """What the double below says of a history."""

    appended: int
    known: int
    visitors: frozenset[str]


class MemoryHistory:
    """A log that knows events by visitor and id, and remembers whose states were rebuilt."""

    def __init__(self) -> None:
        self.events: dict[tuple[str, str], Event] = {}
        self.rebuilt: list[str] = []

    async def append(self, events: Iterator[tuple[str, Event]]) -> Appended:
        """Keep what is new."""
        before, visitors, count = len(self.events), set(), 0
        for count, (visitor_id, event) in enumerate(events, 1):  # noqa: B007 - the last number is the count
            visitors.add(visitor_id)
            self.events.setdefault((visitor_id, event.event_id), event)
        appended = len(self.events) - before
        return Appended(appended, count - appended, frozenset(visitors))

    async def rebuild(self, visitors: Collection[str], progress: Callable[[float], None]) -> None:
        """Remember whose."""
        self.rebuilt += visitors
        progress(1.0)


def run(
    path: Path, history: MemoryHistory
) -> tuple[ImportReport, list[RejectedRow], list[tuple[str, float]]]:
    """Import a file; return the report, the rejected rows and what was said of the progress."""
    rejected: list[RejectedRow] = []
    told: list[tuple[str, float]] = []
    with open_table(path) as table:
        reader = HistoryReader(
            bind_mapping({}, table.columns), HistoryForm(), NOW, customers=CustomerIds("key")
        )
        report = asyncio.run(
            import_events(
                table,
                reader,
                history,
                is_known_item=lambda item_id: item_id != "i-unknown",
                reject=rejected.append,
                progress=lambda what, share: told.append((what, share)),
            )
        )
    return report, rejected, told


def test_every_row_is_read_ignored_or_rejected(tmp_path: Path) -> None:
    """The counts add up to the rows, bad ones are reported with line and field, and the good ones go in."""
    path = tmp_path / "history.csv"
    path.write_text(
        HEADER
        + "u1,i1,view_item,2025-11-01,,\n"
        + "u1,i1,scroll,2025-11-01,,\n"
        + "u1,i1,purchase,01/11/2025,M,\n"
        + "u2,i-unknown,view_item,2025-11-02,,\n"
        + "u2,i1\n"
        + "u3,i1,purchase,2025-11-02,M,t1\n"
        + "u3,i2,purchase,2025-11-02,L,t1\n"
    )
    history = MemoryHistory()
    report, rejected, told = run(path, history)
    counts = report.counts
    assert (counts.read, counts.ignored, counts.rejected) == (4, {"scroll": 1}, 2)
    assert [(row.line, row.field) for row in rejected] == [(4, "timestamp"), (6, None)]
    assert counts.unknown_items == {"i-unknown": 1}
    assert sorted(history.rebuilt) == ["u1", "u2", "u3"]
    assert [len(event.items) for (who, _), event in history.events.items() if who == "u3"] == [2]
    assert told[-1] == ("visitors", 1.0)


def test_importing_twice_counts_once_and_sets_the_states_again(tmp_path: Path) -> None:
    """A second import adds nothing; the visitors are rebuilt all the same, in case the first was interrupted."""
    path = tmp_path / "history.csv"
    path.write_text(
        HEADER
        + "u1,i1,view_item,2025-11-01,,\nu1,i1,view_item,2025-11-01,,\nu2,i2,purchase,2025-11-01,M,t9\n"
    )
    history = MemoryHistory()
    first, *_ = run(path, history)
    again, *_ = run(path, history)
    assert (first.appended, first.known, first.visitors) == (3, 0, 2)
    assert (again.appended, again.known, again.visitors) == (0, 3, 2)
    assert sorted(history.rebuilt) == ["u1", "u1", "u2", "u2"]


def test_a_file_without_a_good_row_changes_nothing(tmp_path: Path) -> None:
    """All rows rejected: nothing appended, nothing rebuilt."""
    path = tmp_path / "history.csv"
    path.write_text(HEADER + ",i1,view_item,2025-11-01,,\n")
    history = MemoryHistory()
    report, rejected, _ = run(path, history)
    assert report.appended == 0
    assert [row.detail for row in rejected] == ["is empty"]
    assert not history.events
    assert not history.rebuilt
