"""A file that only grows, one JSON object a line: what has happened to the models, in order."""

import json
import os
from pathlib import Path
from typing import Any


def append_line(path: Path, record: dict[str, Any]) -> None:
    """Append an object and return when it is on disk.

    A line that a crash or a full disk cut short is ended first, so that it takes no other one with it.

    Raises:
        OSError: it could not be written; at most a cut line is left, which :func:`read_lines` passes over.
    """
    text = json.dumps(record, separators=(",", ":"), allow_nan=False) + "\n"
    with path.open("ab+", buffering=0) as file:
        if file.seek(0, os.SEEK_END) > 0:
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                text = "\n" + text
        line = text.encode()
        if file.write(line) != len(line):
            raise OSError(f"{path}: the disk took a part of a line only")
        os.fsync(file.fileno())


def read_lines(path: Path, *, newest_bytes: int | None = None) -> list[dict[str, Any]]:
    """Return the objects of a file in order, nothing for a file that is absent; what is no object is left out.

    Args:
        path: of the file.
        newest_bytes: read so much of its end only; None reads all of it.

    Raises:
        OSError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            if newest_bytes is not None:
                file.seek(max(file.seek(0, os.SEEK_END) - newest_bytes, 0))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return []
    records = []
    for line in lines:
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            records.append(record)
    return records
