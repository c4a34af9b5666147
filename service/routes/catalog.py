"""``PUT`` and ``PATCH /catalog`` and ``DELETE /items/{id}``."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Final, cast

from recommender.catalog.feed import FeedError
from recommender.catalog.rows import RowError
from service.contract.operator_answers import CatalogAnswer, RemovalAnswer, RowReportAnswer
from service.contract.problems import FieldError, Problem, unavailable
from service.redis_link.replica import CatalogGone
from service.routes.exchange import CURL_DEFAULT, NO_STORE, Reply, Request
from service.routes.unpacked import unpacked
from service.stores.catalog import CatalogChange, CatalogShrinks, CatalogStore
from service.stores.catalog_turns import CatalogBusy
from service.stores.connection import StoreUnavailable

MEDIA_TYPES: Final = {
    b"application/x-ndjson": ".jsonl",
    b"application/jsonl": ".jsonl",
    b"application/json": ".jsonl",
    b"text/csv": ".csv",
    b"text/tab-separated-values": ".tsv",
}
"""File suffixes of the formats that are told apart by their media type; others by their first line."""

_UNTOLD: Final = frozenset({b"", b"text/plain", b"application/octet-stream", CURL_DEFAULT})
_IN_MEMORY_BYTES: Final = 1024 * 1024
_PACKED: Final = ".gz"
_ENCODINGS: Final = {b"": "", b"identity": "", b"gzip": _PACKED}


class CatalogRoutes:
    """The handlers of changes to the catalog; all of them need the server key.

    Args:
        store: keeps the catalog.
        refresh: makes this process's replica catch up, so that whoever changes something sees it at once.
        max_body_bytes: larger feeds are refused, also if they are so only when unpacked.
    """

    def __init__(
        self, store: CatalogStore, refresh: Callable[[], Awaitable[None]], *, max_body_bytes: int
    ) -> None:
        self._store = store
        self._refresh = refresh
        self._max_body_bytes = max_body_bytes

    async def replace(self, request: Request) -> Reply:
        """Replace the catalog by a feed."""
        force = request.query("force") or "0"
        if force not in {"0", "1"}:
            raise Problem(422, "force: expected 0 or 1", errors=[FieldError("/force", "expected 0 or 1")])
        return await self._feed(
            request, lambda feed, name: self._store.replace(feed, name=name, force=force == "1")
        )

    async def update(self, request: Request) -> Reply:
        """Add rows and change fields of known ones."""
        await self._require_catalog()
        return await self._feed(request, lambda feed, name: self._store.patch(feed, name=name))

    async def remove(self, request: Request) -> Reply:
        """Remove an item with all its SKUs, or one SKU."""
        await self._require_catalog()
        change = await self._change(self._store.remove(request.path_parameter("id")))
        if not change.removed:
            raise Problem(404, "the catalog has no item and no SKU of this id")
        answer: RemovalAnswer = {"removed": change.removed, "version": change.version}
        return Reply.of_json(answer, headers=[NO_STORE])

    async def _feed(
        self, request: Request, use: Callable[[BinaryIO, str], Awaitable[CatalogChange]]
    ) -> Reply:
        name = _name_of(request)
        with SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES) as feed:
            async for chunk in request.chunks(max_bytes=self._max_body_bytes):
                await asyncio.to_thread(feed.write, chunk) if feed.tell() >= _IN_MEMORY_BYTES else feed.write(
                    chunk
                )
            feed.seek(0)
            stream = cast("BinaryIO", feed)
            if name.endswith(_PACKED):
                stream = unpacked(stream, max_bytes=self._max_body_bytes)
            change = await self._change(use(stream, name.removesuffix(_PACKED)))
        answer: CatalogAnswer = {
            "accepted": change.accepted,
            "removed": change.removed,
            "rejected_count": change.rejected_count,
            "rejected": _reports(change.rejected),
            "warning_count": change.warning_count,
            "warnings": _reports(change.warnings),
            "version": change.version,
            "items": change.items,
            "skus": change.skus,
        }
        return Reply.of_json(answer, headers=[NO_STORE])

    async def _change(self, changing: Awaitable[CatalogChange]) -> CatalogChange:
        """Await a change of the catalog, and say what stood in its way in the words of the contract."""
        try:
            change = await changing
        except (FeedError, CatalogShrinks) as error:
            raise Problem(409, f"nothing was changed: {error}") from None
        except CatalogBusy as error:
            raise unavailable(str(error), retry_after_seconds=10) from None
        except StoreUnavailable:
            raise unavailable(
                "the catalog cannot be changed now: send it again, that does no harm", retry_after_seconds=5
            ) from None
        with suppress(StoreUnavailable, CatalogGone):
            await self._refresh()
        return change

    async def _require_catalog(self) -> None:
        """Refuse to change some rows of a catalog that Redis has lost: they would be all of the new one."""
        try:
            await self._refresh()
        except CatalogGone:
            raise Problem(
                409,
                "nothing was changed: Redis has lost the catalog, and pages go on with the last one; PUT the whole feed first",
            ) from None
        except StoreUnavailable:
            return  # The change itself tells.


def _name_of(request: Request) -> str:
    """Return a file name whose suffix tells the feed's format."""
    media_type = (request.headers.get(b"content-type") or b"").partition(b";")[0].strip().lower()
    encoding = (request.headers.get(b"content-encoding") or b"").strip().lower()
    if encoding not in _ENCODINGS:
        raise Problem(415, "Content-Encoding: only gzip is understood")
    if media_type not in MEDIA_TYPES and media_type not in _UNTOLD:
        raise Problem(415, "send the feed as application/x-ndjson, text/csv or text/tab-separated-values")
    return "feed" + MEDIA_TYPES.get(media_type, "") + _ENCODINGS[encoding]


def _reports(reports: list[RowError]) -> list[RowReportAnswer]:
    return [{"line": report.line, "field": report.field, "detail": report.detail} for report in reports]
