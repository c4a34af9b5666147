"""Which archive a log is drained into, as Redis remembers it: entries that left for one archive are in no other."""

from service.stores.connection import Client, unavailable_on_error
from service.stores.keys import Keyspace


class ArchiveBinding:
    """The archive's id, in the Redis whose log is drained into it. Every method raises StoreUnavailable."""

    def __init__(self, client: Client, keyspace: Keyspace) -> None:
        self._client = client
        self._key = keyspace.archive_id

    async def read(self) -> str | None:
        """Return the id; ``None`` if nothing was ever drained from this Redis, or it has lost its data."""
        with unavailable_on_error():
            stored = await self._client.execute_command("GET", self._key)
        return None if stored is None else bytes(stored).decode()

    async def claim(self, archive_id: str) -> str:
        """Record an archive if none is, and return which one is recorded now."""
        # Asked first, because a Redis whose memory is full refuses to set anything: it has to be drained all the more.
        recorded = await self.read()
        if recorded is None:
            with unavailable_on_error():
                await self._client.execute_command("SET", self._key, archive_id, "NX")
            recorded = await self.read()
        return recorded or archive_id

    async def replace(self, archive_id: str) -> None:
        """Record an archive, whichever was recorded before."""
        with unavailable_on_error():
            await self._client.execute_command("SET", self._key, archive_id)
