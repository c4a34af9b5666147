"""The same work as `POST /personalize` as most people would write it: FastAPI, redis-py, `implicit.similar_items`.

    python -m tests.benchmarks.naive --port 8002 --redis redis://127.0.0.1:6379/0 --folder /tmp/naive

It is what Kabin is held against by `make bench`, so it does what the page asks for and nothing beside it: it reads a
signed token, keeps to the consent, limits the rate, recognises repeated events, logs them, remembers sizes, cart, views
and discounts in hashes, divides visitors among three experiments by a hash, decides size and homepage, and recommends
what is in stock in the visitor's size. Redis is asked twice a request, each time with one pipeline; catalog and model
are in memory. It has no deadline, no hot swap, no prices with dates and no atomic updates.
"""

import argparse
import hashlib
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import itsdangerous
import numpy as np
import scipy.sparse as sp
from fastapi import FastAPI, Request
from implicit.cpu.als import AlternatingLeastSquares
from redis.asyncio import Redis
from threadpoolctl import threadpool_limits

from tests.benchmarks.hot_path.serving import serve
from tests.benchmarks.naive_catalog import Catalog, Item
from tests.benchmarks.naive_schemas import (
    EventsAnswer,
    ExperimentAnswer,
    PersonalizeRequest,
    PersonalizeResponse,
    Recommendation,
    SizeAnswer,
)
from tests.benchmarks.naive_store import Store, Visitor

CATALOG_FILE: Final = "catalog.jsonl"
MODEL_FILE: Final = "als.npz"

EXPERIMENTS: Final[dict[str, tuple[str, ...]]] = {
    "homepage": ("personalized", "full_price"),
    "neighbours": ("blend", "covisit"),
    "delivery": ("short", "long"),
}
_CANDIDATES: Final = 200
_VIEWED: Final = 8


class Recommender:
    """Similar items of an ALS model, filtered by stock and size."""

    def __init__(self, model: Any, item_ids: list[str], catalog: Catalog) -> None:
        self._model = model
        self._item_ids = item_ids
        self._rows = {item_id: row for row, item_id in enumerate(item_ids)}
        self._catalog = catalog

    def recommend(self, item_id: str | None, visitor: Visitor, limit: int) -> list[Recommendation]:
        """Return what goes with an item, in stock and in the visitor's size where that is known."""
        row = self._rows.get(item_id or "")
        if row is None:
            return []
        rows, scores = self._model.similar_items(row, N=_CANDIDATES)
        sizes = {family: visitor.size_in(family) for family in {item.family for item in self._items(rows)}}
        seen = {item_id, *visitor.viewed[:_VIEWED]}
        found: list[Recommendation] = []
        for item, score in zip(self._items(rows), scores, strict=True):
            if item.item_id in seen or not any(item.stock.values()):
                continue
            size, share, weight = sizes[item.family]
            in_size = size is not None and item.stock.get(size, False)
            if weight >= 3 and share >= 0.75 and size in item.stock and not in_size:
                continue
            found.append(
                Recommendation(item_id=item.item_id, score=float(score), in_your_size=in_size, item=item.card)
            )
            if len(found) == limit:
                break
        return found

    def _items(self, rows: Any) -> list[Item]:
        return [self._catalog.items[self._item_ids[row]] for row in rows]


def size_answer(item: Item | None, visitor: Visitor) -> SizeAnswer:
    """Decide the visitor's size of the page's item."""
    if item is None:
        return SizeAnswer()
    size, share, weight = visitor.size_in(item.family)
    if size is None or size not in item.stock or weight < 3:
        return SizeAnswer()
    sku = next(sku for sku, each in item.skus.items() if each == size)
    action = "preselect" if share >= 0.75 and item.stock[size] else "hint"
    return SizeAnswer(action=action, size=size, sku=sku, confidence=share)


def assigned(visitor_id: str, visitor: Visitor) -> list[ExperimentAnswer]:
    """Return the visitor's variation of each experiment: the one held, else one by hash."""
    answers = []
    for experiment, variations in EXPERIMENTS.items():
        if experiment not in visitor.variations:
            digest = hashlib.md5(f"{experiment}:{visitor_id}".encode(), usedforsecurity=False).hexdigest()
            visitor.variations[experiment] = str(int(digest[:8], 16) % len(variations))
        number = int(visitor.variations[experiment])
        answers.append(
            ExperimentAnswer(experiment_id=experiment, variation_id=number, variation=variations[number])
        )
    return answers


def application(folder: Path, redis_url: str, signing_key: str, server_key: str) -> FastAPI:
    """Build the service."""
    catalog = Catalog(folder / CATALOG_FILE)
    model = AlternatingLeastSquares.load(str(folder / MODEL_FILE))
    recommender = Recommender(model, list(catalog.items), catalog)
    redis = Redis.from_url(redis_url, decode_responses=True)
    store = Store(redis)
    signer = itsdangerous.Signer(
        signing_key, salt="kabin.visitor", key_derivation="hmac", digest_method=hashlib.sha256
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await redis.aclose()

    app = FastAPI(lifespan=lifespan)

    def visitor_of(token: str | None, *, trusted: bool) -> str:
        if token is not None:
            if trusted:
                return token
            try:
                return signer.unsign(token).decode()
            except itsdangerous.BadSignature:
                pass
        return uuid.uuid4().hex

    @app.get("/healthz")
    async def healthz() -> dict[str, bool]:
        return {"ok": True}

    @app.post("/events", status_code=202)
    async def keep_events(body: PersonalizeRequest, request: Request) -> EventsAnswer:
        trusted = request.headers.get("authorization") == f"Bearer {server_key}"
        visitor_id, now = visitor_of(body.visitor_id, trusted=trusted), time.time()
        visitor, fresh = await store.read(visitor_id, body.events, now)
        assigned(visitor_id, visitor)
        await store.write(visitor_id, visitor, fresh, catalog, now)
        return EventsAnswer(accepted=len(fresh), duplicate=len(body.events) - len(fresh))

    @app.post("/personalize")
    async def personalize(body: PersonalizeRequest) -> PersonalizeResponse:
        now, events = time.time(), EventsAnswer()
        visitor_id = None
        visitor = Visitor("", {}, {}, [], {}, {})
        experiments: list[ExperimentAnswer] = []
        if body.consent.storage:
            visitor_id = visitor_of(body.visitor_id, trusted=False)
            visitor, fresh = await store.read(visitor_id, body.events, now)
            experiments = assigned(visitor_id, visitor)
            await store.write(visitor_id, visitor, fresh, catalog, now)
            events = EventsAnswer(accepted=len(fresh), duplicate=len(body.events) - len(fresh))
        index = (20 + visitor.discounts.get("discounted", 0)) / (20 + 0.2 * visitor.discounts.get("all", 0))
        page_item = catalog.find(body.page.item_id or "")
        return PersonalizeResponse(
            decision_id=uuid.uuid4().hex,
            visitor_id=None if visitor_id is None else signer.sign(visitor_id).decode(),
            size=size_answer(page_item, visitor),
            homepage="promo" if index > 1.5 else "full_price",
            discount_index=index,
            recommendations=recommender.recommend(body.page.item_id, visitor, body.limit),
            experiments=experiments,
            events=events,
        )

    return app


def train(views: sp.csr_array, folder: Path) -> None:
    """Fit ALS on a ``[visitors, items]`` matrix of views and save it."""
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(factors=64, iterations=5, random_state=0, num_threads=1)
        model.fit(sp.csr_matrix(views, dtype=np.float32), show_progress=False)
    model.save(str(folder / MODEL_FILE))


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--redis", required=True, help="URL")
    parser.add_argument("--folder", type=Path, required=True, help="with the catalog and the model")
    parser.add_argument("--signing-key", required=True)
    parser.add_argument("--server-key", required=True)
    options = parser.parse_args()
    app = application(options.folder, options.redis, options.signing_key, options.server_key)
    serve(app, options.port)


if __name__ == "__main__":
    main()
