"""`kabin train`: the nightly training."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help comes at once

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from service.cli.options import STORE, settings_options
from service.cli.output import counted
from service.cli.progress import progress
from service.cli.store import archive_of, client_of, models_dir_of, open_catalog, redis_of
from service.settings import Settings, load_settings

if TYPE_CHECKING:
    from recommender.catalog.catalog import Catalog
    from recommender.interactions import ColumnMapping, Interactions
    from recommender.training import TrainingSettings

REJECTED_SHOWN = 20
"""Rejected rows of a file that are printed; all are counted."""


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--map",
    "mapping",
    multiple=True,
    metavar="FIELD=COLUMN,...",
    help="Which column of FILE fills which field; see kabin import events --help.",
)
@click.option(
    "--keep", type=click.IntRange(1), default=5, show_default=True, help="Model versions that stay on disk."
)
@click.option(
    "--half-life-days",
    type=click.FloatRange(0, min_open=True),
    help="Age at which an event counts half; by default its place in time order decides.",
)
@click.option(
    "--no-publish",
    is_flag=True,
    help="Write the model, but let the services keep theirs (see kabin model publish).",
)
@settings_options(*STORE)
def train(
    file: Path | None,
    mapping: tuple[str, ...],
    keep: int,
    half_life_days: float | None,
    no_publish: bool,
    **flags: object,
) -> None:
    """Train a model on the shop's own events and publish it.

    Reads the event log and the archive, or FILE: an event file as `kabin import events` takes it, or sessions (.txt,
    .txt.gz; one a line, item ids in order). Learns neighbours of items (ALS and co-visitation, blended as suits the
    newest sessions best), what is popular, how sizes turn out and what discounts mean to this shop. Running
    services take the model up within seconds.
    """
    from recommender.training import TrainingSettings

    settings = load_settings(**flags)
    training = TrainingSettings(half_life_days=half_life_days, keep_versions=keep, publish=not no_publish)
    if file is not None:
        _train(settings, training, lambda: _read_file(file, mapping))
    else:
        with redis_of(settings) as reachable:
            train_on_log(reachable, training)


def train_on_log(settings: Settings, training: "TrainingSettings | None" = None) -> None:
    """Train on the event log and the archive in the Redis of ``settings``, and print what came of it."""

    def read() -> "tuple[Interactions, Catalog | None]":
        with progress("Reading the event log") as report:
            return asyncio.run(_interactions_of_log(settings, report))

    _train(settings, training, read)


def _train(
    settings: Settings,
    training: "TrainingSettings | None",
    read: "Callable[[], tuple[Interactions, Catalog | None]]",
) -> None:
    from recommender.training import train as train_model

    started = time.monotonic()
    interactions, catalog = read()
    with progress("Training") as report:
        result = train_model(
            interactions,
            models_dir_of(settings),
            training,
            created_at=time.time(),
            catalog=catalog,
            on_progress=lambda stage, done, total: report(done / max(1, total), stage),
        )
    for note in result.notes:
        click.echo(note)
    done = "published" if training is None or training.publish else "written, not published"
    click.echo(
        f"model {result.version} {done}: {counted(len(interactions), 'interaction')}, {time.monotonic() - started:.1f} s"
    )


def _read_file(file: Path, mapping: tuple[str, ...]) -> "tuple[Interactions, Catalog | None]":
    from recommender.interactions import interactions_of_sessions

    if file.name.endswith((".txt", ".txt.gz")):
        try:
            return interactions_of_sessions(file), None
        except UnicodeDecodeError:
            raise click.ClickException(
                f"{file}: no UTF-8 text; a .txt file holds sessions, one a line, item ids in order"
            ) from None
    return _interactions_of_rows(file, mapping), None


def _interactions_of_rows(file: Path, mapping: tuple[str, ...]) -> "Interactions":
    from recommender.interactions import interactions_of_file
    from service.imports.mapping import bind_mapping, parse_mapping
    from service.imports.tables import open_table

    sources = parse_mapping(mapping)
    with open_table(file) as table:
        bound = bind_mapping(sources, table.columns)
    with progress(f"Reading {file.name}") as report:
        interactions, summary = interactions_of_file(
            file, _as_visitors(bound), latest=time.time(), progress=report
        )
    for error in (summary.errors or ())[:REJECTED_SHOWN]:
        click.echo(f"rejected: line {error.line}, {error.field}: {error.detail}", err=True)
    if summary.refused or summary.ignored:
        click.echo(f"{counted(summary.refused, 'row')} rejected, {summary.ignored:,} ignored", err=True)
    return interactions


def _as_visitors(mapping: "ColumnMapping") -> "ColumnMapping":
    """Return the mapping with customers as the visitors that training counts."""
    from recommender.interactions import ColumnMapping

    def renamed(sources: Mapping[str, str]) -> dict[str, str]:
        return {
            "visitor_id" if field == "customer_id" else field: source for field, source in sources.items()
        }

    return ColumnMapping(renamed(mapping.columns), renamed(mapping.constants))


async def _interactions_of_log(
    settings: Settings, report: Callable[[float], None]
) -> "tuple[Interactions, Catalog | None]":
    from recommender.interactions import InteractionsBuilder
    from service.history import HistoryCounts, read_history
    from service.stores.log import EventLog

    async with client_of(settings) as (client, keyspace):
        catalog = await open_catalog(settings, client, keyspace)
        builder = InteractionsBuilder(catalog)
        counts = HistoryCounts()
        history = read_history(
            EventLog(client, keyspace), keyspace, archive_of(settings), counts=counts, progress=report
        )
        async for visitor_id, event in history:
            builder.add(visitor_id, event)
    if counts.unreadable:
        click.echo(
            f"warning: {counted(counts.unreadable, 'entry', 'entries')} of the log cannot be read", err=True
        )
    if not counts.events:
        raise click.ClickException(
            "there is no event to learn from: the event log and the archive are empty (kabin import events brings history in)"
        )
    return builder.build(), catalog
