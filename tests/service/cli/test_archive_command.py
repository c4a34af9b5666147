"""`kabin archive`, and the archiver that a service runs beside itself."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from pydantic import SecretStr
from redis import Redis

from service.cli import main
from service.cli.archiver_process import ArchiverProcess, environment_of
from service.settings import Settings
from service.stores.archive import Archive, LocalStorage
from service.stores.keys import Keyspace

EVENTS = "visitor,item,at\n" + "".join(
    f"v{n % 7},i{n % 5},2025-11-{1 + n % 3:02}T10:00:00Z\n" for n in range(30)
)


def _eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def flags(valkey_url: str, tmp_path: Path) -> Iterator[list[str]]:
    """Flags of a key space with a history of 30 events in its log, all of it gone afterwards."""
    prefix = f"archive-{tmp_path.name}"
    flags = ["--redis-url", valkey_url, "--redis-prefix", prefix, "--data-dir", str(tmp_path)]
    history = tmp_path / "history.csv"
    history.write_text(EVENTS)
    mapping = "visitor_id=visitor,item_id=item,timestamp=at,event==view_item"
    assert main(["import", "events", str(history), "--map", mapping, *flags]) == 0
    yield flags
    with Redis.from_url(valkey_url) as client:
        client.delete(*client.scan_iter(f"{prefix}:*"))


def test_the_log_is_moved_and_can_be_read_again(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counts are printed for people and as JSON, and whoever reads the history finds it in the archive."""
    assert main(["archive", *flags]) == 0
    told = capsys.readouterr().out
    assert "archived 30 events of 3 days in 3 files" in told
    assert "has 30 events of 3 days" in told
    assert main(["archive", "--json", "--compact", *flags]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["events"], report["drained"]["events"], report["drained"]["days"]) == (30, 0, [])
    assert report["compacted"]["erased"] == 0
    assert main(["rebuild", *flags]) == 0
    assert "7 visitors rebuilt from 30 events" in capsys.readouterr().out
    assert len(Archive(LocalStorage(tmp_path / "archive")).files()) == 3


def test_states_are_not_rebuilt_without_the_archive(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An archive whose disk is not mounted does not pass for one without events: rebuild and import change nothing."""
    assert main(["archive", *flags]) == 0
    (tmp_path / "archive").rename(tmp_path / "unmounted")
    mapping = "visitor_id=visitor,item_id=item,timestamp=at,event==view_cart"
    for command in (["rebuild"], ["import", "events", str(tmp_path / "history.csv"), "--map", mapping]):
        capsys.readouterr()
        assert main([*command, *flags]) == 1
        assert "is empty, but this Redis has been drained into" in capsys.readouterr().err
    (tmp_path / "unmounted").rename(tmp_path / "archive")
    assert main(["rebuild", *flags]) == 0
    assert "7 visitors rebuilt from 30 events" in capsys.readouterr().out


def test_the_archive_may_be_elsewhere(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A URL names it; when it changes, the next drain says what to do, and does it if asked to."""
    assert main(["archive", "--archive-url", f"file://{tmp_path}/here", *flags]) == 0
    capsys.readouterr()
    assert main(["archive", "--archive-url", str(tmp_path / "there"), *flags]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("kabin: ")]
    assert f"archive {tmp_path}/there is empty, but this Redis has been drained into" in line
    assert main(["archive", "--adopt", "--archive-url", str(tmp_path / "there"), *flags]) == 0
    assert Archive(LocalStorage(tmp_path / "here")).count() == 30


@pytest.mark.parametrize("second", ["--compact", "--adopt", "--json"])
def test_following_is_nothing_but_draining(
    second: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is done once does not go with what goes on."""
    assert main(["archive", "--follow", second, "--data-dir", str(tmp_path)]) == 2
    assert "--follow does not go with" in capsys.readouterr().err


def test_an_archiver_is_told_what_the_service_knows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The flags of the service reach its archiver, secrets in their plain form; nothing else of Kabin's environment does."""
    monkeypatch.setenv("KABIN_SERVER_KEY", "not for the archiver")
    monkeypatch.setenv("KABIN_REDIS_PREFIX", "environment")
    settings = Settings(data_dir=tmp_path, redis_url=SecretStr("redis://:secret@h/0"), redis_prefix="given")
    environment = environment_of(settings)
    assert {name: value for name, value in environment.items() if name.startswith("KABIN_")} == {
        "KABIN_DATA_DIR": str(tmp_path),
        "KABIN_REDIS_URL": "redis://:secret@h/0",
        "KABIN_REDIS_PREFIX": "given",
        "KABIN_ALLOW_EVICTION": "False",
        "KABIN_ARCHIVE_INTERVAL_SECONDS": "60",
        "KABIN_ARCHIVE_RETENTION_DAYS": "730",
    }
    assert environment["PATH"] == os.environ["PATH"]


class Running(NamedTuple):
    """An archiver's stand-in: its keeper, its first process, and the file in which each life leaves a mark."""

    process: ArchiverProcess
    pid: int
    lives: Path


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Running]:
    """Run a command that lives as long as its standard input, and is soon started again."""
    monkeypatch.setattr("service.cli.archiver_process.RESTART_SECONDS", 0.01)
    lives = tmp_path / "lives"
    script = f"import sys; open({str(lives)!r}, 'a').write('I'); sys.stdin.read()"
    process = ArchiverProcess((sys.executable, "-c", script), {})
    process.start()
    try:
        _eventually(lambda: lives.exists() and process.pid is not None)
        assert process.pid is not None
        yield Running(process, process.pid, lives)
    finally:
        process.stop()


def test_an_archiver_that_ends_is_started_again(running: Running) -> None:
    """Whatever ends it, another takes its place, until the service ends: then it ends with its standard input."""
    os.kill(running.pid, signal.SIGKILL)
    _eventually(lambda: running.lives.read_text() == "II" and running.process.pid is not None)
    assert running.process.pid != running.pid
    running.process.stop()
    assert running.process.pid is None


def test_one_that_was_told_to_end_is_no_error(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    """All processes of a systemd unit are told at once; Ctrl-C is for the service alone."""
    assert os.getsid(running.pid) == running.pid
    os.kill(running.pid, signal.SIGTERM)
    _eventually(lambda: running.lives.read_text() == "II")
    running.process.stop()
    assert caplog.records == []


def test_one_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that stops waits for its archiver only so long."""
    monkeypatch.setattr("service.cli.archiver_process.STOP_SECONDS", 0.01)
    process = ArchiverProcess((sys.executable, "-c", "import time; time.sleep(600)"), {})
    process.start()
    process.stop()
    assert process.pid is None


@pytest.mark.slow
def test_a_killed_service_takes_its_archiver_along(flags: list[str], tmp_path: Path) -> None:
    """`kabin serve` archives by itself, and leaves no process behind, not even if it is killed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KABIN_")}
    (tmp_path / "service").mkdir()  # A shop's own, in whose repository Kabin is started.
    (tmp_path / "service/__init__.py").touch()
    command = [
        sys.executable,
        "-P",
        "-m",
        "service.cli",
        "serve",
        "--port",
        "0",
        "--archive-interval-seconds",
        "1",
        *flags,
    ]
    with (tmp_path / "log").open("wb") as log:
        service = subprocess.Popen(  # noqa: S603 - our own interpreter
            command, env=environment, stdout=log, stderr=log, cwd=tmp_path
        )
    try:
        archive = Archive(LocalStorage(tmp_path / "archive"))
        _eventually(lambda: archive.count() == 30)
        (archiver,) = psutil.Process(service.pid).children()
        assert "--attached" in archiver.cmdline()
    finally:
        service.kill()
        service.wait()
    _eventually(lambda: not archiver.is_running() or archiver.status() == psutil.STATUS_ZOMBIE)
    assert "archived 30 events" in (tmp_path / "log").read_text()


@pytest.mark.slow
def test_following_ends_when_it_is_told(flags: list[str], tmp_path: Path, valkey_url: str) -> None:
    """SIGTERM lets a drain finish and exits with 0."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KABIN_")}
    command = [sys.executable, "-m", "service.cli", "archive", "--follow", *flags]
    archiver = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)  # noqa: S603 - our own interpreter
    archive = Archive(LocalStorage(tmp_path / "archive"))
    _eventually(lambda: archive.count() == 30)
    archiver.terminate()
    assert archiver.wait(60) == 0
    assert archiver.stderr is not None
    archiver.stderr.close()
    keyspace = Keyspace(flags[3])
    with Redis.from_url(valkey_url) as client:
        assert sum(int(client.xlen(keyspace.log(partition))) for partition in range(256)) == 0
