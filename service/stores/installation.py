"""Whether a Redis still has what was put into it: an id that goes when its data do."""

import secrets
from typing import Final, NamedTuple, Protocol

from service.stores.connection import Client, Script, unavailable_on_error
from service.stores.keys import Keyspace
from service.stores.script_runners import ScriptRunner

_ID_BYTES: Final = 8


class Standing(NamedTuple):
    """What a look at the installation has found.

    Attributes:
        installation_id: of the data that are there now.
        lost_at: Unix seconds at which former data were found lost; ``None`` if they were not, or have been restored.
        is_news: whether this look has found it out, so that it is reported once.
    """

    installation_id: str
    lost_at: float | None
    is_news: bool


class Installation(Protocol):
    """The identity of a store's data."""

    async def look(self, known_id: str, *, now: float) -> Standing:
        """Compare the data that are there with those known; what has no id yet is given one.

        Args:
            known_id: of the data as they were; empty if not known.
            now: Unix seconds.

        Raises:
            StoreUnavailable: it cannot be told.
        """
        ...


class RedisInstallation:
    """The identity of one key space's data in Redis."""

    def __init__(self, scripts: ScriptRunner, keyspace: Keyspace) -> None:
        self._scripts = scripts
        self._key = keyspace.installation
        self._look = Script("installation")

    async def look(self, known_id: str, *, now: float) -> Standing:
        """See :meth:`Installation.look`."""
        fresh_id = secrets.token_hex(_ID_BYTES)
        found_id, lost_at, is_news = await self._scripts.run(
            self._look, [self._key], [known_id, fresh_id, f"{now:.3f}"]
        )
        return Standing(found_id.decode(), float(lost_at) if lost_at else None, bool(is_news))


async def note_restored(client: Client, keyspace: Keyspace) -> None:
    """Take note that every state was computed anew, so that what was lost is no longer reported.

    Raises:
        StoreUnavailable: Redis did not carry it out.
    """
    with unavailable_on_error():
        await client.execute_command("HDEL", keyspace.installation, "lost_at")
