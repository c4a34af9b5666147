"""Which night has been trained last, known to every machine that might do the next."""

import logging
from typing import Final, Literal, Protocol, TypeAlias

import msgspec
from msgspec import Struct

from service.stores.connection import Client, unavailable_on_error
from service.stores.keys import Keyspace

NightResult: TypeAlias = Literal["published", "refused"]
"""A night is complete once the gate has spoken; one that failed is none."""

_WAITING_SINCE: Final = "waiting_since"
_LAST: Final = "last"
_log = logging.getLogger(__name__)


class Night(Struct, frozen=True, kw_only=True):
    """A completed night. Times are Unix seconds.

    Attributes:
        started_at: what was due up to then is done.
        finished_at: when its model was published or refused.
        result: which of the two.
        version: of the model.
        holder: who did it, as in the lease.
    """

    started_at: float
    finished_at: float
    result: NightResult
    version: str
    holder: str


class Nights(Protocol):
    """What remembers nights; every method raises :class:`StoreUnavailable` if it cannot be asked."""

    async def last(self) -> Night | None:
        """Return the night completed last; None before the first one."""
        ...

    async def complete(self, night: Night) -> None:
        """Remember a night as the last one."""
        ...

    async def waiting_since(self, now: float) -> float:
        """Return when a night was first waited for: ``now``, if never before."""
        ...


class RedisNights:
    """:class:`Nights` in Redis or a Cluster.

    What cannot be read counts as absent, with a warning: the next night writes it anew, unattended.
    """

    def __init__(self, client: Client, keyspace: Keyspace) -> None:
        self._client = client
        self._key = keyspace.nights

    async def last(self) -> Night | None:
        """See :meth:`Nights.last`."""
        with unavailable_on_error():
            stored = await self._client.execute_command("HGET", self._key, _LAST)
        try:
            return None if stored is None else msgspec.json.decode(stored, type=Night)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            _log.warning("what Redis holds of the last night cannot be read (%s); it counts as none", error)
            return None

    async def complete(self, night: Night) -> None:
        """See :meth:`Nights.complete`."""
        with unavailable_on_error():
            await self._client.execute_command("HSET", self._key, _LAST, msgspec.json.encode(night))

    async def waiting_since(self, now: float) -> float:
        """See :meth:`Nights.waiting_since`."""
        with unavailable_on_error():
            await self._client.execute_command("HSETNX", self._key, _WAITING_SINCE, repr(now))
            stored = await self._client.execute_command("HGET", self._key, _WAITING_SINCE)
        try:
            return float(stored)
        except (TypeError, ValueError):
            return now


class MemoryNights:
    """:class:`Nights` within one process."""

    def __init__(self) -> None:
        self._last: Night | None = None
        self._waiting_since: float | None = None

    async def last(self) -> Night | None:
        """See :meth:`Nights.last`."""
        return self._last

    async def complete(self, night: Night) -> None:
        """See :meth:`Nights.complete`."""
        self._last = night

    async def waiting_since(self, now: float) -> float:
        """See :meth:`Nights.waiting_since`."""
        if self._waiting_since is None:
            self._waiting_since = now
        return self._waiting_since
