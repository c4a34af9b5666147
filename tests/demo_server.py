"""The real demonstration, as `kabin demo` starts it; it ends with its block."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

START_TIMEOUT_SECONDS: Final = 120.0


@contextmanager
def run_demo(folder: Path, *arguments: str) -> Iterator[str]:
    """Run a demonstration with a trained model on an embedded Valkey, its files in ``folder``; yields its address.

    What it prints goes into ``said.txt`` there. ``arguments`` are further ones of the command.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    said = folder / "said.txt"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KABIN_")}
    command = [sys.executable, "-m", "service.cli", "demo", "--port", str(port), "--data-dir", str(folder)]
    command += arguments
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


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: str, said: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(url + "/readyz", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(said.read_text())
