"""uvicorn's server, which looks after its connections and ends in steps."""

import asyncio
import socket
from types import FrameType
from typing import Final

import uvicorn

from service.serving.connections import RULES, Connection, ConnectionRules

_TICKS_A_LOOK: Final = 10
"""uvicorn's own ticks, of 0.1 s each."""


class Server(uvicorn.Server):
    """The server of one process.

    A first signal begins the :class:`~service.serving.drain.Drain`. A second one ends the process at once, unless it is a
    worker: to that one both the shop's process manager and the parent may send the same signal.
    """

    is_worker = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """See :class:`uvicorn.Server`."""
        if not self.started:
            super().handle_exit(sig, frame)
            return
        self._captured_signals.append(sig)
        drain = self._rules.drain
        if drain.is_begun and not self.is_worker:
            self.force_exit = self.should_exit = True
        drain.begin()

    async def on_tick(self, counter: int) -> bool:
        """See :class:`uvicorn.Server`; called ten times a second."""
        rules = self._rules
        if rules.drain.is_over:
            self.should_exit = True
        if counter % _TICKS_A_LOOK == 0:
            self._look_at_connections(rules)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """See :class:`uvicorn.Server`: take no more requests, and let those running finish."""
        self._rules.drain.begin()
        ending = asyncio.create_task(self._drop_connections_if_forced())
        try:
            await super().shutdown(sockets)
        finally:
            ending.cancel()

    @property
    def _rules(self) -> ConnectionRules:
        rules: ConnectionRules = self.lifespan.state[RULES]
        return rules

    def _look_at_connections(self, rules: ConnectionRules) -> None:
        connections = list(self.server_state.connections)
        is_crowded = rules.is_crowd(len(connections))
        for connection in connections:
            if isinstance(connection, Connection):
                connection.look(is_crowded=is_crowded)

    async def _drop_connections_if_forced(self) -> None:
        while not self.force_exit:  # noqa: ASYNC110 - set by a signal's handler, where no event may be
            await asyncio.sleep(0.05)
        for connection in list(self.server_state.connections):
            connection.transport.abort()


class WorkerServer(Server):
    """The server of one of several processes."""

    is_worker = True
