"""The real demonstration, as `kabin demo` starts it, for the tests that look at what its visitors see."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

START_TIMEOUT_SECONDS = 120.0


@pytest.fixture(scope="session")
def demo_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a running demonstration with a trained model, on an embedded Valkey."""
    folder = tmp_path_factory.mktemp("demo")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    said = folder / "said.txt"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KABIN_")}
    command = [sys.executable, "-m", "service.cli", "demo", "--port", str(port), "--data-dir", str(folder)]
    with said.open("w") as output:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            command, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(process, url, said)
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


@pytest.fixture
def browser(demo_url: str) -> Iterator[httpx.Client]:
    """A client with cookies that nobody knows yet, at home in the demonstration's shop."""
    with httpx.Client(base_url=demo_url, headers={"origin": demo_url}, timeout=20) as client:
        yield client


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: str, said: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url + "/readyz", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(said.read_text())
