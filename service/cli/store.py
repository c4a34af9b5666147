"""Where the commands' data are: the Redis that is configured, else an embedded Valkey in the data folder."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help comes at once

import fcntl
import os
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from pydantic import SecretStr

from service.settings import Settings

if TYPE_CHECKING:
    from recommender.affinity import AffinityParameters
    from recommender.catalog.catalog import Catalog
    from service.archiving import Archiver
    from service.rebuild import Rebuilder
    from service.stores.archive import Archive
    from service.stores.connection import Client
    from service.stores.keys import Keyspace

EMBEDDED_FOLDER: Final = "valkey"
MODELS_FOLDER: Final = "models"
REPORTS_FOLDER: Final = "reports"
ARCHIVE_FOLDER: Final = "archive"
DOOR_LOCK: Final = "door.lock"
"""Held while an embedded server is found, started or stopped: one command at a time."""
USERS_LOCK: Final = "users.lock"
"""Shared by every command that uses the embedded server; whoever started it waits for the others."""
COMMAND_TIMEOUT_SECONDS: Final = 60.0
"""How long a command of the command line waits for Redis; a request's patience is a setting of its own."""


@contextmanager
def redis_of(settings: Settings) -> Iterator[Settings]:
    """Provide a Redis while the block runs and yield settings whose ``redis_url`` leads to it.

    Configured: that one. Else, when another Kabin runs its embedded Valkey in this data folder, as `kabin serve` does
    while `kabin train` is called: that one. Else an embedded Valkey of this command's own, which runs until the
    last command that has joined it is done. A line on standard error says which.
    """
    from service.stores.embedded import EmbeddedValkey

    if settings.redis_url is not None:
        yield settings
        return
    folder = settings.data_dir / EMBEDDED_FOLDER
    embedded: EmbeddedValkey | None = None
    with _lock_file(folder / DOOR_LOCK) as door, _lock_file(folder / USERS_LOCK) as users:
        _take(door, fcntl.LOCK_EX, f"waiting for another command that starts or ends in {folder}")
        fcntl.flock(users, fcntl.LOCK_SH)
        url = EmbeddedValkey.url_of_running(folder)
        if url is not None:
            click.echo(
                f"KABIN_REDIS_URL is not set: using the embedded Valkey that runs in {folder}", err=True
            )
        else:
            click.echo(f"KABIN_REDIS_URL is not set: starting an embedded Valkey in {folder}", err=True)
            embedded = EmbeddedValkey(folder, fsync=settings.embedded_fsync)
            embedded.start()
            url = embedded.url
        try:
            fcntl.flock(door, fcntl.LOCK_UN)
            yield _with_url(settings, url)
        finally:
            if embedded is not None:
                try:
                    _wait_for_others(door, users, folder)
                finally:
                    embedded.stop()


@asynccontextmanager
async def client_of(settings: Settings) -> "AsyncIterator[tuple[Client, Keyspace]]":
    """Connect to the Redis of ``settings`` with a command's patience, check it and say its warnings."""
    from service.stores.connection import check_server, connected
    from service.stores.keys import Keyspace

    if settings.redis_url is None:
        raise ValueError("client_of needs settings that redis_of has completed")
    keyspace = Keyspace(settings.redis_prefix)
    url = settings.redis_url.get_secret_value()
    async with connected(url, timeout_seconds=COMMAND_TIMEOUT_SECONDS) as client:
        report = await check_server(client, keyspace, allow_eviction=settings.allow_eviction)
        for warning in report.warnings:
            click.echo(f"warning: {warning}", err=True)
        yield client, keyspace


async def open_catalog(settings: Settings, client: "Client", keyspace: "Keyspace") -> "Catalog":
    """Return the catalog as it is now in Redis; an empty one before the first feed."""
    from service.departments import load_departments
    from service.replica import CatalogReplica
    from service.stores.catalog_source import RedisCatalogSource

    replica = CatalogReplica(
        RedisCatalogSource(client, keyspace), load_departments(settings.departments_file)
    )
    await replica.refresh()
    return replica.catalog


def models_dir_of(settings: Settings) -> Path:
    """Return the folder of the published models."""
    return settings.data_dir / MODELS_FOLDER


def reports_dir_of(settings: Settings) -> Path:
    """Return the folder of the trainings' reports."""
    return settings.data_dir / REPORTS_FOLDER


def archive_of(settings: Settings) -> "Archive":
    """Return the archive of log entries that have left Redis."""
    from service.stores.archive import Archive, open_storage

    return Archive(open_storage(settings.archive_url or settings.data_dir / ARCHIVE_FOLDER))


async def readable_archive(settings: Settings, client: "Client", keyspace: "Keyspace") -> "Archive":
    """Return the archive without those whose erasure it has not been told of yet.

    Raises:
        ArchiveMismatch: what left the log is in another archive.
    """
    from service.archiving.opening import ArchiveOpening
    from service.stores.archive import Archive
    from service.stores.archive.binding import ArchiveBinding
    from service.stores.erasures import Erased, RedisErasures

    erased = Erased(await RedisErasures(client, keyspace).all())
    archive = Archive(archive_of(settings).storage, erased)
    await ArchiveOpening(archive, keyspace, ArchiveBinding(client, keyspace)).check()
    return archive


def archiver_of(
    settings: Settings, client: "Client", keyspace: "Keyspace", *, patience_seconds: float = 0.0
) -> "Archiver":
    """Return what drains the event log into the archive and compacts it."""
    from service.archiving import Archiver
    from service.stores.archive.binding import ArchiveBinding
    from service.stores.erasures import RedisErasures
    from service.stores.leases import RedisLeases
    from service.stores.log_drain import LogDrain

    return Archiver(
        LogDrain(client, keyspace),
        keyspace,
        archive_of(settings),
        RedisErasures(client, keyspace),
        leases=RedisLeases(client, keyspace),
        binding=ArchiveBinding(client, keyspace),
        holder=f"{socket.gethostname()}, process {os.getpid()}",
        patience_seconds=patience_seconds,
    )


async def rebuilder_of(
    settings: Settings, client: "Client", keyspace: "Keyspace", catalog: "Catalog"
) -> "Rebuilder":
    """Return what recomputes states, with the parameters that the service would use.

    Raises:
        ArchiveMismatch: what left the log is in another archive; states would be computed from what is left.
    """
    from recommender.events import SECONDS_PER_DAY
    from service.rebuild import Rebuilder
    from service.stores.visitors import Lifetimes

    return Rebuilder(
        client,
        keyspace,
        catalog=catalog,
        parameters=_affinity_parameters(settings, catalog),
        lifetimes=Lifetimes(
            state_seconds=settings.visitor_ttl_days * SECONDS_PER_DAY,
            session_gap_seconds=settings.session_gap_minutes * 60,
        ),
        archive=await readable_archive(settings, client, keyspace),
    )


def _affinity_parameters(settings: Settings, catalog: "Catalog") -> "AffinityParameters":
    from recommender.model import current_version, load_model
    from service.knowledge import Knowledge

    models_dir = models_dir_of(settings)
    version = current_version(models_dir)
    if version is not None:
        return load_model(models_dir / version).affinity
    return Knowledge(lambda: catalog, lambda: None).affinity_parameters(time.time())


@contextmanager
def _lock_file(path: Path) -> Iterator[int]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise click.ClickException(
            f"{path.parent}: {error.strerror}; set KABIN_DATA_DIR to a folder that can be written"
        ) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)  # which also gives back its lock


def _take(lock: int, kind: int, notice: str) -> None:
    """Take a lock; where that means waiting, print ``notice``."""
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        click.echo(notice, err=True)
        fcntl.flock(lock, kind)


def _wait_for_others(door: int, users: int, folder: Path) -> None:
    """Let nobody join any more, and return once nobody else uses the embedded server."""
    _take(door, fcntl.LOCK_EX, f"waiting for another command that starts in {folder}")
    _take(
        users,
        fcntl.LOCK_EX,
        f"waiting for another command that uses the embedded Valkey in {folder}; Ctrl-C stops it at once",
    )


def _with_url(settings: Settings, url: str) -> Settings:
    return settings.model_copy(update={"redis_url": SecretStr(url)})
