"""`kabin demo`: a simulated shop, from the feed to pages to browse and three calls that show what Kabin does."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help comes at once

import contextlib
import functools
import logging
import os
import secrets
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
from pydantic import SecretStr

from service.cli.event_import import import_table
from service.cli.feed_import import import_feed
from service.cli.store import redis_of
from service.cli.train import train_on_log
from service.demo.crowd import DAYS, crowd_rows, simulate_crowd
from service.demo.shop import DemoItem, feed_rows, simulate_shop
from service.demo.tour import Tour, TourError, check_pages, plan_tour, take_tour, wait_until_ready
from service.identity import VisitorTokens, load_signing_keys
from service.imports.history import HistoryForm, HistoryReader
from service.imports.mapping import bind_mapping
from service.imports.tables import open_table
from service.settings import Settings

HOST: Final = "127.0.0.1"
PORT: Final = 8000
START_TIMEOUT_SECONDS: Final = 60.0
REDIS_TIMEOUT_MS: Final = 150


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
    default=1500,
    show_default=True,
    help="How many simulated visitors.",
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
    "--check",
    is_flag=True,
    help="Look at the shop's pages, make the three calls, print the answers, and exit: 0 if all is as it should be, else 1.",
)
def demo(seed: int, visitors: int, port: int | None, data_dir: Path | None, *, check: bool) -> None:
    """Run a simulated shop to try in the browser, and print three calls.

    Invents a fashion shop and sixty days of what its visitors did, imports the feed and the events, trains a model,
    and starts the service on an embedded Valkey, each by the same code that a real shop runs; the shop's pages are
    served beside it, with a panel that says what Kabin knows and why. Ctrl-C ends it.
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
            redis_prefix="demo",
            # Safari and plain HTTP clients keep no Secure cookie of a loopback address.
            cookie_secure=False,
            # Whoever tries Kabin on a busy laptop wants to see decisions, not how it goes on without Redis.
            redis_timeout_ms=REDIS_TIMEOUT_MS,
        )
        items = simulate_shop(seed)
        with redis_of(settings) as reachable:
            _prepare(reachable, items, seed, visitors)
            click.echo(f"ready after {time.monotonic() - started:.1f} s")
            _serve(reachable, items, seed, check=check)


def _prepare(settings: Settings, items: list[DemoItem], seed: int, visitors: int) -> None:
    now = time.time()
    feed, events = settings.data_dir / "feed.jsonl", settings.data_dir / "events.jsonl"
    _write(feed, feed_rows(items, base_url=f"http://{HOST}:{settings.port}", now=now))
    crowd = simulate_crowd(seed, visitors)
    _write(events, crowd_rows(crowd, items, seed=seed, now=now))
    click.echo(f"\n> kabin import catalog {feed}")
    import_feed(settings, feed)
    click.echo(f"\n> kabin import events {events}   ({visitors:,} visitors, {DAYS} days)")
    with open_table(events) as table:
        import_table(settings, table, HistoryReader(bind_mapping({}, table.columns), HistoryForm(), now))
    click.echo("\n> kabin train")
    train_on_log(settings)


def _serve(settings: Settings, items: list[DemoItem], seed: int, *, check: bool) -> None:
    from service.demo.application import build_demo
    from service.server import serve as serve_app

    base_url = f"http://{HOST}:{settings.port}"
    token = VisitorTokens(load_signing_keys((), settings.data_dir)).issue().token
    guide = _Guide(base_url, plan_tour(items, token, time.time()), items, check=check)
    guide.start()
    # The screen belongs to the shop's address and the calls: only warnings may come between.
    logging.disable(logging.INFO)
    try:
        serve_app(settings, functools.partial(build_demo, seed=seed))
    finally:
        logging.disable(logging.NOTSET)
    guide.finish()


class _Guide(threading.Thread):
    """Waits for the service, then prints the tour, or takes it and ends the service."""

    def __init__(self, base_url: str, tour: Tour, items: list[DemoItem], *, check: bool) -> None:
        super().__init__(daemon=True)
        self._base_url = base_url
        self._tour = tour
        self._items = items
        self._check = check
        self._failure: str | None = None

    def run(self) -> None:
        """Do it; an error is kept for :meth:`finish`."""
        try:
            wait_until_ready(self._base_url, timeout_seconds=START_TIMEOUT_SECONDS)
            if self._check:
                self._look_at_pages()
                answers = take_tour(self._tour, self._base_url)
                for call, answer in zip(self._tour.calls, answers, strict=True):
                    click.echo(f"\n{call.caption}\n  {_brief(answer)}")
            else:
                self._print_lines()
        except TourError as error:
            self._failure = str(error)
        if self._check or self._failure:
            os.kill(os.getpid(), signal.SIGINT)

    def finish(self) -> None:
        """Raise what went wrong, once the service has ended."""
        if self._failure:
            raise click.ClickException(self._failure)

    def _look_at_pages(self) -> None:
        for path, size in check_pages(self._items, self._base_url):
            click.echo(f"{self._base_url}{path}  {size:,} bytes")

    def _print_lines(self) -> None:
        click.echo(f"\nThe shop: {self._base_url}/\n")
        for step in self._tour.steps:
            click.echo(f"- {step}")
        click.echo("\nOr in another terminal, one after the other:")
        for number, call in enumerate(self._tour.calls, 1):
            click.echo(f"\n{number}. {call.caption}\n\n{call.as_curl(self._base_url)}")
        click.echo("\nCtrl-C ends the demonstration.")


def _brief(answer: dict[str, Any]) -> str:
    """Return what the tour is about in one line."""
    if "accepted" in answer:
        return f"events: {answer['accepted']} accepted"
    size, reason = answer["size"], answer["size"].get("reason")
    shown = ", ".join(f"{one['item_id']} ({one['source']})" for one in answer["recommendations"])
    return (
        f"size: {size['action']} {size.get('size') or ''} {reason or ''}\n"
        f"  homepage: {answer['slots']['homepage']}\n  recommendations: {shown}"
    )


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
