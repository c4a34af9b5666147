"""`kabin train`: the nightly training."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help comes at once

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from service.cli.options import STORE, settings_options
from service.cli.output import counted
from service.cli.progress import progress
from service.cli.reachable_redis import redis_of
from service.cli.store import client_of, models_dir_of, open_catalog, reports_dir_of
from service.cli.training_engine import TrainingEngine, interactions_by_spark, this_machine, training_engine
from service.cli.training_options import training_options, training_settings
from service.history.archives import readable_archive
from service.settings import Settings, load_settings

if TYPE_CHECKING:
    from recommender.catalog.catalog import Catalog
    from recommender.interactions import ColumnMapping, Interactions
    from recommender.training import TrainingSettings
    from service.training import Finished

REJECTED_SHOWN: Final = 20
"""Rejected rows of a file that are printed; all are counted."""

REFUSED: Final = 3
"""Exit code where the gate keeps the current model: nothing failed, and somebody should look."""


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--map",
    "mapping",
    multiple=True,
    metavar="FIELD=COLUMN,...",
    help="Which column of FILE fills which field; see kabin import events --help.",
)
@training_options
@click.option(
    "--no-publish",
    is_flag=True,
    help="Write the model, but let the services keep theirs (see kabin model publish).",
)
@settings_options(*STORE)
def train(
    file: Path | None,
    mapping: tuple[str, ...],
    *,
    engine: str,
    spark_conf: tuple[str, ...],
    no_publish: bool,
    **flags: Any,
) -> None:
    """Train a model on the shop's own events and publish it.

    Reads the event log and the archive, or FILE: an event file as `kabin import events` takes it, or sessions (.txt,
    .txt.gz; one a line, item ids in order). Learns neighbours of items (ALS and co-visitation, blended as suits the
    newest sessions best), what is popular, how sizes turn out and what discounts mean to this shop. Running
    services take the model up within seconds.

    The new model is tested beside the current one on the newest day, and published only if it is not worse, covers the
    catalog, holds no NaN and rests on as much data as is usual. Otherwise the current one stays and the exit code is 3.
    A report for browsers lies in the reports folder of the data folder.
    """
    training = training_settings(flags, publish=not no_publish)
    settings = load_settings(**flags)
    with training_engine(engine, spark_conf) as chosen:
        if file is not None:
            finished = _train(settings, training, lambda: _read_file(file, mapping), chosen)
        else:
            with redis_of(settings) as reachable:
                finished = train_on_log(reachable, training, chosen)
    if finished.result.refusals:
        raise click.exceptions.Exit(REFUSED)


def train_on_log(
    settings: Settings,
    training: "TrainingSettings | None" = None,
    engine: TrainingEngine | None = None,
) -> "Finished":
    """Train on the event log and the archive in the Redis of ``settings``, and print what came of it.

    Args:
        settings: with the address of a Redis.
        training: how; the defaults when None.
        engine: what on; this machine when None.
    """
    chosen = engine or this_machine()

    def read() -> "tuple[Interactions, Catalog]":
        if chosen.spark is not None:
            return interactions_by_spark(settings, chosen.spark)
        with progress("Reading the event log") as report:
            return asyncio.run(interactions_of_log(settings, report))

    return _train(settings, training, read, chosen)


def _train(
    settings: Settings,
    training: "TrainingSettings | None",
    read: "Callable[[], tuple[Interactions, Catalog | None]]",
    engine: TrainingEngine,
) -> "Finished":
    from service.training import expected_seconds, run_training

    started = time.monotonic()
    interactions, catalog = read()
    reports_dir = reports_dir_of(settings)
    with progress("Training", expected_seconds(reports_dir, engine.name)) as report:
        finished = run_training(
            interactions,
            catalog,
            training,
            models_dir=models_dir_of(settings),
            reports_dir=reports_dir,
            on_progress=lambda stage, done, total: report(done / max(1, total), stage),
            factorise=engine.factorise,
            engine=engine.name,
        )
    _print(finished, len(interactions), time.monotonic() - started)
    return finished


def _print(finished: "Finished", interactions: int, seconds: float) -> None:
    result = finished.result
    for note in result.notes:
        click.echo(note)
    for problem in finished.problems:
        click.echo(f"warning: {problem}", err=True)
    for refusal in result.refusals:
        click.echo(f"refused ({refusal.code}): {refusal.detail}", err=True)
    if finished.page is not None:
        click.echo(f"report {finished.page}")
    done = {
        "published": "published",
        "written": "written, not published",
        "refused": "refused: the current one stays",
    }[result.report.result]
    click.echo(f"model {result.version} {done}: {counted(interactions, 'interaction')}, {seconds:.1f} s")


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


async def interactions_of_log(
    settings: Settings, report: Callable[[float], None]
) -> "tuple[Interactions, Catalog]":
    """Return what the event log and the archive hold, and the catalog.

    Args:
        settings: with the address of a Redis.
        report: told how much has been read, 0 to 1.

    Raises:
        click.ClickException: there is nothing.
        StoreUnavailable: Redis did not answer.
        ArchiveError: a file of the archive cannot be read.
    """
    from recommender.interactions import InteractionsBuilder
    from service.history.history import HistoryCounts, read_history
    from service.stores.log import EventLog

    async with client_of(settings) as (client, keyspace):
        catalog = await open_catalog(settings, client, keyspace)
        builder = InteractionsBuilder(catalog)
        counts = HistoryCounts()
        archive = await readable_archive(settings, client, keyspace)
        history = read_history(EventLog(client, keyspace), keyspace, archive, counts=counts, progress=report)
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
