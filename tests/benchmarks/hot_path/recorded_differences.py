"""What differs between two recordings: the request, and the fields of the answer."""

import json
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final, NamedTuple

_SHOWN_CHARACTERS: Final = 160
_SHOWN_FIELDS: Final = 6


class Difference(NamedTuple):
    """One answer that is not as it was."""

    number: int
    request: dict[str, Any]
    fields: tuple[str, ...]

    def __str__(self) -> str:
        asked = f"{self.number} [{self.request['phase']}] {self.request['method']} {self.request['path']}"
        sent = (self.request["body"] or "")[:_SHOWN_CHARACTERS]
        return "\n    ".join((f"{asked} {sent}", *self.fields[:_SHOWN_FIELDS]))


def differences(before: Path, after: Path) -> Iterator[Difference]:
    """Yield the answers that differ between two recordings.

    Raises:
        ValueError: they do not hold the same requests.
    """
    with before.open() as first, after.open() as second:
        for number, lines in enumerate(zip_longest(first, second)):
            if lines[0] == lines[1]:
                continue
            if None in lines:
                raise ValueError(
                    f"one recording ends after {number:,} answers: record both with the same --pages"
                )
            old, new = (json.loads(line) for line in lines)
            if old["request"] != new["request"]:
                raise ValueError(f"request {number} is another one in each recording: record both anew")
            yield Difference(number, old["request"], tuple(_fields(old, new)))


def _fields(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    for name in ("status", "headers"):
        if old[name] != new[name]:
            yield f"{name}: {old[name]} -> {new[name]}"
    if old["body"] != new["body"]:
        found = list(_paths("", _decoded(old["body"]), _decoded(new["body"])))
        yield from found or [f"the same fields, other bytes: {old['body']} -> {new['body']}"]


def _decoded(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body


def _paths(pointer: str, old: Any, new: Any) -> Iterator[str]:
    """Yield a line for each place where two JSON values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted({*old, *new}):
            yield from _paths(f"{pointer}/{name}", old.get(name), new.get(name))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for place, pair in enumerate(zip(old, new, strict=True)):
            yield from _paths(f"{pointer}/{place}", *pair)
    elif old != new or type(old) is not type(new):
        yield f"{pointer}: {json.dumps(old)[:_SHOWN_CHARACTERS]} -> {json.dumps(new)[:_SHOWN_CHARACTERS]}"
