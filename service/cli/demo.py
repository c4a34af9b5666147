"""`kabin demo`: a simulated shop, from the feed to pages to browse and three calls that show what Kabin does."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help comes at once

import contextlib
import functools
import logging
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from pydantic import SecretStr

from service.cli.archiver_process import archiver_beside
from service.cli.event_import import import_table
from service.cli.feed_import import import_feed
from service.cli.reachable_redis import redis_of
from service.cli.train import train_on_log
from service.cli.visitor_names import customers_of
from service.demo.clock import DemoClock
from service.demo.crowd import DAYS, Shopper, crowd_rows, simulate_crowd
from service.demo.shop import DemoItem, feed_rows, simulate_shop
from service.demo.tour import plan_tour
from service.identity.tokens import VisitorTokens, load_signing_keys
from service.imports.history import HistoryForm, HistoryReader
from service.imports.mapping import bind_mapping
from service.imports.tables import open_table
from service.settings import Settings

if TYPE_CHECKING:
    from service.cli.demo_experiment import DemoExperiment

HOST: Final = "127.0.0.1"
PORT: Final = 8000
REDIS_TIMEOUT_MS: Final = 150

VISITORS: Final = 1_500
EXPERIMENT_VISITORS: Final = 13_000
"""As many as it takes for a verdict, with some to spare: see service.demo.behaviour for what they respond to."""
EXPERIMENT_DAYS: Final = 14
REGULARS_MORE_SESSIONS: Final = 5.0
"""Visits in the sixty days besides the first: an experiment is about regulars, of whom something is known."""


@click.command()
@click.option(
    "--seed",
    type=int,
    default=7,
    show_default=True,
    help="Of the shop and its crowd: the same seed, the same shop.",
)
@click.option(
    "--visitors",
    type=click.IntRange(100, 100_000),
    help=f"How many simulated visitors [default: {VISITORS}, with --experiment {EXPERIMENT_VISITORS}].",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help=f"TCP port [default: {PORT}, or a free one if that is taken].",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Keep the demonstration's data here [default: a temporary folder, removed at the end].",
)
@click.option(
    "--experiment",
    is_flag=True,
    help="Also run an A/B test of the homepage on a simulated crowd that comes for two weeks, in some two minutes, and report it.",
)
@click.option(
    "--days",
    type=click.IntRange(2, 60),
    default=EXPERIMENT_DAYS,
    show_default=True,
    help="How many simulated days the experiment takes; half of them are its conversion window.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Look at the shop's pages, make the three calls, print the answers, and exit: 0 if all is as it should be, else 1.",
)
def demo(
    seed: int,
    visitors: int | None,
    port: int | None,
    data_dir: Path | None,
    *,
    experiment: bool,
    days: int,
    check: bool,
) -> None:
    """Run a simulated shop to try in the browser, and print three calls.

    Invents a fashion shop and sixty days of what its visitors did, imports the feed and the events, trains a model,
    and starts the service on an embedded Valkey, each by the same code that a real shop runs; the shop's pages are
    served beside it, with a panel that says what Kabin knows and why. With --experiment a simulated crowd then lives
    through an A/B test of the homepage, and its report is printed and served. Ctrl-C ends it.
    """
    started = time.monotonic()
    click.echo(
        f"This shop is simulated (seed {seed}): its items, visitors and prices are invented, nothing here is real data."
    )
    with _folder(data_dir) as folder:
        # Whatever the environment configures for a real shop (consent, sources, keys) stays out of the demonstration.
        settings = Settings.model_construct(
            host=HOST,
            port=_free_port(PORT) if port is None else _open_port(port),
            data_dir=folder,
            server_key=SecretStr(secrets.token_urlsafe(24)),
            customer_token_key=(SecretStr(secrets.token_urlsafe(32)),),
            redis_prefix="demo",
            # Safari and plain HTTP clients keep no Secure cookie of a loopback address.
            cookie_secure=False,
            # Whoever tries Kabin on a busy laptop wants to see decisions, not how it goes on without Redis.
            redis_timeout_ms=REDIS_TIMEOUT_MS,
            shutdown_grace_seconds=0.0,
            learning_traffic=experiment,
            conversion_window_days=days / 2,
        )
        items = simulate_shop(seed)
        clock = DemoClock()
        crowd = _crowd(seed, visitors, experiment=experiment)
        with redis_of(settings) as reachable:
            _prepare(reachable, items, crowd, seed)
            click.echo(f"ready after {time.monotonic() - started:.1f} s")
            live = _experiment(reachable, items, crowd, clock, seed=seed, days=days) if experiment else None
            _serve(reachable, items, seed, clock, live, check=check)


def _crowd(seed: int, visitors: int | None, *, experiment: bool) -> list[Shopper]:
    if experiment:
        count = EXPERIMENT_VISITORS if visitors is None else visitors
        return simulate_crowd(seed, count, more_sessions=REGULARS_MORE_SESSIONS)
    return simulate_crowd(seed, VISITORS if visitors is None else visitors)


def _prepare(settings: Settings, items: list[DemoItem], crowd: list[Shopper], seed: int) -> None:
    from recommender.training import TrainingSettings

    now = time.time()
    feed, events = settings.data_dir / "feed.jsonl", settings.data_dir / "events.jsonl"
    _write(feed, feed_rows(items, base_url=f"http://{HOST}:{settings.port}", now=now))
    _write(events, crowd_rows(crowd, items, seed=seed, now=now))
    click.echo(f"\n> kabin import catalog {feed}")
    import_feed(settings, feed)
    click.echo(f"\n> kabin import events {events}   ({len(crowd):,} visitors, {DAYS} days)")
    with open_table(events) as table:
        reader = HistoryReader(
            bind_mapping({}, table.columns), HistoryForm(), now, customers=customers_of(settings)
        )
        import_table(settings, table, reader)
    click.echo("\n> kabin train --tune-seconds 0")
    # Who waits for a shop to look at wants neither better settings nor a learning curve.
    train_on_log(settings, TrainingSettings(tune_seconds=0.0, curve_seconds=0.0))


def _experiment(
    settings: Settings, items: list[DemoItem], crowd: list[Shopper], clock: DemoClock, *, seed: int, days: int
) -> "DemoExperiment":
    from service.cli.demo_experiment import DemoExperiment

    return DemoExperiment(settings, items, crowd, clock, seed, days)


def _serve(
    settings: Settings,
    items: list[DemoItem],
    seed: int,
    clock: DemoClock,
    experiment: "DemoExperiment | None",
    *,
    check: bool,
) -> None:
    from service.cli.demo_guide import Guide, Itinerary
    from service.demo.application import build_demo
    from service.serving.server import serve as serve_app

    base_url = f"http://{HOST}:{settings.port}"
    token = VisitorTokens(load_signing_keys((), settings.data_dir)).issue().token
    tour = plan_tour(items, token, time.time())
    guide = Guide(Itinerary(base_url, items, tour, experiment, check))
    guide.start()
    # The screen belongs to the shop's address and the calls: only warnings may come between.
    logging.disable(logging.INFO)
    try:
        with archiver_beside(settings, quiet=True):
            serve_app(settings, functools.partial(build_demo, seed=seed, clock=clock))
    finally:
        logging.disable(logging.NOTSET)
    guide.finish()


@contextlib.contextmanager
def _folder(data_dir: Path | None) -> Iterator[Path]:
    if data_dir is not None:
        data_dir.mkdir(parents=True, exist_ok=True)
        yield data_dir
        return
    folder = Path(tempfile.mkdtemp(prefix="kabin-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port(wanted: int) -> int:
    """Return ``wanted`` if nobody listens there, else a port that is free now."""
    for port in (wanted, 0):
        with contextlib.suppress(OSError), socket.create_server((HOST, port)) as listener:
            free: int = listener.getsockname()[1]
            return free
    raise click.ClickException(f"no port is free on {HOST}")


def _open_port(wanted: int) -> int:
    """Return ``wanted`` if it can be listened on; to learn that after the training would be late."""
    try:
        socket.create_server((HOST, wanted)).close()
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {HOST} port {wanted}: {os.strerror(error.errno or 0)}; give another --port, or none for a free one"
        ) from None
    return wanted


def _write(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    import orjson

    with path.open("wb") as file:
        file.writelines(orjson.dumps(row) + b"\n" for row in rows)
