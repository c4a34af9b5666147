"""The Redis of a command: the configured one, or an embedded Valkey that commands on one data folder share."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help comes at once

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
from pydantic import SecretStr

from service.settings import Settings

EMBEDDED_FOLDER: Final = "valkey"
DOOR_LOCK: Final = "door.lock"
"""Held while an embedded server is found, started or stopped: one command at a time."""
USERS_LOCK: Final = "users.lock"
"""Shared by every command that uses the embedded server; whoever started it waits for the others."""


@contextmanager
def redis_of(settings: Settings) -> Iterator[Settings]:
    """Provide a Redis while the block runs and yield settings whose ``redis_url`` leads to it.

    Configured: that one. Else, when another Kabin runs its embedded Valkey in this data folder, as `kabin serve` does
    while `kabin train` is called: that one. Else an embedded Valkey of this command's own, which runs until the
    last command that has joined it is done. A line on standard error says which.
    """
    from service.stores.embedded import EmbeddedValkey

    if settings.redis_url is not None:
        yield settings
        return
    folder = settings.data_dir / EMBEDDED_FOLDER
    embedded: EmbeddedValkey | None = None
    with _lock_file(folder / DOOR_LOCK) as door, _lock_file(folder / USERS_LOCK) as users:
        _take(door, fcntl.LOCK_EX, f"waiting for another command that starts or ends in {folder}")
        fcntl.flock(users, fcntl.LOCK_SH)
        url = EmbeddedValkey.url_of_running(folder)
        if url is not None:
            click.echo(
                f"KABIN_REDIS_URL is not set: using the embedded Valkey that runs in {folder}", err=True
            )
        else:
            click.echo(f"KABIN_REDIS_URL is not set: starting an embedded Valkey in {folder}", err=True)
            embedded = EmbeddedValkey(folder, fsync=settings.embedded_fsync)
            embedded.start()
            url = embedded.url
        try:
            fcntl.flock(door, fcntl.LOCK_UN)
            yield _with_url(settings, url)
        finally:
            if embedded is not None:
                try:
                    _wait_for_others(door, users, folder)
                finally:
                    embedded.stop()


@contextmanager
def _lock_file(path: Path) -> Iterator[int]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise click.ClickException(
            f"{path.parent}: {error.strerror}; set KABIN_DATA_DIR to a folder that can be written"
        ) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)  # which also gives back its lock


def _take(lock: int, kind: int, notice: str) -> None:
    """Take a lock; where that means waiting, print ``notice``."""
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        click.echo(notice, err=True)
        fcntl.flock(lock, kind)


def _wait_for_others(door: int, users: int, folder: Path) -> None:
    """Let nobody join any more, and return once nobody else uses the embedded server."""
    _take(door, fcntl.LOCK_EX, f"waiting for another command that starts in {folder}")
    _take(
        users,
        fcntl.LOCK_EX,
        f"waiting for another command that uses the embedded Valkey in {folder}; Ctrl-C stops it at once",
    )


def _with_url(settings: Settings, url: str) -> Settings:
    return settings.model_copy(update={"redis_url": SecretStr(url)})
