"""A small shop and the events of its visitors, as Hypothesis strategies, for the tests of visitor state."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import msgspec
from hypothesis import strategies as st

from recommender.affinity import AffinityParameters
from recommender.events import ACTS, Event, EventItem, EventName, ExperimentShown
from recommender.identifiers import key_of
from recommender.sizes.size import Size
from recommender.visitor.effects import Effects, effects_of
from service.stores.archive import EntryKey, LocalStorage, Manifest, Manifests
from service.stores.archive.manifest import FORMAT, files_by_day
from service.stores.archive.writing import table_of, write_days
from service.stores.keys import Keyspace

START: Final = 1_763_740_800.0
"""2025-11-21 16:00 UTC, where the tests' events lie around."""

PARAMETERS: Final = AffinityParameters(first_day=20_400, mu_by_day=(0.2, 0.3, 0.25, 0.5))


@dataclass(frozen=True)
class ShopSku:
    """One size of an item; on sale from ``sale_from`` (Unix seconds) on."""

    sku_id: str
    label: str
    size: Size | None
    sale_from: float = float("inf")

    def on_sale(self, now: float, /) -> bool:
        """Whether the sale price holds."""
        return now >= self.sale_from


@dataclass(frozen=True)
class ShopItem:
    """One item."""

    item_id: str
    department: int
    skus: tuple[ShopSku, ...]

    @cached_property
    def key(self) -> int:
        """The item's key."""
        return key_of(self.item_id)


@dataclass(frozen=True)
class Resolved:
    """What an id stands for."""

    item: ShopItem
    sku: ShopSku | None


class Shop:
    """A catalog of a few items, looked up by item and by SKU id."""

    def __init__(self, *items: ShopItem) -> None:
        self._ids = {item.item_id: Resolved(item, None) for item in items}
        self._ids |= {sku.sku_id: Resolved(item, sku) for item in items for sku in item.skus}

    def resolve(self, identifier: str, /) -> Resolved | None:
        """Return what the id stands for."""
        return self._ids.get(identifier)


def item(number: int, *, sale_from: float = float("inf")) -> ShopItem:
    """Return item ``i<number>`` with the sizes 8 to 14 as SKUs ``i<number>-8`` and so on."""
    skus = tuple(
        ShopSku(f"i{number}-{size}", str(size), Size(1, 2 * size, 0), sale_from) for size in (8, 10, 12, 14)
    )
    return ShopItem(f"i{number}", 1 + number % 2, skus)


SHOP: Final = Shop(
    *(item(number, sale_from=START if number % 3 == 0 else float("inf")) for number in range(8))
)


def effect(event: Event) -> tuple[Event, Effects]:
    """Return an event as a store takes it."""
    return event, effects_of(event, SHOP, PARAMETERS)


def reference_visitor(number: int) -> list[Event]:
    """Return the 30 events of a visitor by whom memory is measured.

    14 views, 8 size clicks, 4 times to the cart, 1 order after the first, 1 list, 1 sorting and 1 exposure to three
    experiments: 13 records of evidence in two departments, 3 cart lines, 8 views and 3 variations are left.
    """
    names = (
        [EventName.VIEW_ITEM] * 14
        + [EventName.SELECT_SIZE] * 8
        + [EventName.ADD_TO_CART, EventName.PURCHASE]
        + [EventName.ADD_TO_CART] * 3
        + [EventName.VIEW_ITEM_LIST, EventName.SORT_ITEMS, EventName.DECISION_SHOWN]
    )
    return [
        Event(
            name=name,
            event_id=f"{number}-{index}",
            timestamp=START - 86_400 + index * 3600,
            source="browser",
            items=(EventItem(f"i{(number + index) % 8}-{8 + 2 * (index % 4)}"),),
            transaction_id=f"t{number}" if name is EventName.PURCHASE else None,
            sort_by="price_asc",
            experiments=(ExperimentShown("hero", 1), ExperimentShown("rank", 0), ExperimentShown("size", 2)),
        )
        for index, name in enumerate(names)
    ]


def entries() -> st.SearchStrategy[EventItem]:
    """Lines of events: items and SKUs of the shop and unknown ones, with and without sizes and discounts."""
    numbers = st.integers(0, 8)
    sizes = st.sampled_from(["8", "10", "12", "14", "99", "odd"])
    ids = st.one_of(numbers.map(lambda n: f"i{n}"), st.builds(lambda n, s: f"i{n}-{s}", numbers, sizes))
    return st.builds(
        EventItem,
        item_id=ids,
        size=st.none() | sizes,
        discount=st.sampled_from([None, 0.0, 5.0]),
        coupon=st.sampled_from([None, None, "TEN"]),
        preselected=st.booleans(),
    )


def exposures() -> st.SearchStrategy[ExperimentShown]:
    """Exposures to one of three experiments, of two bucket versions."""
    return st.builds(
        ExperimentShown,
        experiment_id=st.sampled_from(["hero", "size", "rank"]),
        variation_id=st.integers(0, 3),
        propensity=st.sampled_from([None, 0.5]),
        bucket_version=st.integers(0, 1),
    )


def events() -> st.SearchStrategy[Event]:
    """Events of one visitor within four days, some sharing an id, a moment or a transaction."""
    return st.builds(
        Event,
        name=st.sampled_from(list(ACTS)),
        event_id=st.integers(0, 10**6).map(str),
        timestamp=st.one_of(
            st.integers(0, 400).map(lambda step: START + step * 900),
            st.floats(START - 86_400, START + 2 * 86_400).map(lambda at: round(at, 3)),
        ),
        source=st.sampled_from(["browser", "server", "import"]),
        items=st.lists(entries(), max_size=4).map(tuple),
        transaction_id=st.sampled_from([None, "t1", "t2", "t3"]),
        preselected=st.booleans(),
        fit=st.sampled_from([None, "small", "true", "large"]),
        sort_by=st.sampled_from([None, "price_asc", "price_desc", "newest"]),
        promotion_id=st.sampled_from([None, "sale", "outlet"]),
        slot=st.sampled_from([None, "homepage"]),
        experiments=st.lists(exposures(), max_size=2).map(tuple),
    )


def write_archive(folder: Path, keyspace: Keyspace, history: list[tuple[str, Event]]) -> None:
    """Archive events as if they had arrived when they happened."""
    storage = LocalStorage(folder)
    manifests = Manifests(storage)
    newest = manifests.newest()
    number = 1 if newest is None else newest.number + 1
    entries = [
        EntryKey(
            keyspace.partition_of(visitor_id),
            f"{round(event.timestamp * 1000)}-{place}",
            visitor_id,
            msgspec.json.encode(event).decode(),
        )
        for place, (visitor_id, event) in enumerate(history)
    ]
    files = write_days(storage, number, table_of(entries))
    manifests.commit(
        Manifest(
            format=FORMAT,
            number=number,
            archive_id="a" * 32,
            prefix=keyspace.prefix,
            created_at=START,
            cursor=("0-0",) * keyspace.partitions,
            files=files_by_day([*(() if newest is None else newest.all_files), *files]),
        )
    )
