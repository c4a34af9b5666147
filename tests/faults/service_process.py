"""The real service, `kabin serve`, as a process with workers that can be killed, drained and started beside another."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import psutil

from tests.faults.shop import SERVER_KEY, SIGNING_KEY
from tests.redis_servers import DEADLINE_SECONDS, eventually

ROOT: Final = Path(__file__).parents[2]
"""Of this checkout."""
_LOOKS: Final = 12


class ServiceProcess:
    """`kabin serve` on loopback, with an archiver beside it.

    Args:
        folder: its data folder; created if absent.
        redis_url: where it keeps its visitors.
        workers: processes that answer.
        settings: more environment variables, with their prefix.
        python_path: folder from which it imports before all others.
    """

    def __init__(
        self,
        folder: Path,
        redis_url: str,
        *,
        workers: int = 1,
        settings: Mapping[str, str] | None = None,
        python_path: str = "",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        self.folder = folder
        self._workers = workers
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("KABIN_")}
        self.environment = {
            **inherited,
            "PYTHONPATH": os.pathsep.join(filter(None, (python_path, str(ROOT)))),
            "OPENBLAS_NUM_THREADS": "1",
            "KABIN_DATA_DIR": str(folder),
            "KABIN_REDIS_URL": redis_url,
            "KABIN_SERVER_KEY": SERVER_KEY,
            "KABIN_SIGNING_KEYS": SIGNING_KEY,
            "KABIN_ARCHIVE_INTERVAL_SECONDS": "1",
            **(settings or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What it has logged so far."""
        return self._log_path.read_text("utf-8", "replace") if self._log_path.exists() else ""

    @property
    def workers_started(self) -> int:
        """How many workers have ever said that they answer."""
        return self.log.count("Application startup complete")

    @property
    def worker_pids(self) -> list[int]:
        """The processes that answer."""
        if self._process is None:
            return []
        if self._workers == 1:
            return [self._process.pid]
        children = psutil.Process(self._process.pid).children()
        return [child.pid for child in children if _is_worker(child)]

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        options = ("--port", str(self.port), "--workers", str(self._workers))
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
                [sys.executable, "-m", "service.cli", "serve", *options],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        eventually(self._is_up, f"the service did not start, see {self._log_path}")

    def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
        """Return status and JSON of the answer to a call with the server key.

        Raises:
            OSError: there is none.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_SECONDS)
        try:
            connection.request(method, path, body, {"authorization": f"Bearer {SERVER_KEY}"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def metric(self, name: str) -> float:
        """Return a metric without labels, of all workers together."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_SECONDS)
        try:
            connection.request("GET", "/metrics")
            lines = connection.getresponse().read().decode().splitlines()
        finally:
            connection.close()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))

    def run(self, *arguments: str, redis_url: str | None = None) -> str:
        """Run a command of `kabin` with the same settings, and return what it prints.

        Raises:
            subprocess.CalledProcessError: it failed.
        """
        environment = self.environment | ({} if redis_url is None else {"KABIN_REDIS_URL": redis_url})
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-m", "service.cli", *arguments],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=DEADLINE_SECONDS,
        )
        return done.stdout

    def is_ready(self) -> bool:
        """Tell whether a load balancer would send requests here."""
        try:
            return self.ask("GET", "/readyz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def is_furnished(self) -> bool:
        """Tell whether the workers have a catalog: which of them answers is chance, so they are asked often."""
        try:
            return all(self.ask("GET", "/readyz")[1]["catalog"]["items"] for _ in range(_LOOKS))
        except (OSError, http.client.HTTPException):
            return False

    def kill_worker(self, pid: int) -> None:
        """Kill a worker and wait until it is gone."""
        worker = psutil.Process(pid)
        worker.kill()
        eventually(
            lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, "it does not die"
        )

    def terminate(self) -> None:
        """Ask it to end."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)

    def wait(self) -> float:
        """Wait until it has ended, and return the seconds that took."""
        began = time.monotonic()
        if self._process is not None:
            self._process.wait(DEADLINE_SECONDS)
        return time.monotonic() - began

    def end(self) -> None:
        """End it in an orderly way."""
        if self._process is not None and self._process.poll() is None:
            self.terminate()
            self.wait()

    @property
    def _log_path(self) -> Path:
        return self.folder / "service.log"

    def _is_up(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"the service has ended:\n{self.log}")
        return self.is_ready()


def _is_worker(process: psutil.Process) -> bool:
    """Tell workers from the archiver, the resource tracker, and those that have died."""
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.Error:
        return False
