"""`kabin experiment report`: what an experiment shows, its verdict first."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help comes at once

import asyncio
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from service.cli.options import STORE, settings_options
from service.cli.output import print_report
from service.cli.progress import progress
from service.cli.reachable_redis import redis_of
from service.cli.store import client_of, open_catalog
from service.history.archives import readable_archive
from service.settings import Settings, load_settings

if TYPE_CHECKING:
    from recommender.experiments.analysis.report import ExperimentReport
    from service.experiment_report import ReportOptions

_UNIT_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
_SHARE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(%?)")


class _Duration(click.ParamType[float]):
    """A time span such as ``7d``, ``12h``, ``30m`` or ``30s``, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a flag."""
        match = _DURATION.fullmatch(str(value).strip())
        if match is None or float(match[1]) <= 0:
            self.fail(f"{value!r} is no time span such as 7d, 12h, 30m or 30s", param, ctx)
        return float(match[1]) * _UNIT_SECONDS[match[2]]


class _Share(click.ParamType[float]):
    """A share such as ``5%`` or ``0.05``."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a flag."""
        match = _SHARE.fullmatch(str(value).strip())
        share = float(match[1]) / (100.0 if match[2] else 1.0) if match else 0.0
        if not 0.0 < share <= 1.0:
            self.fail(f"{value!r} is no share above 0 and up to 100%, such as 5% or 0.05", param, ctx)
        return share


class _Moment(click.ParamType[float]):
    """A moment in ISO 8601, UTC where it names no zone, in Unix seconds."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read a flag."""
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not ISO 8601, such as 2026-03-01 or 2026-03-01T12:00+01:00", param, ctx)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


@click.command()
@click.argument("name")
@click.option(
    "--window",
    type=_Duration(),
    metavar="SPAN",
    help="Conversion window: what happens so long after the exposure counts, such as 7d, 12h or 30s "
    "[default: KABIN_CONVERSION_WINDOW_DAYS].",
)
@click.option("--primary", metavar="METRIC", help="The metric that decides [default: margin_per_visitor].")
@click.option("--control", metavar="VARIATION", help="The variation that the others are compared with.")
@click.option(
    "--minimum-effect",
    type=_Share(),
    metavar="SHARE",
    help="The smallest relative difference that would matter to the shop [default: 5%].",
)
@click.option(
    "--planned-visitors",
    type=click.IntRange(min=2),
    metavar="NUMBER",
    help="Visitors of all variations that the experiment was planned for [default: 100000].",
)
@click.option(
    "--reading",
    type=click.Choice(["always_valid", "planned"]),
    help="Look whenever you like, or once when the planned visitors have come [default: always_valid].",
)
@click.option(
    "--winsorize",
    "winsorize_quantile",
    type=_Share(),
    metavar="SHARE",
    help="Cut money at this quantile of the visitors who have any, such as 99.9%; default: nothing is cut.",
)
@click.option("--since", type=_Moment(), metavar="ISO", help="Leave out visitors first exposed before.")
@click.option(
    "--as-of", type=_Moment(), metavar="ISO", help="Report what was known at that moment [default: now]."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Also write the report with plots as one HTML page.",
)
@settings_options(*STORE, "default_currency", "gross_margin_percent", "session_gap_minutes")
def report(name: str, *, as_of: float | None, as_json: bool, html: Path | None, **flags: object) -> None:
    """Say whether an experiment paid.

    NAME is an experiment of `kabin experiment list`, also one that was stopped. Every visitor counts once, from the
    first page that showed it. The verdict comes first: by default it may be read as often as you like. Then the figures of each
    variation, the difference of each metric with its interval, and what to know about them.
    """
    from service.experiment_report import NoExposures, UnknownExperiment

    choices = {key: flags.pop(key) for key in _CHOICES}
    settings = load_settings(**flags)
    options = report_options(settings, **choices)
    now = time.time() if as_of is None else as_of
    try:
        with redis_of(settings) as reachable:
            result = asyncio.run(read_report(reachable, name, options, now))
    except UnknownExperiment as error:
        raise click.ClickException(str(error)) from None
    except NoExposures as error:
        _say_nothing_yet(name, str(error), now, as_json=as_json)
        if html is not None:
            click.echo(f"{html}: not written, there is nothing to show yet", err=True)
        return
    if html is not None:
        _write_page(result, html)
    print_report(result, as_json=as_json)


_CHOICES: Final = (
    "window",
    "primary",
    "control",
    "minimum_effect",
    "planned_visitors",
    "reading",
    "winsorize_quantile",
    "since",
)


def report_options(settings: Settings, **choices: Any) -> "ReportOptions":
    """Return how a report is read: by the settings, and by what is chosen (``None`` chooses nothing).

    Raises:
        click.ClickException: there is no such metric.
    """
    from recommender.events import SECONDS_PER_DAY
    from recommender.experiments.analysis.metrics import METRICS
    from recommender.experiments.analysis.plan import Reading
    from service.experiment_report import ReportOptions

    if choices.get("primary") not in {None, *METRICS}:
        raise click.ClickException(f"no metric {choices['primary']!r}; there are {', '.join(METRICS)}")
    given: dict[str, Any] = {key: value for key, value in choices.items() if value is not None}
    window = given.pop("window", settings.conversion_window_days * SECONDS_PER_DAY)
    if "reading" in given:
        given["reading"] = Reading(given["reading"])
    return ReportOptions(
        window_seconds=window,
        currency=settings.default_currency,
        gross_margin_share=settings.gross_margin_percent / 100.0,
        session_gap_seconds=settings.session_gap_minutes * 60.0,
        **given,
    )


async def read_report(
    settings: Settings, name: str, options: "ReportOptions", now: float
) -> "ExperimentReport":
    """Return the report of an experiment as of ``now`` (Unix seconds), with a bar while the log is read.

    Args:
        settings: with a ``redis_url``.
        name: of the experiment.
        options: how to read it.
        now: Unix seconds.

    Raises:
        UnknownExperiment: nothing was ever run under that name.
        NoExposures: nobody has been exposed yet.
    """
    from service.experiment_report import ExperimentReports
    from service.stores.catalog_source import RedisCatalogSource
    from service.stores.experiments import RedisExperimentStore
    from service.stores.log import EventLog

    async with client_of(settings) as (client, keyspace):
        reports = ExperimentReports(
            EventLog(client, keyspace),
            keyspace,
            archive=await readable_archive(settings, client, keyspace),
            journal=RedisExperimentStore(client, keyspace),
            catalog=await open_catalog(settings, client, keyspace),
            catalog_source=RedisCatalogSource(client, keyspace),
        )
        with progress("Reading the event log") as tell:
            return await reports.report(name, options, now=now, progress=tell)


def _say_nothing_yet(name: str, sentence: str, now: float, *, as_json: bool) -> None:
    if not as_json:
        click.echo(f"{sentence}.")
        return
    import orjson

    # The keys of a report with visitors, so that whoever reads it need not ask which of the two it is.
    lists = ("variations", "metrics", "skipped_metrics", "days", "policies", "notes")
    empty: dict[str, Any] = {key: [] for key in lists}
    verdict = {"outcome": "not_yet", "sentence": sentence, "variations": [], "remarks": []}
    content = {"experiment": name, "as_of": now, "verdict": verdict, "split": None, **empty, "plan": None}
    click.echo(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode())


def _write_page(result: "ExperimentReport", path: Path) -> None:
    from recommender.experiments.analysis.render.page import experiment_page

    try:
        path.write_text(experiment_page(result), encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from None
    click.echo(f"page written to {path}", err=True)
