"""Interactions from the archive's Parquet files: parsed, thinned and numbered by Spark.

What leaves Spark is numbers, 35 bytes a row, and each distinct identifier once. The rules that need to see all copies of
an order, or the catalog, are applied to those numbers by the code that one machine uses.
"""

# ruff: noqa: PLC0415 - pyspark is an extra: only who trains on Spark has it

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from recommender.interactions import InteractionError, Interactions, ItemCatalog
from recommender.interactions.builder import SOURCE_RANK
from recommender.interactions.table import FIT_CODES, KIND_OF, UNKNOWN, InteractionKind
from recommender.spark.numbered import interactions_of_numbered
from recommender.spark.session import errors_in_words

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

ErasedAt = Callable[[str], float | None]
"""Tells up to when (Unix seconds of arrival) what a visitor did has been erased; None for whoever never asked."""

ENTRY_SCHEMA: Final = "visitor_id STRING, received_at DOUBLE, name STRING, event STRING"
"""The archive's columns that training reads."""

EVENT_SCHEMA: Final = (
    "event_id STRING, timestamp DOUBLE, source STRING, transaction_id STRING, preselected BOOLEAN, fit STRING, items "
    "ARRAY<STRUCT<item_id: STRING, item_variant: STRING, size: STRING, discount: DOUBLE, preselected: BOOLEAN>>"
)
"""The fields of :class:`recommender.events.Event` that training reads."""

NUMBERED: Final = ("visitor_id", "item_id", "item_variant", "size")
"""Columns of identifiers that leave Spark as numbers."""


def read_interactions(
    spark: "SparkSession",
    files: Sequence[str],
    *,
    catalog: ItemCatalog | None = None,
    erased_at: ErasedAt | None = None,
) -> Interactions:
    """Read what visitors did with items, as :class:`recommender.interactions.InteractionsBuilder` would.

    An event counts once however often it was archived. Of two copies of an order from equal sources with equal times,
    which a builder takes in the order of arrival, the lower visitor and event id decides.

    Args:
        spark: where to read; every executor must reach the files.
        files: Parquet files of the archive, as paths or URLs.
        catalog: resolves item and SKU ids to items, and SKUs to their size.
        erased_at: whose rows to leave out.

    Returns:
        The rows ordered by visitor, time and event, so that the same archive gives the same table.

    Raises:
        InteractionError: there are no files.
        SparkError: Spark cannot read them.
    """
    if not files:
        raise InteractionError("the archive is empty: kabin archive fills it from the event log")
    with errors_in_words("reading the archive"):
        entries = spark.read.schema(ENTRY_SCHEMA).parquet(*map(spark_path, files))
        if erased_at is not None:
            entries = _without_erased(spark, entries, erased_at)
        lines = _lines_of(_events_of(entries)).persist()
        try:
            texts = {name: _distinct(lines, name) for name in NUMBERED}
            table = _numbered(spark, lines, texts).toArrow()
        finally:
            lines.unpersist()
    return interactions_of_numbered(table, texts, catalog)


def spark_path(file: str) -> str:
    """Return a path or URL as Spark's file systems spell it: local paths as ``file:``, S3 as ``s3a:``."""
    if "://" not in file:
        return f"file://{Path(file).absolute()}"
    return file.replace("s3://", "s3a://", 1) if file.startswith("s3://") else file


def _without_erased(spark: "SparkSession", entries: "DataFrame", erased_at: ErasedAt) -> "DataFrame":
    """Leave out what visitors did up to their erasure; asks once for each visitor."""
    from pyspark.sql import functions as sql

    until = {visitor_id: erased_at(visitor_id) for visitor_id in _distinct(entries, "visitor_id")}
    erased = {visitor_id: at for visitor_id, at in until.items() if at is not None}
    if not erased:
        return entries
    table = pa.table({"visitor_id": list(erased), "erased_at": list(erased.values())})
    erasures = sql.broadcast(spark.createDataFrame(table))
    kept = sql.col("erased_at").isNull() | (sql.col("received_at") > sql.col("erased_at"))
    return entries.join(erasures, "visitor_id", "left").where(kept).drop("erased_at")


def _events_of(entries: "DataFrame") -> "DataFrame":
    """Return the readable events that say something about items, each once."""
    from pyspark.sql import functions as sql

    about_items = entries.where(sql.col("name").isin([name.value for name in KIND_OF]))
    parsed = about_items.select("visitor_id", "name", sql.from_json("event", EVENT_SCHEMA).alias("event"))
    events = parsed.select("visitor_id", "name", "event.*")
    readable = sql.col("event_id").isNotNull() & sql.col("timestamp").isNotNull()
    named = sql.forall("items", lambda line: line["item_id"].isNotNull())
    return events.where(readable & named).dropDuplicates(["visitor_id", "event_id"])


def _lines_of(events: "DataFrame") -> "DataFrame":
    """Return a row for each item of each event, with everything but identifiers as small numbers."""
    from pyspark.sql import functions as sql

    kind = _code_of("name", {name.value: kind.value for name, kind in KIND_OF.items()})
    lines = events.withColumn("kind", kind).select("*", sql.posexplode("items").alias("position", "line"))
    discount = sql.col("line.discount")
    is_order = sql.col("kind") == InteractionKind.PURCHASE.value
    return lines.select(
        "visitor_id",
        "event_id",
        "position",
        "timestamp",
        "kind",
        "line.item_id",
        "line.item_variant",
        "line.size",
        sql.when(discount.isNull(), UNKNOWN)
        .otherwise((discount > 0).cast("int"))
        .cast("byte")
        .alias("discounted"),
        sql.coalesce(_code_of("fit", FIT_CODES), sql.lit(0)).cast("byte").alias("fit"),
        sql.coalesce(sql.greatest("preselected", "line.preselected"), sql.lit(False)).alias("preselected"),
        sql.when(is_order, sql.col("transaction_id")).alias("transaction_id"),
        _code_of("source", SOURCE_RANK).alias("rank"),
    )


def _numbered(spark: "SparkSession", lines: "DataFrame", texts: Mapping[str, Sequence[str]]) -> "DataFrame":
    """Replace identifiers by their places in ``texts``, ``UNKNOWN`` for none, and put the lines in order."""
    from pyspark.sql import functions as sql

    for name, distinct in texts.items():
        code = f"{name}_code"
        table = pa.table(
            {name: pa.array(distinct, pa.string()), code: np.arange(len(distinct), dtype=np.int32)}
        )
        codes = spark.createDataFrame(table)
        # Items, SKUs and sizes fit into every executor, and most lines have no SKU: a shuffle would pile those up.
        lines = lines.join(codes if name == "visitor_id" else sql.broadcast(codes), name, "left")
    ordered = lines.orderBy("visitor_id_code", "timestamp", "event_id", "position")
    codes_of = [sql.coalesce(f"{name}_code", sql.lit(UNKNOWN)).alias(name) for name in texts]
    starts = (sql.col("position") == 0).alias("starts_event")
    plain = ("timestamp", "kind", "discounted", "fit", "preselected", "transaction_id", "rank")
    return ordered.select(*codes_of, *plain, starts)


def _distinct(rows: "DataFrame", name: str) -> list[str]:
    """Return the sorted distinct texts of a column, without null."""
    texts: list[str] = rows.select(name).distinct().dropna().toArrow().column(name).to_pylist()
    return sorted(texts)


def _code_of(column: str, codes: Mapping[str, int]) -> "Column":
    """Return what stands for a column's text, null for a text without a code."""
    from pyspark.sql import functions as sql

    pairs = [sql.lit(part) for pair in codes.items() for part in pair]
    return sql.create_map(*pairs)[sql.col(column)].cast("byte")
