"""What a catalog costs a worker: memory, time to load, time until a PATCH is seen.

    python -m tests.benchmarks.catalog_memory --skus 1000000

Writes a seeded feed as a fashion shop's export looks, PUTs it through the real store into an embedded Valkey, loads
a worker's replica of it in a fresh process, fills its caches, and then changes prices while that process watches.
Everything lives in a temporary folder that is deleted at the end. A million SKUs take two to four minutes.
"""

import argparse
import asyncio
import gc
import multiprocessing
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, NamedTuple

import psutil

from recommender.catalog.catalog import CACHED_CARDS, CACHED_ITEMS, Catalog
from recommender.departments import DepartmentTable
from service.redis_link.replica import CatalogReplica
from service.stores.catalog import CatalogChange, RedisCatalogStore
from service.stores.catalog_source import RedisCatalogSource
from service.stores.connection import connected
from service.stores.embedded import EmbeddedValkey
from service.stores.keys import Keyspace
from tests.catalog_rows import feed_of

TIMEOUT_SECONDS: Final = 30.0
COLOR_COUNT: Final = 2
SIZES: Final = ("34", "36", "38", "40", "42", "44")
SKUS_AN_ITEM: Final = COLOR_COUNT * len(SIZES)
PATCHES: Final = 10
_COLORS: Final = [
    "black",
    "white",
    "navy",
    "red",
    "green",
    "beige",
    "blue",
    "pink",
    "grey",
    "brown",
    "olive",
    "camel",
]
_STYLES: Final = [
    "Floral",
    "Striped",
    "Relaxed",
    "Cropped",
    "Pleated",
    "Ribbed",
    "Quilted",
    "Tailored",
    "Slim",
    "Satin",
    "Linen",
    "Organic",
]
_GARMENTS: Final = (
    "Wrap Dress",
    "Midi Skirt",
    "Crew Neck Sweater",
    "Straight Jeans",
    "Trench Coat",
    "Blazer",
)
_SHELVES: Final = ("Dresses", "Skirts", "Knitwear", "Jeans", "Coats", "Jackets")
_COLUMNS: Final = [
    "id",
    "item_group_id",
    "title",
    "link",
    "image_link",
    "availability",
    "price",
    "sale_price",
    "sale_price_effective_date",
    "brand",
    "product_type",
    "google_product_category",
    "gender",
    "age_group",
    "color",
    "size",
    "size_system",
    "cost_of_goods_sold",
]
_SALE: Final = "2026-01-01T00:00+0100/2036-01-01T00:00+0100"


class Footprint(NamedTuple):
    """What the fresh process found; bytes resident, seconds on the wall.

    ``longest_pause`` is the longest that the event loop waited while the catalog was loaded; the last two are what
    a full garbage collection takes, before and after ``gc.freeze()`` as the service calls it once it has started.
    """

    items: int
    skus: int
    before: int
    loaded: int
    full_caches: int
    peak: int
    load_seconds: float
    longest_pause: float
    collection: float
    collection_frozen: float


def sku_id(number: int) -> str:
    """Return the id of a SKU of the feed."""
    return f"{100_000_000 + number // SKUS_AN_ITEM * 7}-{number % SKUS_AN_ITEM:02d}"


def feed_lines(skus: int, seed: int) -> Iterator[str]:
    """Yield a tab-separated feed: items of 2 colours and 6 sizes, 400 brands, 3 in 10 items on sale."""
    rng = random.Random(seed)
    yield "\t".join(_COLUMNS) + "\n"
    for first in range(0, skus, SKUS_AN_ITEM):
        yield from _item_lines(range(first, min(first + SKUS_AN_ITEM, skus)), rng)


def _item_lines(numbers: range, rng: random.Random) -> Iterator[str]:
    item = 100_000_000 + numbers[0] // SKUS_AN_ITEM * 7
    kind = rng.randrange(len(_GARMENTS))
    gender, women = rng.choice((("female", "Women"), ("male", "Men")))
    brand = f"Brand {rng.randrange(400)}"
    title = f"{brand} {' '.join(rng.sample(_STYLES, 2))} {_GARMENTS[kind]} with {rng.choice(_STYLES)} Details"
    address = f"https://www.example-shop.com/en/{gender}/{title.lower().replace(' ', '-')}-{item}.html"
    picture = f"https://cdn.example-shop.com/media/catalog/product/{item % 10}/{rng.getrandbits(64):016x}"
    cents = rng.randrange(999, 29_999)
    sale = rng.random() < 0.3
    colors = rng.sample(_COLORS, COLOR_COUNT)
    for place, number in enumerate(numbers):
        id_, color = sku_id(number), colors[place // len(SIZES)]
        values = (
            *(
                id_,
                f"P{item}",
                f"{title} - {color}",
                f"{address}?variant={id_}",
                f"{picture}_{color}_1_large.jpg",
            ),
            *("in stock" if rng.random() < 0.8 else "out of stock", _euro(cents)),
            *((_euro(cents * 7 // 10), _SALE) if sale else ("", "")),
            *(
                brand,
                f"{women} > {_SHELVES[kind]} > Casual",
                "Apparel & Accessories > Clothing",
                gender,
                "adult",
            ),
            *(color, SIZES[place % len(SIZES)], "EU", _euro(cents // 3)),
        )
        yield "\t".join(values) + "\n"


def _euro(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d} EUR"


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark and print what it found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--skus", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="kabin-benchmark-") as folder:
        feed = Path(folder) / "feed.tsv"
        with feed.open("w", encoding="utf-8") as out:
            out.writelines(feed_lines(options.skus, options.seed))
        _say("feed", f"{feed.stat().st_size / 2**20:,.0f} MiB, seed {options.seed}")
        with EmbeddedValkey(Path(folder) / "valkey") as valkey:
            asyncio.run(_put(valkey.url, feed))
            _load_and_patch(valkey.url, options.skus)


async def _put(url: str, feed: Path) -> None:
    started = time.perf_counter()
    async with connected(url, timeout_seconds=TIMEOUT_SECONDS) as client:
        with feed.open("rb") as lines:
            change = await RedisCatalogStore(client, Keyspace()).replace(lines, name=feed.name)
        used = (await client.info("memory"))["used_memory"]
    seconds = time.perf_counter() - started
    _say("PUT /catalog", f"{change.items:,} items, {change.skus:,} SKUs in {seconds:.1f} s")
    _say("memory of Valkey", _mib(used))


def _load_and_patch(url: str, skus: int) -> None:
    """Load the catalog in a fresh process, then patch prices while it watches."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    worker = context.Process(target=_worker, args=(url, there), daemon=True)
    worker.start()
    there.close()
    try:
        found: Footprint = here.recv()
        _report(found)
        delays = asyncio.run(_patch(url, skus, here))
        _say("PATCH seen after", f"{statistics.median(delays):.2f} s median, {max(delays):.2f} s at most")
        here.send(None)
        worker.join(TIMEOUT_SECONDS)
    except EOFError:
        sys.exit("the process that loaded the catalog failed: its traceback is above")
    finally:
        worker.kill()


def _report(found: Footprint) -> None:
    _say("replica", f"{found.items:,} items, {found.skus:,} SKUs loaded in {found.load_seconds:.1f} s")
    _say("resident before", _mib(found.before))
    _say("resident loaded", f"{_mib(found.loaded)}: {_mib(found.loaded - found.before)} more")
    _say("with full caches", f"{_mib(found.full_caches)}: {_mib(found.full_caches - found.before)} more")
    _say("peak while loading", f"{_mib(found.peak)}: {_mib(found.peak - found.before)} more")
    _say("longest pause", f"{found.longest_pause * 1e3:.0f} ms of the event loop while it loaded")
    frozen = f"{found.collection_frozen * 1e3:.1f} ms after gc.freeze()"
    _say("full collection", f"{found.collection * 1e3:.1f} ms, {frozen}")


async def _patch(url: str, skus: int, worker: Connection) -> list[float]:
    """Change prices one by one; return the seconds from each PATCH's answer until the worker saw it."""
    rng = random.Random(skus)
    delays: list[float] = []
    async with connected(url, timeout_seconds=TIMEOUT_SECONDS) as client:
        store = RedisCatalogStore(client, Keyspace())
        for cents in range(1, PATCHES + 1):
            await asyncio.sleep(rng.random())  # at any moment between two looks
            id_ = sku_id(rng.randrange(skus))
            worker.send((id_, cents))
            change: CatalogChange = await store.patch(feed_of({"id": id_, "price": _euro(cents)}))
            answered = time.monotonic()
            if change.accepted != 1:
                raise RuntimeError(f"the PATCH of {id_} was rejected: {change.rejected}")
            delays.append(max(await asyncio.to_thread(worker.recv) - answered, 0.0))
    return delays


def _worker(url: str, parent: Connection) -> None:
    asyncio.run(_watch(url, parent))


async def _watch(url: str, parent: Connection) -> None:
    async with connected(url, timeout_seconds=TIMEOUT_SECONDS) as client:
        replica = CatalogReplica(RedisCatalogSource(client, Keyspace()), DepartmentTable.default())
        parent.send(await _footprint(replica))
        while (wanted := await asyncio.to_thread(parent.recv)) is not None:
            id_, cents = wanted
            while _price(replica.catalog, id_) != cents:  # noqa: ASYNC110 - looks from outside, as a page does
                await asyncio.sleep(0.002)
            parent.send(time.monotonic())
        await replica.stop()


def _price(catalog: Catalog, id_: str) -> int | None:
    resolved = catalog.resolve(id_)
    return None if resolved is None or resolved.sku is None else resolved.sku.price_minor


async def _footprint(replica: CatalogReplica) -> Footprint:
    before, started = _resident(), time.perf_counter()
    pauses: list[float] = []
    ticking = asyncio.create_task(_tick(pauses))
    await replica.start()
    load_seconds = time.perf_counter() - started
    ticking.cancel()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    loaded = _resident()
    _fill_caches(replica.catalog)
    full_caches = _resident()
    collection = _timed(gc.collect)
    gc.freeze()
    return Footprint(
        len(replica.catalog),
        replica.catalog.sku_count,
        before,
        loaded,
        full_caches,
        peak,
        load_seconds,
        max(pauses, default=0.0),
        collection,
        _timed(gc.collect),
    )


async def _tick(pauses: list[float]) -> None:
    """Note by how much each millisecond of sleep took longer."""
    while True:
        started = time.perf_counter()
        await asyncio.sleep(0.001)
        pauses.append(time.perf_counter() - started - 0.001)


def _fill_caches(catalog: Catalog) -> None:
    """Ask for more items than the caches hold, as a busy day's pages would."""
    now = time.time()
    rng = random.Random(1)
    for row in rng.sample(range(catalog.row_count), min(3 * CACHED_ITEMS, catalog.row_count)):
        catalog.resolve(catalog.item_at(row).skus[0].sku_id)
    for row in rng.sample(range(catalog.row_count), min(3 * CACHED_CARDS, catalog.row_count)):
        catalog.card(row, now)
    catalog.newest_full_price(now, limit=24)
    catalog.on_sale(now, limit=24)


def _timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _resident() -> int:
    return int(psutil.Process().memory_info().rss)


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"


def _say(what: str, value: str) -> None:
    print(f"{what:<20}{value}", flush=True)


if __name__ == "__main__":
    main()
