"""Processes: started until they answer, ended with their block, and what CPU they have used."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

ROOT: Final = Path(__file__).parents[3]
"""Of this checkout."""

HOST: Final = "127.0.0.1"
_START_SECONDS: Final = 120.0
_POLL_SECONDS: Final = 0.02
_STOP_SECONDS: Final = 30.0


def process_cpu_seconds(pid: int) -> float:
    """Return the CPU time of all threads of a process so far.

    On Linux in nanoseconds, from the clock that clock_getcpuclockid(3) names; elsewhere as finely as psutil has it.
    """
    if sys.platform == "linux":
        return time.clock_gettime((~pid << 3) | 2)
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


@contextmanager
def started(
    command: Sequence[str],
    environment: Mapping[str, str],
    port: int,
    *,
    tree: Path = ROOT,
    ready_path: str,
) -> Iterator[int]:
    """Run a command in ``tree`` until the block ends; yield its process id once it answers.

    Raises:
        RuntimeError: it did not start; the message is what it logged.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KABIN_")}
    # An import finds the code of the tree before any that is installed.
    variables = {**inherited, "PYTHONPATH": str(tree), "OPENBLAS_NUM_THREADS": "1", **environment}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603 - a command of this package, no shell
            command, cwd=tree, env=variables, stdout=log, stderr=log
        )
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not _answers(port, ready_path):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise RuntimeError(f"{' '.join(command)} did not start:\n{log.read().decode()}")
                time.sleep(_POLL_SECONDS)
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int, path: str) -> bool:
    """Tell whether a server answers; http.client is cheap enough not to slow down what starts beside it."""
    connection = http.client.HTTPConnection(HOST, port, timeout=_STOP_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
