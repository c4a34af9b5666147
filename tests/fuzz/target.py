"""What is fuzzed: a parser with bytes to begin from, and what it may answer."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from service.contract.problems import Problem

CORPUS: Final = Path(__file__).parent / "corpus"
"""Inputs that once crashed a parser, by target; every test run tries them again."""

Attempt = Callable[[bytes], None]
"""Parses one input and judges the outcome; whatever it raises is a crash."""


class Target(NamedTuple):
    """One parser.

    Attributes:
        name: of the target, and of its folder in the corpus.
        parses: where its bytes come from, for the table.
        prepare: makes the parser, given a folder of its own to write into.
        seeds: good inputs, from which fuzzers find their way to nearly good ones.
        words: what inputs are made of, such as field names.
    """

    name: str
    parses: str
    prepare: Callable[[Path], Attempt]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()

    def saved(self) -> list[Path]:
        """Return the inputs that once crashed it."""
        folder = CORPUS / self.name
        return sorted(folder.iterdir()) if folder.is_dir() else []


def file_name_of(data: bytes) -> str:
    """Return the name under which an input is saved."""
    return hashlib.sha256(data).hexdigest()[:16]


def cut(data: bytes, count: int) -> list[bytes]:
    """Split an input of several parts, which NUL bytes separate; missing parts are empty."""
    parts = data.split(b"\0", count - 1)
    return parts + [b""] * (count - len(parts))


def check_told(refusal: Exception, *, hidden: str | None = None) -> None:
    """Check that a refusal says why, and does not say what is hidden."""
    assert str(refusal)
    assert hidden is None or hidden not in str(refusal)


def check_problem(problem: Problem, *statuses: int) -> None:
    """Check that an error of the contract has one of these statuses, and can be sent."""
    assert problem.status in statuses, problem
    assert problem.body()
