"""One line that says what is being measured, for whoever waits for it."""

import sys
import time
from collections.abc import Callable
from typing import Final, TextIO

Tell = Callable[[str], None]
"""Takes what comes next, in a few words."""

_ERASE_LINE: Final = "\r\x1b[K"


def telling(part: str, started: float, stream: TextIO = sys.stderr) -> Tell:
    """Return what writes to ``stream``: on a terminal the one line anew each time, elsewhere a line for each.

    Args:
        part: of the benchmark.
        started: when all of it began, by ``time.monotonic``.
        stream: where the line goes; what was measured goes to standard output.
    """
    begin, end = (_ERASE_LINE, "") if stream.isatty() else ("", "\n")

    def tell(what: str) -> None:
        minutes, seconds = divmod(round(time.monotonic() - started), 60)
        stream.write(f"{begin}{minutes:d}:{seconds:02d} {part}: {what}{end}")
        stream.flush()

    return tell


def silent(_what: str) -> None:
    """Say nothing."""
