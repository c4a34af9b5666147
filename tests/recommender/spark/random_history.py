"""A small shop's history with everything that reading has to get right, drawn by a seed."""

from random import Random

from recommender.events import Event, EventItem, EventName
from recommender.interactions import Interactions
from recommender.interactions.table import UNKNOWN
from tests.recommender.fake_catalog import FakeCatalog, FakeItem, FakeSku

NOON = 1_763_726_400.0

CATALOG = FakeCatalog(
    tuple(
        FakeItem(f"item-{number}", tuple(FakeSku(f"sku-{number}-{label}", label) for label in ("S", "M", "")))
        for number in range(6)
    )
)

Row = tuple[str, str, float, int, int, str | None, int, bool]


def random_history(rng: Random, length: int = 200) -> list[tuple[str, Event]]:
    """Return (visitor id, event) pairs: item and SKU ids, known and unknown, and orders that several sources report.

    Times are all different, so what comes first does not hang on the order in which events are read.
    """
    return [(f"visitor {rng.randrange(9)} ü", _random_event(rng, number)) for number in range(length)]


def rows_in_words(table: Interactions) -> list[Row]:
    """Return the rows without codes, sorted."""
    columns = (
        table.visitor,
        table.item,
        table.timestamp,
        table.kind,
        table.discounted,
        table.size,
        table.fit,
    )
    rows = zip(*(column.tolist() for column in columns), table.preselected.tolist(), strict=True)
    return sorted(
        (
            (
                table.visitor_ids[visitor],
                table.item_ids[item],
                timestamp,
                kind,
                discounted,
                None if size == UNKNOWN else table.size_labels[size],
                fit,
                preselected,
            )
            for visitor, item, timestamp, kind, discounted, size, fit, preselected in rows
        ),
        key=repr,
    )


def _random_event(rng: Random, number: int) -> Event:
    name = rng.choice([*EventName])
    is_order = name == EventName.PURCHASE
    return Event(
        name,
        f"event-{number}",
        NOON + 17.25 * number + rng.random(),
        rng.choice(["browser", "server", "import"]),
        tuple(_random_item(rng) for _ in range(rng.randrange(4))),
        transaction_id=rng.choice([None, "order 1", "order 2"])
        if is_order
        else rng.choice([None, "order 1"]),
        preselected=rng.random() < 0.1,
        fit=rng.choice([None, "small", "true", "large"]),
    )


def _random_item(rng: Random) -> EventItem:
    number, label = rng.randrange(7), rng.choice(["S", "M", ""])
    return EventItem(
        rng.choice([f"item-{number}", f"sku-{number}-{label}", 'quoted "id" \\ ü']),
        item_variant=rng.choice([None, f"sku-{number}-{label}", "unknown"]),
        size=rng.choice([None, None, "M", " m ", "XL"]),
        discount=rng.choice([None, 0.0, 5.5]),
        preselected=rng.random() < 0.2,
    )
