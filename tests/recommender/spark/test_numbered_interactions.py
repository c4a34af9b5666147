"""Numbered rows become the interactions that the same events give on one machine."""

from collections.abc import Iterable
from random import Random

import pyarrow as pa
import pytest

from recommender.events import Event, EventName
from recommender.interactions import interactions_of_events
from recommender.interactions.builder import SOURCE_RANK
from recommender.interactions.table import FIT_CODES, KIND_OF, UNKNOWN
from recommender.spark.numbered import interactions_of_numbered
from tests.recommender.fake_catalog import FakeCatalog
from tests.recommender.spark.random_history import CATALOG, random_history, rows_in_words

Texts = dict[str, list[str]]


def numbered(history: Iterable[tuple[str, Event]]) -> tuple[pa.Table, Texts]:
    """Return what Spark hands over for some events."""
    codes: dict[str, dict[str, int]] = {
        "visitor_id": {},
        "item_id": {},
        "item_variant": {},
        "size": {},
    }

    def code(name: str, text: str | None) -> int:
        return UNKNOWN if text is None else codes[name].setdefault(text, len(codes[name]))

    rows = [
        {
            "visitor_id": code("visitor_id", visitor_id),
            "item_id": code("item_id", entry.item_id),
            "item_variant": code("item_variant", entry.item_variant),
            "size": code("size", entry.size),
            "timestamp": event.timestamp,
            "kind": KIND_OF[event.name].value,
            "discounted": UNKNOWN if entry.discount is None else int(entry.discount > 0),
            "fit": FIT_CODES.get(event.fit or "", 0),
            "preselected": event.is_preselected(entry),
            "transaction_id": event.transaction_id if event.name == EventName.PURCHASE else None,
            "rank": SOURCE_RANK[event.source],
            "starts_event": position == 0,
        }
        for visitor_id, event in history
        if event.name in KIND_OF
        for position, entry in enumerate(event.items)
    ]
    return pa.Table.from_pylist(rows), {name: list(texts) for name, texts in codes.items()}


@pytest.mark.parametrize("catalog", [None, CATALOG], ids=["without a catalog", "with a catalog"])
@pytest.mark.parametrize("seed", range(10))
def test_orders_items_and_sizes_come_out_as_on_one_machine(seed: int, catalog: FakeCatalog | None) -> None:
    """Copies of orders, SKUs in place of items and sizes that only the catalog knows: the table is the same."""
    history = random_history(Random(seed))
    table, texts = numbered(history)
    found = interactions_of_numbered(table, texts, catalog)
    assert rows_in_words(found) == rows_in_words(interactions_of_events(history, catalog))
