"""What the stores of the hot path ask of Redis: scripts on the keys of one visitor, and redis-py as one that runs them."""

from collections.abc import Sequence
from typing import Any, Protocol

from service.stores.connection import Client, Script, unavailable_on_error


class ScriptRunner(Protocol):
    """Runs scripts and reads keys within a patience of its own.

    Every method raises :class:`~service.stores.connection.StoreUnavailable` if it cannot be done or takes too long;
    a script that was given up may have run all the same.
    """

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        """Run a script on ``keys``, which share a hash tag, and return its reply (bytes, integers, lists, ``None``)."""
        ...

    async def get(self, key: str) -> bytes | None:
        """Return what is stored under ``key``, ``None`` if nothing is."""
        ...

    async def length(self, key: str) -> int:
        """Return the number of entries of the stream ``key``."""
        ...


class ClientScripts:
    """Runs scripts through redis-py, with the patience of the client: commands, imports, tests.

    A command costs 93 to 140 µs of this process's CPU; the service's requests take
    :class:`~service.stores.multiplexed.scripts.MultiplexedScripts`.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        """See :meth:`ScriptRunner.run`."""
        with unavailable_on_error():
            return await script.run(self._client, keys, arguments)

    async def get(self, key: str) -> bytes | None:
        """See :meth:`ScriptRunner.get`."""
        with unavailable_on_error():
            stored: bytes | None = await self._client.execute_command("GET", key)
            return stored

    async def length(self, key: str) -> int:
        """See :meth:`ScriptRunner.length`."""
        with unavailable_on_error():
            return int(await self._client.execute_command("XLEN", key))
