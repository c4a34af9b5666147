"""What operators are told of the definitions in use, and what is the matter with them."""

import logging
from typing import Final, Literal, NamedTuple

_log = logging.getLogger(__name__)

_LONGEST_LINE: Final = 1000

MOST_PROBLEMS: Final = 20
"""Lines told at once; a payload that is broken everywhere has thousands."""

Place = Literal["redis", "file", "growthbook", "definitions"]
"""Where something can be wrong; ``definitions``: in what is defined, wherever that is."""


class ExperimentsStatus(NamedTuple):
    """The definitions that a worker uses.

    Attributes:
        version: of Redis's document; ``None`` before it was first read.
        source: where definitions come from besides Redis; ``redis`` if from nowhere else.
        fresh_at: when all of them were last known to be what is defined, Unix seconds; ``None`` if never.
        overridden: features that Redis and the other source both define; Redis's are in use.
        problems: what is wrong, and what becomes of it; one line each.
    """

    version: int | None
    source: Literal["redis", "file", "growthbook"]
    fresh_at: float | None
    overridden: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


NOTHING_DEFINED: Final = ExperimentsStatus(None, "redis", None)


class Complaints:
    """What is wrong in each place right now; every change is logged once."""

    def __init__(self) -> None:
        self._lines: dict[Place, tuple[str, ...]] = {}

    def note(self, place: Place, *lines: str) -> None:
        """Replace what is wrong in a place; without lines nothing is, any more."""
        before = self._lines.get(place, ())
        lines = self._lines[place] = tuple(map(_readable, lines))
        for each in [line for line in lines if line not in before][:MOST_PROBLEMS]:
            _log.warning("experiments: %s", each)
        if before and not lines:
            _log.info("experiments: what was wrong with %s is over", place)

    def note_defect(self, place: Place, error: Exception) -> None:
        """Note what should never happen, with its traceback the first time."""
        line = f"{type(error).__name__}: {error} (the last good ones stay in use)"
        if _readable(line) not in self._lines.get(place, ()):
            _log.error("looking for changed experiments failed; it goes on", exc_info=error)
        self.note(place, line)

    def lines(self, *others: str | None) -> tuple[str, ...]:
        """Return what is wrong anywhere, ``others`` included, cut to what one can read."""
        found = [line for lines in self._lines.values() for line in lines]
        found += [line for line in others if line is not None]
        if len(found) > MOST_PROBLEMS:
            found[MOST_PROBLEMS:] = [f"and {len(found) - MOST_PROBLEMS} more"]
        return tuple(found)


def _readable(line: str) -> str:
    """Return a line of which no name in a definition makes two, or more than one wants to read."""
    printable = "".join(each if each.isprintable() else "\ufffd" for each in line[:_LONGEST_LINE])
    return printable if len(line) <= _LONGEST_LINE else f"{printable}…"
