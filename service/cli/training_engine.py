"""What `kabin train --engine` chooses: where item vectors are fitted, and who reads the archive."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help comes at once

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import click

from service.cli.store import archiver_of, client_of, open_catalog
from service.history.archives import readable_archive
from service.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from recommender.catalog.catalog import Catalog
    from recommender.interactions import Interactions
    from recommender.recommendations.als import Factorise
    from service.stores.archive import ArchiveSnapshot

ARCHIVE_PATIENCE_SECONDS: Final = 120.0
"""How long to wait for the archiver beside a service, which drains for seconds each minute."""


@dataclass(frozen=True, slots=True)
class TrainingEngine:
    """What a training runs on.

    Attributes:
        name: as the option has it.
        factorise: fits the items' vectors.
        spark: the session; None on one machine.
    """

    name: Literal["implicit", "spark"]
    factorise: "Factorise"
    spark: "SparkSession | None" = None


def this_machine() -> TrainingEngine:
    """Return the engine that needs nothing but this machine."""
    from recommender.recommendations.als import fit_item_factors

    return TrainingEngine("implicit", fit_item_factors)


@contextmanager
def training_engine(name: str, spark_conf: Sequence[str] = ()) -> Iterator[TrainingEngine]:
    """Provide an engine while the block runs.

    Args:
        name: ``implicit`` or ``spark``.
        spark_conf: Spark's own properties, each as ``NAME=VALUE``.

    Raises:
        click.BadParameter: a property is no such pair, or there is no Spark to set it.
        SparkError: Spark does not start.
    """
    conf = _properties(spark_conf)
    if name == "implicit":
        if conf:
            raise click.BadParameter("goes with --engine spark", param_hint="--spark-conf")
        yield this_machine()
        return
    from recommender.spark import SparkFactoriser, open_session

    with open_session(conf) as spark:
        yield TrainingEngine("spark", SparkFactoriser(spark), spark)


def interactions_by_spark(settings: Settings, spark: "SparkSession") -> "tuple[Interactions, Catalog]":
    """Drain the event log into the archive, and return what the archive holds, read by Spark, and the catalog.

    Raises:
        InteractionError: the archive is empty.
        SparkError: Spark cannot read it.
        StoreUnavailable: Redis did not answer.
    """
    from recommender.spark import read_interactions
    from service.stores.erasures import visitor_hash

    snapshot, catalog = asyncio.run(_archived(settings))
    erased = snapshot.erased.at
    files = [snapshot.storage.url_of(file.name) for file in snapshot.files]
    interactions = read_interactions(
        spark,
        files,
        catalog=catalog,
        erased_at=(lambda visitor_id: erased.get(visitor_hash(visitor_id))) if erased else None,
    )
    return interactions, catalog


async def _archived(settings: Settings) -> "tuple[ArchiveSnapshot, Catalog]":
    async with client_of(settings) as (client, keyspace):
        archiver = archiver_of(settings, client, keyspace, patience_seconds=ARCHIVE_PATIENCE_SECONDS)
        await archiver.drain(time.time())
        archive = await readable_archive(settings, client, keyspace)
        return archive.snapshot(), await open_catalog(settings, client, keyspace)


def _properties(pairs: Sequence[str]) -> Mapping[str, str]:
    properties = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"{pair!r} is no NAME=VALUE", param_hint="--spark-conf")
        properties[name.strip()] = value.strip()
    return properties
