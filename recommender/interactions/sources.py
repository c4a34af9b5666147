"""Interactions from where a shop has them: the event log, event files, session files."""

import gzip
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.events import Event, EventName
from recommender.interactions.builder import InteractionsBuilder
from recommender.interactions.catalog import ItemCatalog
from recommender.interactions.columns import Column, ColumnMapping, InteractionError, RowError
from recommender.interactions.files import EventRows, read_event_rows
from recommender.interactions.table import (
    FIT_CODES,
    KIND_OF,
    UNKNOWN,
    InteractionKind,
    Interactions,
)

ERRORS_SHOWN: Final = 100
"""Row errors kept in a summary; all are counted."""

_SESSION_SECONDS: Final = 86_400.0
"""Artificial distance between two sessions of a file that has no times."""


@dataclass(slots=True)
class ReadSummary:
    """What became of a file's rows: read into interactions, ignored (unknown events), refused."""

    rows: int = 0
    ignored: int = 0
    refused: int = 0
    errors: list[RowError] | None = None

    def refuse(self, error: RowError) -> None:
        """Count a bad row and keep the first hundred."""
        self.refused += 1
        self.errors = self.errors or []
        if len(self.errors) < ERRORS_SHOWN:
            self.errors.append(error)


def interactions_of_events(
    events: Iterable[tuple[str, Event]], catalog: ItemCatalog | None = None
) -> Interactions:
    """Return the interactions in (visitor id, event) pairs, as the event log holds them.

    Args:
        events: in any order.
        catalog: resolves item and SKU ids to items, and SKUs to their size.
    """
    builder = InteractionsBuilder(catalog)
    for visitor_id, event in events:
        builder.add(visitor_id, event)
    return builder.build()


def interactions_of_file(
    path: Path,
    mapping: ColumnMapping | None = None,
    *,
    catalog: ItemCatalog | None = None,
    latest: float | None = None,
    progress: Callable[[float], None] | None = None,
) -> tuple[Interactions, ReadSummary]:
    """Read an event file; see :func:`read_event_rows` for formats and mapping.

    Lines of one transaction belong to one order; a line that repeats another exactly (order, item, variant,
    size) counts once.

    Args:
        path: the file.
        mapping: where the fields come from; by the columns' names if None.
        catalog: resolves item and SKU ids to items, and SKUs to their size.
        latest: Unix seconds after which a timestamp is refused.
        progress: told how much of the file has been read, 0 to 1.

    Returns:
        The interactions, and how many rows were ignored and refused, with the reasons.

    Raises:
        InteractionError: nothing can be read at all.
    """
    summary = ReadSummary()
    parts = []
    for rows in read_event_rows(path, mapping, on_error=summary.refuse, latest=latest):
        summary.ignored += rows.ignored
        parts.append(rows)
        if progress is not None:
            progress(rows.share_read)
    if not parts:
        raise InteractionError(f"{path}: no rows ({summary.refused} refused)")
    interactions = _encode(parts)
    if catalog is not None:
        interactions = _resolved(interactions, catalog)
    summary.rows = len(interactions)
    return interactions, summary


def interactions_of_sessions(path: Path) -> Interactions:
    """Read a file of one session a line, item ids in order, without times; each session is its own visitor.

    Args:
        path: text, or gzip of it; ids separated by white space.

    Raises:
        InteractionError: no such file, or no session in it.
    """
    if not path.is_file():
        raise InteractionError(f"{path}: no such file")
    lengths: list[int] = []

    def items() -> Iterator[str]:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
            for line in lines:
                session = line.split()
                if session:
                    lengths.append(len(session))
                    yield from session

    encoded: Column = pa.array(items(), pa.string()).dictionary_encode()
    count = len(encoded)
    if count == 0:
        raise InteractionError(f"{path}: no session in the file")
    session = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    return Interactions(
        visitor=session,
        item=encoded.indices.to_numpy().astype(np.int32),
        timestamp=session * _SESSION_SECONDS + _position_within(session) / 1024,
        kind=np.full(count, InteractionKind.VIEW, dtype=np.uint8),
        discounted=np.full(count, UNKNOWN, dtype=np.int8),
        size=np.full(count, UNKNOWN, dtype=np.int32),
        fit=np.zeros(count, dtype=np.uint8),
        preselected=np.zeros(count, dtype=np.bool_),
        visitor_ids=[str(number) for number in range(len(lengths))],
        item_ids=encoded.dictionary.to_pylist(),
        size_labels=[],
        timed=False,
    )


def _position_within(groups: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return each row's position within its run of equal values."""
    starts = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]])
    lengths = np.diff(np.r_[starts, groups.size])
    return (np.arange(groups.size) - np.repeat(starts, lengths)).astype(np.float64)


def _encode(parts: list[EventRows]) -> Interactions:
    """Turn checked rows into interactions."""
    visitor, visitor_ids = _codes(parts, "visitor_id")
    item, item_ids = _codes(parts, "item_id")
    size, size_labels = _codes(parts, "size")
    fit, fit_names = _codes(parts, "fit")
    event, event_names = _codes(parts, "event")
    kind = np.array([KIND_OF.get(EventName(name), 0) for name in event_names], dtype=np.uint8)[event]
    discount = np.concatenate(
        [part.numbers.get("discount", np.full(part.lines.size, np.nan)) for part in parts]
    )
    discounted = np.where(np.isnan(discount), UNKNOWN, discount > 0).astype(np.int8)
    fit_codes = np.array([*(FIT_CODES[name] for name in fit_names), 0], dtype=np.uint8)
    everything = Interactions(
        visitor=visitor,
        item=item,
        timestamp=np.concatenate([part.timestamp for part in parts]),
        kind=kind,
        discounted=discounted,
        size=size,
        fit=fit_codes[fit],
        preselected=np.zeros(visitor.size, dtype=np.bool_),
        visitor_ids=visitor_ids,
        item_ids=item_ids,
        size_labels=size_labels,
    )
    return everything.take(_once(parts, everything))


def _resolved(interactions: Interactions, catalog: ItemCatalog) -> Interactions:
    """Replace SKU ids by their item's, and fill missing sizes from the SKU, once per distinct id."""
    items: dict[str, int] = {}
    sizes = {label: code for code, label in enumerate(interactions.size_labels)}
    item = np.empty(len(interactions.item_ids), dtype=np.int32)
    size = np.full(len(interactions.item_ids), UNKNOWN, dtype=np.int32)
    for code, identifier in enumerate(interactions.item_ids):
        resolved = catalog.resolve(identifier)
        item_id = identifier if resolved is None else resolved.item.item_id
        item[code] = items.setdefault(item_id, len(items))
        if resolved is not None and resolved.sku is not None and resolved.sku.label:
            size[code] = sizes.setdefault(resolved.sku.label, len(sizes))
    own = interactions.size
    return replace(
        interactions,
        item=item[interactions.item],
        size=np.where(own == UNKNOWN, size[interactions.item], own),
        item_ids=list(items),
        size_labels=list(sizes),
    )


def _once(parts: list[EventRows], rows: Interactions) -> NDArray[np.bool_]:
    """Return the rows that speak of an item, without repeated lines of an order."""
    keep = rows.kind > 0
    transaction, _ = _codes(parts, "transaction_id")
    transaction = np.where(rows.kind == InteractionKind.PURCHASE, transaction, UNKNOWN)
    lines = np.flatnonzero(transaction != UNKNOWN)
    if lines.size:
        variant, _ = _codes(parts, "item_variant")
        of_line = np.column_stack([transaction, rows.item, rows.size, variant])[lines]
        _, first = np.unique(of_line, axis=0, return_index=True)
        repeated = np.ones(lines.size, dtype=np.bool_)
        repeated[first] = False
        keep[lines[repeated]] = False
    return keep


def _codes(parts: list[EventRows], name: str) -> tuple[NDArray[np.int32], list[str]]:
    """Return (int32 codes of a text column over all parts, ``UNKNOWN`` where null; the distinct texts)."""
    if name not in parts[0].texts:
        return np.full(sum(part.lines.size for part in parts), UNKNOWN, dtype=np.int32), []
    whole = pa.chunked_array([part.texts[name] for part in parts], pa.string()).combine_chunks()
    encoded: Column = whole.dictionary_encode()
    codes: Column = pc.fill_null(encoded.indices, UNKNOWN)
    return codes.to_numpy(zero_copy_only=False).astype(np.int32), encoded.dictionary.to_pylist()
