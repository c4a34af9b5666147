"""The workers of one service: processes that share its listening socket, watched over by the one that was started."""

import socket
import time
from collections.abc import Sequence
from multiprocessing.connection import wait
from pathlib import Path
from pickle import UnpicklingError  # nosec B403
from typing import Final

import uvicorn
from uvicorn.supervisors import multiprocess

from service.metrics.folder import forget_process, prepare_multiprocess
from service.serving.http_server import WorkerServer

METRICS_FOLDER: Final = "metrics"

_JOIN_SECONDS: Final = 0.1
_LOOKS_APART_SECONDS: Final = 0.5


class Worker(multiprocess.Process):
    """uvicorn's worker, with a server of our own.

    Attributes:
        signals: that the parent has received and not looked at.
    """

    signals: Sequence[int] = ()

    @property
    def server(self) -> uvicorn.Server:
        """The server, made in the worker's process."""
        if self._server is None:
            self._server = WorkerServer(self.config)
        return self._server

    def _healthcheck(self, timeout: float) -> bool | None:
        """Ask the worker whether it has started; ``None`` if it has died, or does not answer in time.

        uvicorn waits for the whole time for the answer of a worker that was killed after it was asked, and is deaf to
        signals meanwhile.
        """
        deadline = time.monotonic() + timeout
        try:
            self.parent_conn.send(b"ping")
            while time.monotonic() < deadline and not self.signals:
                ready = wait([self.parent_conn, self.process.sentinel], _LOOKS_APART_SECONDS)
                if self.parent_conn in ready:
                    has_started: bool = self.parent_conn.recv()
                    return has_started
                if ready:
                    return None
        except (OSError, EOFError, UnpicklingError):
            return None
        return True if self.signals else None


class Workers(multiprocess.Multiprocess):
    """uvicorn's supervisor, which also forgets the metrics of dead workers, and kills all of them at a second signal.

    Args:
        config: of the server, which is made in each worker anew.
        listener: that they share.
        metrics_dir: through which they share their metrics; emptied.
    """

    def __init__(self, config: uvicorn.Config, listener: socket.socket, metrics_dir: Path) -> None:
        self._metrics_dir = metrics_dir
        prepare_multiprocess(metrics_dir)
        super().__init__(config, sockets=[listener])
        # The supervisor makes its workers in four places, by this name, and takes no other class.
        multiprocess.Process = Worker  # type: ignore[misc]
        Worker.signals = self.signal_queue

    def keep_subprocess_alive(self) -> None:
        """Replace workers that died, and drop their gauges."""
        before = {process.pid for process in self.processes}
        super().keep_subprocess_alive()
        for pid in before - {process.pid for process in self.processes}:
            if pid is not None:
                forget_process(pid, self._metrics_dir)

    def terminate_all(self) -> None:
        """Tell all workers to end; what they no longer accept is then refused by the system, and does not wait in vain."""
        for listener in self.sockets:
            listener.close()
        super().terminate_all()

    def join_all(self) -> None:
        """Wait until all workers have ended."""
        self.signal_queue.clear()
        for process in self.processes:
            while process.process.is_alive():
                process.process.join(_JOIN_SECONDS)
                if self.signal_queue:
                    self._kill_all()

    def _kill_all(self) -> None:
        self.signal_queue.clear()
        for process in self.processes:
            process.process.kill()
