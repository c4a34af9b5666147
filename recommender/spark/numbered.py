"""Interactions from numbered rows as Spark hands them over: orders counted once, identifiers resolved by the catalog."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from recommender.interactions import Interactions, ItemCatalog
from recommender.interactions.builder import once_per_transaction, preselected_by_line
from recommender.interactions.columns import Column
from recommender.interactions.table import UNKNOWN


def interactions_of_numbered(
    table: pa.Table, texts: Mapping[str, Sequence[str]], catalog: ItemCatalog | None = None
) -> Interactions:
    """Return the interactions in a table with a row for each item of each event, the rows of an event together.

    Args:
        table: columns ``visitor_id``, ``item_id``, ``item_variant``, ``size`` (int32 codes, ``UNKNOWN`` for none),
            ``timestamp``, ``kind``, ``discounted``, ``fit``, ``preselected`` as in :class:`Interactions`,
            ``transaction_id`` (text or null), ``rank`` (see ``SOURCE_RANK``), ``starts_event`` (bool).
        texts: what the codes of the first four stand for.
        catalog: resolves item and SKU ids to items, and SKUs to their size.
    """
    rows = Interactions(
        visitor=_numbers(table, "visitor_id", np.int32),
        item=_numbers(table, "item_id", np.int32),
        timestamp=_numbers(table, "timestamp", np.float64),
        kind=_numbers(table, "kind", np.uint8),
        discounted=_numbers(table, "discounted", np.int8),
        size=_numbers(table, "size", np.int32),
        fit=_numbers(table, "fit", np.uint8),
        preselected=_numbers(table, "preselected", np.bool_),
        visitor_ids=[*texts["visitor_id"]],
        item_ids=[*texts["item_id"]],
        size_labels=[*texts["size"]],
    )
    if catalog is not None:
        variants = _numbers(table, "item_variant", np.int32)
        rows = _resolved(rows, variants, texts["item_variant"], catalog)
    transaction = _codes(table.column("transaction_id"))
    rows = replace(rows, preselected=preselected_by_line(rows, transaction))
    event = np.cumsum(_numbers(table, "starts_event", np.int64))
    rank = _numbers(table, "rank", np.uint8)
    return rows.take(once_per_transaction(transaction, rank, rows.timestamp, event))


def _resolved(
    rows: Interactions, variant: NDArray[np.int32], variants: Sequence[str], catalog: ItemCatalog
) -> Interactions:
    """Replace SKU ids by their item's, and fill missing sizes from the SKU; each distinct id is looked up once."""
    items: dict[str, int] = {}
    sizes = {label: code for code, label in enumerate(rows.size_labels)}
    item = np.empty(len(rows.item_ids), dtype=np.int32)
    size = np.full(len(rows.item_ids), UNKNOWN, dtype=np.int32)
    asks_variant = np.zeros(len(rows.item_ids), dtype=np.bool_)
    for code, identifier in enumerate(rows.item_ids):
        resolved = catalog.resolve(identifier)
        item_id = identifier if resolved is None else resolved.item.item_id
        item[code] = items.setdefault(item_id, len(items))
        asks_variant[code] = resolved is not None and resolved.sku is None
        if resolved is not None and resolved.sku is not None and resolved.sku.label:
            size[code] = sizes.setdefault(resolved.sku.label, len(sizes))
    variant_size = np.full(len(variants) + 1, UNKNOWN, dtype=np.int32)  # its last entry is that of UNKNOWN
    for code, identifier in enumerate(variants):
        resolved = catalog.resolve(identifier)
        if resolved is not None and resolved.sku is not None and resolved.sku.label:
            variant_size[code] = sizes.setdefault(resolved.sku.label, len(sizes))
    of_sku = np.where(asks_variant[rows.item], variant_size[variant], size[rows.item])
    return replace(
        rows,
        item=item[rows.item],
        size=np.where(rows.size == UNKNOWN, of_sku, rows.size),
        item_ids=list(items),
        size_labels=list(sizes),
    )


def _numbers(table: pa.Table, name: str, dtype: type[np.generic]) -> NDArray[Any]:
    values: NDArray[Any] = table.column(name).to_numpy()
    return values.astype(dtype, copy=False)


def _codes(texts: Column) -> NDArray[np.int32]:
    """Return int32 codes of a column of texts, ``UNKNOWN`` where null."""
    encoded = texts.combine_chunks().dictionary_encode()
    codes: NDArray[np.int32] = pc.fill_null(encoded.indices, UNKNOWN).to_numpy(zero_copy_only=False)
    return codes.astype(np.int32)
