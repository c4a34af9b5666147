"""Secret keys that are generated on the first start and kept in the data folder."""

import contextlib
import os
import secrets
from pathlib import Path


def kept_keys(path: Path, *, lost: str) -> tuple[str, ...]:
    """Return the keys in a file, newest first; generate one if there is no file.

    The file can be read by its owner only. Processes that start at the same time agree on one key: whoever links its
    file first wins.

    Args:
        path: of the file.
        lost: what it means to go on with a new key, for the message of an empty file.

    Raises:
        OSError: the folder cannot be written, or the file cannot be read or is empty.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    keys = tuple(path.read_text().split())
    if not keys:
        raise OSError(f"{path} is empty: restore it from a backup, or remove it to get a new key ({lost})")
    return keys
