"""A link to one server that is always there or on its way back: reconnects in the background, never repeats a command."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from service.stores.connection import StoreUnavailable
from service.stores.multiplexed.breaker import Breakers, Changed
from service.stores.multiplexed.connection import Limits, MultiplexedConnection, TooLate, encoded
from service.stores.multiplexed.opening import open_connection
from service.stores.redis_url import Address

SHORTEST_PAUSE_SECONDS: Final = 0.05
LONGEST_PAUSE_SECONDS: Final = 1.0

_PING: Final = encoded(("PING",))
_log = logging.getLogger(__name__)


class NodeLink:
    """Keeps one connection to a server.

    Whoever asks while the first attempt at a new connection is under way waits for it within their deadline; after
    it has failed they fail at once, until one of the attempts in the background succeeds.

    Args:
        locate: says where the server is, before each attempt.
        limits: of each connection.
        must_be_primary: whether a replica is refused.
        on_trouble: called whenever the connection is lost or an attempt has failed.
        on_change: is told of breakers that open or close.

    Attributes:
        connection: to send commands on; ``None`` while there is none.
        breakers: to be looked at before anything is sent, and told by :meth:`missed` what was not answered in time.
    """

    def __init__(
        self,
        locate: Callable[[], Awaitable[Address]],
        limits: Limits,
        *,
        must_be_primary: bool = False,
        on_trouble: Callable[[], None] = lambda: None,
        on_change: Changed = lambda _patience, _is_open: None,
    ) -> None:
        self._locate = locate
        self._limits = limits
        self._must_be_primary = must_be_primary
        self._on_trouble = on_trouble
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False
        self._waiting = 0
        self._failures = 0
        self._first_attempt: asyncio.Event | None = None
        self._reason = "not connected yet"
        self._probing: asyncio.Task[None] | None = None
        self._is_back = asyncio.Event()
        self.connection: MultiplexedConnection | None = None
        self.breakers = Breakers(on_change)

    def open(self) -> None:
        """Start connecting, in the background."""
        if self._task is None and not self._is_closed:
            if not self._failures:
                self._first_attempt = asyncio.Event()
            self._task = asyncio.create_task(self._connect(), name="Redis connection")

    async def first_attempt(self) -> None:
        """Wait for the first attempt.

        Raises:
            StoreUnavailable: it has failed; others follow in the background.
        """
        if self._first_attempt is not None:
            await self._first_attempt.wait()
        if self.connection is None:
            raise StoreUnavailable(f"Redis: {self._reason}")

    async def reached(self, deadline: float) -> MultiplexedConnection:
        """Return the connection, or wait for the first attempt at it.

        Args:
            deadline: by the event loop's clock.

        Raises:
            StoreUnavailable: there is none, and none that is worth waiting for.
        """
        if self.connection is None and self._first_attempt is not None:
            if self._waiting >= self._limits.most_waiting:
                raise StoreUnavailable("Redis: too many requests wait for a connection")
            self._waiting += 1
            try:
                async with asyncio.timeout_at(deadline):
                    await self._first_attempt.wait()
            except TimeoutError:
                raise TooLate("Redis: no connection in time") from None
            finally:
                self._waiting -= 1
        if self.connection is None:
            raise StoreUnavailable(f"Redis: {self._reason}")
        return self.connection

    def suspect(self, connection: MultiplexedConnection) -> None:
        """Look again where the server is: the one behind ``connection`` takes no writes (any more).

        Not more often than connections settle: a server that is read-only on purpose stays where it is.
        """
        age_seconds = asyncio.get_running_loop().time() - connection.connected_at
        if connection is self.connection and age_seconds >= self._limits.settled_seconds:
            connection.drop("the server takes no writes; looking for the one that does")

    def missed(self, patience_seconds: float, deadline: float) -> None:
        """Take note of a call that was not answered by its deadline, and begin to probe if that were too many."""
        now = asyncio.get_running_loop().time()
        begins = self.breakers.missed(patience_seconds, deadline=deadline, now=now)
        if begins and self._probing is None and not self._is_closed:
            self._probing = asyncio.create_task(self._probe(), name="Redis probe")

    async def close(self) -> None:
        """Drop the connection and stop reconnecting."""
        self._is_closed = True
        self._reason = "the connection has been closed"
        tasks = [task for task in (self._task, self._probing) if task is not None]
        self._task = self._probing = None
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self.breakers.close(now=asyncio.get_running_loop().time())
        self._end_first_attempt()
        if self.connection is not None:
            self.connection.drop(self._reason)

    async def _connect(self) -> None:
        """Attempt until there is a connection, with growing pauses."""
        try:
            while self.connection is None:
                if self._failures:
                    pause = min(LONGEST_PAUSE_SECONDS, SHORTEST_PAUSE_SECONDS * 2 ** min(self._failures, 10))
                    # Workers that lost the same server do not all come back at the same moment.
                    await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
                await self._attempt()
        finally:
            self._task = None
            self._end_first_attempt()

    async def _attempt(self) -> None:
        try:
            connection = await open_connection(
                await self._locate(), self._limits, self._lost, must_be_primary=self._must_be_primary
            )
        except StoreUnavailable as error:
            self._fail(str(error).removeprefix("Redis: "))
        except Exception as error:  # noqa: BLE001 - a link that stops for good would cost every page its visitor
            _log.exception("Connecting to Redis failed; it is tried again.")
            self._fail(f"{type(error).__name__}: {error}")
        else:
            if connection.lost is not None:
                self._fail(connection.lost)
                return
            self.connection = connection
            self._is_back.set()
            if self._failures:
                _log.info("The connection to Redis is back")

    async def _probe(self) -> None:
        """Ask by PING, with growing pauses, until every breaker is closed again.

        A new connection ends the pause: on it things may be well again.
        """
        loop = asyncio.get_running_loop()
        try:
            while self.breakers.are_open:
                self._is_back.clear()
                pause = self.breakers.probed(await self._answered_pings(), now=loop.time())
                if self.breakers.are_open:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(pause * random.uniform(0.5, 1.0)):  # noqa: S311 - no secret
                            await self._is_back.wait()
        finally:
            self._probing = None

    async def _answered_pings(self) -> set[float]:
        """Send a PING for each patience, and return those within which one is answered.

        One each, because who is late is judged by the connection: it knows whether the loop was, and not Redis.
        """
        if self.connection is None:
            return set()
        now = asyncio.get_running_loop().time()
        patiences = tuple(self.breakers)
        try:
            pings = [self.connection.send(_PING, now + seconds) for seconds in patiences]
        except StoreUnavailable:
            return set()
        outcomes = await asyncio.gather(*pings, return_exceptions=True)
        return {
            seconds
            for seconds, outcome in zip(patiences, outcomes, strict=True)
            if not isinstance(outcome, BaseException)
        }

    def _fail(self, reason: str) -> None:
        if not self._failures:
            _log.warning("No connection to Redis: %s", reason)
        self._failures += 1
        self._reason = reason
        self._end_first_attempt()
        self._on_trouble()

    def _lost(self, connection: MultiplexedConnection) -> None:
        if connection is not self.connection:
            return  # One that never came into use: the attempt tells.
        self.connection = None
        self._reason = connection.lost or ""
        age_seconds = asyncio.get_running_loop().time() - connection.connected_at
        self._failures = 0 if age_seconds >= self._limits.settled_seconds else self._failures + 1
        if not self._is_closed:
            _log.warning("The connection to Redis was lost: %s", self._reason)
            self.open()
            self._on_trouble()

    def _end_first_attempt(self) -> None:
        if self._first_attempt is not None:
            self._first_attempt.set()
            self._first_attempt = None
