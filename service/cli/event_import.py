"""How `kabin import events` runs: the parts of an import put together, and what it says of them."""

import asyncio
import time
from typing import IO

import click
import orjson

from service.cli.output import counted
from service.cli.progress import progress
from service.cli.store import archiver_of, client_of, open_catalog, rebuilder_of
from service.history.archives import archive_of
from service.imports.events import ImportReport, RejectedRow, import_events
from service.imports.history import HistoryReader
from service.imports.log_history import LogHistory
from service.imports.table import Table
from service.settings import Settings
from service.stores.log import EventLog

REJECTED_SHOWN = 20
"""Rejected rows that are printed; `--rejected` writes all of them."""


def import_table(
    settings: Settings, table: Table, reader: HistoryReader, rejected: IO[str] | None = None
) -> None:
    """Import a table of events into the Redis of ``settings`` and print what became of its rows.

    Raises:
        click.ClickException: no row became an event.
    """
    started = time.monotonic()
    report = asyncio.run(_import_events(settings, table, reader, RejectedRows(rejected)))
    _tell(report, time.monotonic() - started)


async def _import_events(
    settings: Settings, table: Table, reader: HistoryReader, reject: "RejectedRows"
) -> ImportReport:
    async with client_of(settings) as (client, keyspace):
        catalog = await open_catalog(settings, client, keyspace)
        history = LogHistory(
            EventLog(client, keyspace),
            await rebuilder_of(settings, client, keyspace, catalog),
            archive_of(settings),
            archiver_of(settings, client, keyspace),
            time.time(),
        )
        with progress("Importing") as show:
            # Reading and appending take about as long as rebuilding the visitors.
            return await import_events(
                table,
                reader,
                history,
                is_known_item=lambda item_id: catalog.resolve(item_id) is not None,
                reject=reject,
                progress=lambda what, share: show((share if what == "rows" else 1 + share) / 2, what),
            )


class RejectedRows:
    """Prints the first rejected rows, and writes all of them to a file if there is one."""

    def __init__(self, out: IO[str] | None) -> None:
        self._out = out
        self._shown = 0

    def __call__(self, row: RejectedRow) -> None:
        """Take one."""
        if self._shown < REJECTED_SHOWN:
            self._shown += 1
            where = f"line {row.line}" + (f", {row.field}" if row.field else "")
            click.echo(f"rejected: {where}: {row.detail}", err=True)
            if self._shown == REJECTED_SHOWN:
                click.echo(
                    "rejected: further rows are counted only (--rejected FILE writes them all)", err=True
                )
        if self._out is not None:
            self._out.write(orjson.dumps(row._asdict()).decode() + "\n")


def _tell(report: ImportReport, seconds: float) -> None:
    counts = report.counts
    total = counts.read + counts.rejected + counts.ignored.total()
    events_ = report.appended + report.known
    click.echo(
        f"{counted(total, 'row')}: {counted(counts.read, 'row')} read, {counts.ignored.total():,} ignored, {counts.rejected:,} rejected"
    )
    click.echo(
        f"{counted(events_, 'event')} of {counted(report.visitors, 'visitor')}: {report.appended:,} new, "
        f"{report.known:,} known already; {seconds:.1f} s, {events_ / max(seconds, 1e-9):,.0f} events/s"
    )
    for name, count in counts.ignored.most_common():
        click.echo(
            f"ignored: {counted(count, 'row')} of event {name!r}, which Kabin has no use for (--rename gives it a name)"
        )
    if counts.unknown_items:
        ids = ", ".join(item_id for item_id, _ in counts.unknown_items.most_common(5))
        click.echo(
            f"warning: {counted(counts.unknown_items.total(), 'row')} of {counted(len(counts.unknown_items), 'item')} that the "
            f"catalog lacks (such as {ids}): kept in the log without a trace in states; import the catalog, then "
            "`kabin rebuild`",
            err=True,
        )
    if not counts.read:
        raise click.ClickException("no row became an event")
