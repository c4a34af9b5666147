"""The embedded Valkey: it keeps what it was told, ends with its parent, and shares its folder with nobody."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Literal

import psutil
import pytest
from redis import Redis

from service.stores.embedded import EmbeddedValkey, EmbeddedValkeyError
from tests.redis_servers import eventually

_PARENT = """
import sys, time
from pathlib import Path
from typing import Literal
from service.stores.embedded import EmbeddedValkey
with EmbeddedValkey(Path(sys.argv[1])) as server:
    print(server.pid, flush=True)
    time.sleep(600)
"""


def _is_over(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_it_keeps_what_was_written_across_restarts(tmp_path: Path) -> None:
    """A key written before a graceful stop is there after the next start, read back from the append-only file."""
    for _ in range(2):
        with EmbeddedValkey(tmp_path / "valkey") as server, Redis.from_url(server.url) as client:
            count = client.incr("starts")
            assert client.info("persistence")["aof_enabled"] == 1
            assert client.config_get("appendfsync") == {"appendfsync": "everysec"}
    assert count == 2


@pytest.mark.parametrize("fsync", ["everysec", "always"])
def test_it_writes_to_the_disk_when_it_is_told_to(
    tmp_path: Path, fsync: Literal["everysec", "always"]
) -> None:
    """Whether an acknowledged event outlives a crash of the machine is the operator's choice."""
    with EmbeddedValkey(tmp_path, fsync=fsync) as server, Redis.from_url(server.url) as client:
        assert client.config_get("appendfsync") == {"appendfsync": fsync}


def test_it_listens_for_this_user_only(tmp_path: Path) -> None:
    """There is no TCP port, and the socket is the owner's."""
    with EmbeddedValkey(tmp_path) as server, Redis.from_url(server.url) as client:
        assert client.config_get("port") == {"port": "0"}
        assert (tmp_path / "valkey.sock").stat().st_mode & 0o077 == 0
    assert not (tmp_path / "valkey.sock").exists()


def test_a_long_folder_name_is_no_problem(tmp_path: Path) -> None:
    """Where the path is too long for a Unix socket, the socket lies elsewhere, and is found all the same."""
    folder = tmp_path / ("long" * 40)
    with EmbeddedValkey(folder) as server, Redis.from_url(server.url) as client:
        assert client.ping()
        assert EmbeddedValkey.url_of_running(folder) == server.url
    assert EmbeddedValkey.url_of_running(folder) is None


def test_a_folder_in_use_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second server in the same folder is refused with the process id of the first, which goes on."""
    monkeypatch.setattr("service.stores.embedded.LOCK_TIMEOUT_SECONDS", 0.1)
    with EmbeddedValkey(tmp_path) as server, Redis.from_url(server.url) as client:
        with pytest.raises(
            EmbeddedValkeyError, match=rf"in use by another embedded Valkey \(process {server.pid}\)"
        ):
            EmbeddedValkey(tmp_path).start()
        assert client.ping()
        assert EmbeddedValkey.url_of_running(tmp_path) == server.url


def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    """SIGKILL to the parent leaves no server behind, and the folder can be used again at once."""
    command = [sys.executable, "-c", _PARENT, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:  # noqa: S603 - our own script
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert os.getsid(pid) == pid
        parent.send_signal(signal.SIGKILL)
    with EmbeddedValkey(tmp_path) as server:
        assert server.pid != pid
    eventually(lambda: _is_over(pid), "the server outlived its parent")


def test_a_server_that_was_killed_is_started_again(tmp_path: Path) -> None:
    """Nothing that it had written is lost, and afterwards it still ends when it is told to."""
    with EmbeddedValkey(tmp_path) as server, Redis.from_url(server.url) as client:
        client.set("a", "b")
        first = server.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        eventually(lambda: server.pid not in (first, None), "nobody started the server again")
        eventually(lambda: EmbeddedValkey.url_of_running(tmp_path) == server.url, "it does not answer")
        assert client.get("a") == b"b"
        second = server.pid
        assert second is not None
    assert _is_over(second)


def test_a_damaged_file_is_reported_with_the_servers_words(tmp_path: Path) -> None:
    """A server that cannot read its file back is an error that quotes its log."""
    with EmbeddedValkey(tmp_path) as server, Redis.from_url(server.url) as client:
        client.set("a", "b")
    manifest = next(tmp_path.glob("appendonlydir/*.manifest"))
    manifest.write_text("nonsense\n")
    with pytest.raises(EmbeddedValkeyError, match=r"ended with code .*manifest"):
        EmbeddedValkey(tmp_path).start()
    manifest.unlink()


def test_an_unusable_folder_is_reported(tmp_path: Path) -> None:
    """A data folder that is a file is an error, not a traceback of the operating system."""
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedValkeyError, match="embedded Valkey in"):
        EmbeddedValkey(tmp_path / "file").start()
