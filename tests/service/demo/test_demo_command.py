"""`kabin demo` as a newcomer runs it: the lines it prints work, and Ctrl-C leaves nothing behind."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from service.cli import main

START_TIMEOUT_SECONDS = 120.0
DEMO = [sys.executable, "-m", "service.cli", "demo", "--visitors", "300"]


def environment(folder: Path) -> dict[str, str]:
    """Return this environment without any setting, and with temporary files in ``folder``."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("KABIN_")}
    return ours | {"TMPDIR": str(folder)}


@pytest.mark.slow
def test_the_demonstration_shows_what_it_says(tmp_path: Path) -> None:
    """``--check`` looks at the pages, makes the three calls and exits with 0, whatever the environment configures for a real shop."""
    outcome = subprocess.run(  # noqa: S603 - our own interpreter
        [*DEMO, "--check"],
        env=environment(tmp_path) | {"KABIN_STORAGE_CONSENT": "required"},
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT_SECONDS,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    assert "This shop is simulated (seed 7)" in outcome.stdout
    assert "/category/sale  " in outcome.stdout
    assert "/kabin.js  " in outcome.stdout
    assert "size: none" in outcome.stdout
    assert "size: preselect M" in outcome.stdout
    assert not list(tmp_path.glob("kabin-demo-*"))


def test_a_port_that_is_taken_is_told_before_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    """A port that was asked for is tried first, not after a shop has been imported and trained."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["demo", "--port", str(taken.getsockname()[1])]) == 1
    said = capsys.readouterr()
    assert "give another --port" in said.err
    assert "import catalog" not in said.out


@pytest.mark.slow
def test_the_printed_lines_can_be_pasted_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    """The second line changes the answer of the third; afterwards no process and no file is left."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    process = subprocess.Popen(  # noqa: S603 - our own interpreter
        DEMO, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    said: list[str] = []
    assert process.stdout is not None
    reader = threading.Thread(target=said.extend, args=(iter(process.stdout.readline, ""),))
    reader.start()
    try:
        lines = wait_for_lines(process, said)
        shop = next(line for line in said if line.startswith("The shop: http://127.0.0.1:"))
        assert said.index(shop) < said.index(lines[0])
        first, told, again = (run_line(line) for line in lines)
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=60)
        reader.join()
        process.stdout.close()
    assert code == 0
    assert (first["size"]["action"], told["accepted"]) == ("none", 3)
    assert (again["size"]["action"], again["size"]["size"]) == ("preselect", "M")
    assert again["visitor_id"] == first["visitor_id"]
    assert "Traceback" not in "".join(said)
    assert not psutil.wait_procs(children, timeout=10)[1]
    assert not list(tmp_path.glob("kabin-demo-*"))


def wait_for_lines(process: "subprocess.Popen[str]", said: list[str]) -> list[str]:
    """Return the three curl lines once they have been printed."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if any("Ctrl-C ends" in line for line in said):
            lines = [line for line in said if line.startswith("curl ")]
            assert len(lines) == 3
            return lines
        time.sleep(0.05)
    raise AssertionError("".join(said))


def run_line(line: str) -> dict[str, Any]:
    """Run one printed line in a shell and return the JSON it shows."""
    shown = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=60, check=True)  # noqa: S602 - a line for a shell
    answer: dict[str, Any] = json.loads(shown.stdout)
    return answer
