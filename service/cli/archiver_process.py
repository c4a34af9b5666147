"""The archiver beside a service: a process of its own, so that no page waits for a file, which lives as long as the service."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from pydantic import SecretStr

from service.cli.archive import SETTINGS
from service.settings import ENVIRONMENT_PREFIX, Settings, environment_variable

RESTART_SECONDS: Final = 30.0
"""Before an archiver that ended by itself is started again; its log says why it did."""

STOP_SECONDS: Final = 10.0
"""For a drain that runs when the service ends; one that is killed is made good by the next."""

_COMMAND: Final = (sys.executable, "-P", "-m", "service.cli", "archive", "--follow", "--attached")
"""-P: a folder called `service` where a shop starts this is not ours."""

_TOLD_TO_END: Final = (0, -signal.SIGTERM)
"""Exit codes of an archiver that got SIGTERM, as all processes of a unit do when systemd stops it."""

_log = logging.getLogger(__name__)


@contextmanager
def archiver_beside(settings: Settings, *, quiet: bool = False) -> Iterator[None]:
    """Run `kabin archive --follow` while the block runs, if the settings say so.

    Args:
        settings: of the service, with a ``redis_url``.
        quiet: keep its log off the screen.
    """
    if not settings.archive_interval_seconds:
        yield
        return
    process = ArchiverProcess(_COMMAND, environment_of(settings), quiet=quiet)
    process.start()
    try:
        yield
    finally:
        process.stop()


def environment_of(settings: Settings) -> dict[str, str]:
    """Return this process's environment with the settings that the archiver needs, and no others."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT_PREFIX)
    }
    for name in SETTINGS:
        value = getattr(settings, name)
        if value is not None:
            plain = value.get_secret_value() if isinstance(value, SecretStr) else value
            environment[environment_variable(name)] = str(plain)
    return environment


class ArchiverProcess:
    """A command that is started again whenever it ends by itself, and ends with this process, however that does.

    Its standard input is a pipe that only this process can write to: when this process dies, even of SIGKILL, the pipe
    ends, and so does the command.
    """

    def __init__(
        self, command: tuple[str, ...], environment: Mapping[str, str], *, quiet: bool = False
    ) -> None:
        self._command = command
        self._environment = environment
        self._output = subprocess.DEVNULL if quiet else None
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._turn = threading.Lock()
        self._guard = threading.Thread(target=self._keep_running, name="archiver", daemon=True)

    @property
    def pid(self) -> int | None:
        """The command's process id while it runs."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def start(self) -> None:
        """Start the command, and watch over it in a thread."""
        self._process = self._spawned()
        self._guard.start()

    def stop(self) -> None:
        """Let the command finish what it is at and end; kill it if that takes over 10 s."""
        with self._turn:
            self._stopping.set()
            process = self._process
        if process is not None:
            if process.stdin is not None:
                with contextlib.suppress(OSError):
                    process.stdin.close()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        self._guard.join()

    def _keep_running(self) -> None:
        while (process := self._process) is not None:
            code = process.wait()
            if self._stopping.is_set():
                return
            if code not in _TOLD_TO_END:
                _log.error(
                    "the archiver ended with code %s, and is started again in %g s", code, RESTART_SECONDS
                )
            if self._stopping.wait(RESTART_SECONDS):
                return
            if process.stdin is not None:
                process.stdin.close()
            with self._turn:
                if self._stopping.is_set():
                    return
                self._process = self._spawned()

    def _spawned(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
            self._command,
            env=dict(self._environment),
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=self._output,
            start_new_session=True,  # Ctrl-C is for the service, which then ends this one
        )
