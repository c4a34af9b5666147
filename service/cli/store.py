"""What commands work on: a checked connection, catalog, models, archive and states, as the settings say."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help comes at once

import os
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from service.history.archives import archive_of, readable_archive
from service.settings import Settings

if TYPE_CHECKING:
    from recommender.affinity import AffinityParameters
    from recommender.catalog.catalog import Catalog
    from service.archiving import Archiver
    from service.history.rebuild import Rebuilder
    from service.stores.connection import Client
    from service.stores.keys import Keyspace

MODELS_FOLDER: Final = "models"
REPORTS_FOLDER: Final = "reports"
COMMAND_TIMEOUT_SECONDS: Final = 60.0
"""How long a command of the command line waits for Redis; a request's patience is a setting of its own."""


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
    from service.redis_link.replica import CatalogReplica
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
        retention_days=settings.archive_retention_days,
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
    from service.history.rebuild import Rebuilder
    from service.stores.visitors import Lifetimes

    return Rebuilder(
        client,
        keyspace,
        catalog=catalog,
        parameters=_affinity_parameters(settings, catalog),
        lifetimes=Lifetimes(
            state_seconds=settings.visitor_ttl_days * SECONDS_PER_DAY,
            session_gap_seconds=settings.session_gap_minutes * 60,
            first_visit_seconds=settings.first_visit_ttl_minutes * 60,
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
