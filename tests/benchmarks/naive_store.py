"""The naive service's visitors: hashes in Redis, read with one pipeline and written with another."""

from dataclasses import dataclass
from typing import Any, Final

from fastapi import HTTPException
from redis.asyncio import Redis

from tests.benchmarks.naive_catalog import Catalog, Item
from tests.benchmarks.naive_schemas import Event, EventItem

_WEIGHTS: Final = {"purchase": 10, "add_to_cart": 3, "select_size": 1}
_TTL_SECONDS: Final = 400 * 86_400
_REPEAT_SECONDS: Final = 48 * 3600
_REQUESTS_PER_SECOND: Final = 40


@dataclass
class Visitor:
    """What Redis holds of a visitor, under keys that start with ``key``."""

    key: str
    sizes: dict[str, int]
    cart: dict[str, str]
    viewed: list[str]
    discounts: dict[str, int]
    variations: dict[str, str]

    def size_in(self, family: str) -> tuple[str | None, float, int]:
        """Return the preferred size in a family, its share of all weight, and that weight."""
        votes = {
            name.partition(":")[2]: weight
            for name, weight in self.sizes.items()
            if name.partition(":")[0] == family
        }
        if not votes:
            return None, 0.0, 0
        best = max(votes, key=lambda size: votes[size])
        total = sum(votes.values())
        return best, votes[best] / total, total


class Store:
    """Visitors in Redis."""

    def __init__(self, redis: "Redis") -> None:
        self._redis = redis

    async def read(self, visitor_id: str, events: list[Event], now: float) -> tuple[Visitor, list[Event]]:
        """Return the visitor and those of the events that are new.

        Raises:
            HTTPException: 429.
        """
        key, rate = f"visitor:{visitor_id}", f"rate:{visitor_id}:{int(now)}"
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.incr(rate)
        pipeline.expire(rate, 2)
        pipeline.hgetall(f"{key}:sizes")
        pipeline.hgetall(f"{key}:cart")
        pipeline.lrange(f"{key}:viewed", 0, -1)
        pipeline.hgetall(f"{key}:discounts")
        pipeline.hgetall(f"{key}:variations")
        for event in events:
            pipeline.set(f"event:{event.event_id}", 1, nx=True, ex=_REPEAT_SECONDS)
        count, _, sizes, cart, viewed, discounts, variations, *fresh = await pipeline.execute()
        if count > _REQUESTS_PER_SECOND:
            raise HTTPException(429, "too many requests", headers={"Retry-After": "1"})
        visitor = Visitor(
            key,
            {name: int(weight) for name, weight in sizes.items()},
            cart,
            viewed,
            {name: int(number) for name, number in discounts.items()},
            variations,
        )
        return visitor, [event for event, is_fresh in zip(events, fresh, strict=True) if is_fresh]

    async def write(
        self, visitor_id: str, visitor: Visitor, events: list[Event], catalog: Catalog, now: float
    ) -> None:
        """Log the events and apply them, to the visitor at hand too."""
        key = visitor.key
        pipeline = self._redis.pipeline(transaction=False)
        for event in events:
            logged: dict[Any, Any] = {
                "visitor_id": visitor_id,
                "received": now,
                "event": event.model_dump_json(),
            }
            pipeline.xadd("events", logged)
            for line in event.params.items:
                item = catalog.find(line.item_id)
                if item is not None:
                    self._apply(pipeline, visitor, event, line, item)
        pipeline.ltrim(f"{key}:viewed", 0, 49)
        pipeline.hset(f"{key}:variations", mapping=visitor.variations)  # type: ignore[arg-type]
        for part in ("sizes", "cart", "viewed", "discounts", "variations"):
            pipeline.expire(f"{key}:{part}", _TTL_SECONDS)
        await pipeline.execute()

    def _apply(self, pipeline: Any, visitor: Visitor, event: Event, line: EventItem, item: Item) -> None:
        key = visitor.key
        if event.name == "view_item":
            pipeline.lpush(f"{key}:viewed", item.item_id)
            visitor.viewed.insert(0, item.item_id)
            for name in ("all", *(("discounted",) if item.is_on_sale else ())):
                pipeline.hincrby(f"{key}:discounts", name, 1)
                visitor.discounts[name] = visitor.discounts.get(name, 0) + 1
        if event.name == "add_to_cart":
            pipeline.hset(f"{key}:cart", item.item_id, line.item_variant or "")
        if event.name == "purchase":
            pipeline.hdel(f"{key}:cart", item.item_id)
        size = item.skus.get(line.item_variant or "")
        if size is not None and event.name in _WEIGHTS:
            name = f"{item.family}:{size}"
            pipeline.hincrby(f"{key}:sizes", name, _WEIGHTS[event.name])
            visitor.sizes[name] = visitor.sizes.get(name, 0) + _WEIGHTS[event.name]
