"""`kabin evaluate`: how good the decisions are, measured on history in time order."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help comes at once

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from recommender.evaluation.report import Report
from service.cli.options import STORE, settings_options
from service.cli.output import print_report
from service.cli.progress import progress
from service.cli.reachable_redis import redis_of
from service.cli.store import client_of, open_catalog
from service.history.archives import readable_archive
from service.settings import Settings, load_settings

if TYPE_CHECKING:
    from recommender.catalog.catalog import Catalog
    from recommender.evaluation.sessions import SessionSplit
    from recommender.evaluation.size_history import SizeHistory
    from recommender.events import Event
    from recommender.sizes.ladder import Ladder
    from recommender.sizes.size import SizeEvidence

HELD_OUT_SHARE: Final = 0.1
"""Newest share of a shop's own sessions that its recommendations are measured on."""

DATA_VARIABLE: Final = "KABIN_DATA"
DATA_FOLDER: Final = Path("../shared/data")

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
data_folder = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help=f"Folder of the public data sets [{DATA_VARIABLE}; default {DATA_FOLDER}].",
)


@click.group()
def evaluate() -> None:
    """Measure sizes, recommendations or affinity on history.

    History is replayed in time order: every answer comes from what was known before it. Results are
    printed as tables, with --json as one object.
    """


@evaluate.command()
@click.argument("dataset", required=False)
@as_json
@data_folder
@settings_options(*STORE)
def sizes(dataset: str | None, *, as_json: bool, data: Path | None, **flags: object) -> None:
    """Predict the size of every purchase from the visitor's earlier ones.

    DATASET is `renttherunway` or a Parquet file of that form; without it the shop's own event log is replayed,
    with the departments of its catalog. Top-1 and within-1 share, precision and coverage of preselected sizes,
    calibration; the calibration is fitted on other visitors than it is measured on.
    """
    from recommender.evaluation.size_history import read_renttherunway
    from recommender.evaluation.sizes import evaluate_sizes

    if dataset is None:
        history = _own_sizes(load_settings(**flags))
    else:
        history = read_renttherunway(_path(dataset, {"renttherunway": "renttherunway_open.parquet"}, data))
    with progress("Replaying") as report:
        result = evaluate_sizes(history, progress=lambda done, total: report(done / max(1, total)))
    _print(result, as_json=as_json)


@evaluate.command()
@click.argument("dataset", required=False)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Of the bootstrap that the intervals come from."
)
@as_json
@data_folder
@settings_options(*STORE)
def recommendations(
    dataset: str | None, *, seed: int, as_json: bool, data: Path | None, **flags: object
) -> None:
    """Predict each next item of a session from the ones before it.

    DATASET is `diginetica` or `yoochoose_100k`; without it the newest tenth of the shop's own sessions is predicted
    from the others. Lists of ALS, co-visitation and their blend, tuned on training sessions only, go through
    the look-up that serves: hit rate and reciprocal rank at 20, new targets and all targets.
    """
    import numpy as np

    from recommender.evaluation.recommendations import evaluate_recommendations

    split = _session_split(dataset, data, flags)
    with progress("Evaluating") as report:
        result = evaluate_recommendations(
            split,
            rng=np.random.default_rng(seed),
            on_progress=lambda stage, done, total: report(done / max(1, total), stage),
        )
    _print(result, as_json=as_json)


@evaluate.command()
@click.argument("dataset", default="complete_journey")
@as_json
@data_folder
def affinity(dataset: str, *, as_json: bool, data: Path | None) -> None:
    """Predict how discounted later purchases are from the first 5, 10, 20, 50 and 100.

    DATASET is `complete_journey` or a Parquet file of that form. Rank correlation and mean absolute error of the
    index, beside those of the constant 1; its strength is fitted on other households.
    """
    from recommender.evaluation.affinity import evaluate_affinity

    path = _path(dataset, {"complete_journey": "complete_journey_open.parquet"}, data)
    with progress("Evaluating"):
        result = evaluate_affinity(path)
    _print(result, as_json=as_json)


def _print(report: Report, *, as_json: bool) -> None:
    print_report(report, as_json=as_json)


def _folder(data: Path | None) -> Path:
    return data or Path(os.environ.get(DATA_VARIABLE) or DATA_FOLDER)


def _path(dataset: str, names: dict[str, str], data: Path | None) -> Path:
    path = _folder(data) / names[dataset] if dataset in names else Path(dataset)
    if not path.is_file():
        known = f"; data sets by name: {', '.join(names)} (in {_folder(data)}, see --data)"
        raise click.ClickException(f"no file {path}{known}")
    return path


def _session_split(dataset: str | None, data: Path | None, flags: dict[str, object]) -> "SessionSplit":
    from recommender.evaluation.sessions import read_diginetica, read_yoochoose

    if dataset is None:
        return _own_sessions(load_settings(**flags))
    readers = {"diginetica": read_diginetica, "yoochoose_100k": read_yoochoose}
    if dataset not in readers:
        raise click.ClickException(f"no data set {dataset!r}; there are {', '.join(readers)}")
    try:
        return readers[dataset](_folder(data))
    except FileNotFoundError as error:
        raise click.ClickException(f"no file {error.filename} (see --data)") from None


def _own_sizes(settings: Settings) -> "SizeHistory":
    from recommender.affinity import AffinityParameters
    from recommender.evaluation.size_history import SizeHistory
    from recommender.visitor.effects import effects_of

    events, catalog = _own_events(settings)
    parameters = AffinityParameters()
    records: dict[str, list[SizeEvidence]] = {}
    ladders: dict[int, Ladder] = {}
    for visitor_id, event in sorted(events, key=lambda pair: pair[1].timestamp):
        # The evidence that the live path would have kept, in the sizes of the catalog.
        evidence = effects_of(event, catalog, parameters).evidence
        records.setdefault(visitor_id, []).extend(evidence)
        for key in {record.item_key for record in evidence} - ladders.keys():
            item = catalog.item_of_key(key)
            ladder = None if item is None else item.ladder()
            if ladder is not None:
                ladders[key] = ladder
    return SizeHistory(list(records.items()), ladders, ladders, "the shop's own event log")


def _own_sessions(settings: Settings) -> "SessionSplit":
    from recommender.evaluation.sessions import SessionSplit
    from recommender.interactions import InteractionsBuilder
    from recommender.recommendations.sessions import Sessions

    events, catalog = _own_events(settings)
    builder = InteractionsBuilder(catalog)
    for visitor_id, event in events:
        builder.add(visitor_id, event)
    clicks = builder.build()
    sessions = Sessions.from_clicks(
        clicks.visitor, clicks.item, clicks.timestamp, item_count=len(clicks.item_ids)
    )
    return SessionSplit.newest("the shop's own event log", sessions, HELD_OUT_SHARE, clicks.item_ids)


def _own_events(settings: Settings) -> "tuple[Iterable[tuple[str, Event]], Catalog]":
    with redis_of(settings) as reachable:
        events, catalog = asyncio.run(_read_own_events(reachable))
    if not events:
        raise click.ClickException(
            "the event log is empty: name a data set, or bring history in with kabin import events"
        )
    return events, catalog


async def _read_own_events(settings: Settings) -> "tuple[list[tuple[str, Event]], Catalog]":
    from service.history.history import HistoryCounts, read_history
    from service.stores.log import EventLog

    async with client_of(settings) as (client, keyspace):
        catalog = await open_catalog(settings, client, keyspace)
        with progress("Reading the event log") as report:
            history = read_history(
                EventLog(client, keyspace),
                keyspace,
                await readable_archive(settings, client, keyspace),
                counts=HistoryCounts(),
                progress=report,
            )
            return [pair async for pair in history], catalog
