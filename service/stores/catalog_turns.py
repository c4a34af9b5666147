"""Taking turns at writing the catalog."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from service.stores.connection import Client, Script, StoreUnavailable, unavailable_on_error
from service.stores.keys import CatalogKeys

TURN_MS: Final = 15_000
"""A writer that dies holds the others up this long; a living one extends its turn."""
_EXTEND_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.05


class CatalogBusy(Exception):  # noqa: N818 - what happened, like StoreUnavailable
    """Other writers kept the catalog until patience ran out, or took over; nothing (more) was written."""


class WriterTurns:
    """Gives out turns: one writer at a time among all processes.

    Args:
        client: where the catalog is.
        keys: its keys.
        patience_seconds: how long to wait for other writers.
    """

    def __init__(self, client: Client, keys: CatalogKeys, *, patience_seconds: float) -> None:
        self._client = client
        self._keys = keys
        self._patience_seconds = patience_seconds
        self._script = Script("catalog_writer")

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[str]:
        """Hold the turn for the length of a ``with`` block and give the token that commits must show.

        Raises:
            CatalogBusy: it did not become free in time.
            StoreUnavailable: Redis does not answer.
        """
        token = secrets.token_hex(16)
        extending: asyncio.Task[None] | None = None
        try:
            await self._wait(token)
            extending = asyncio.create_task(self._extend(token))
            yield token
        finally:
            if extending is not None:
                extending.cancel()
                await asyncio.gather(extending, return_exceptions=True)
            with suppress(StoreUnavailable):
                await self._end(token)

    async def _wait(self, token: str) -> None:
        deadline = time.monotonic() + self._patience_seconds
        while True:
            with unavailable_on_error():
                free = await self._client.execute_command(
                    "SET", self._keys.writer, token, "NX", "PX", TURN_MS
                )
            if free:
                return
            if time.monotonic() >= deadline:
                raise CatalogBusy(
                    f"another writer has kept the catalog for {self._patience_seconds:g} s: try again later"
                )
            await asyncio.sleep(_POLL_SECONDS)

    async def _extend(self, token: str) -> None:
        while True:
            await asyncio.sleep(_EXTEND_SECONDS)
            with suppress(StoreUnavailable), unavailable_on_error():
                await self._script.run(self._client, [self._keys.writer], [token, TURN_MS])

    async def _end(self, token: str) -> None:
        with unavailable_on_error():
            await self._script.run(self._client, [self._keys.writer], [token, 0])
