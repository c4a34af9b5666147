"""The line that says what is being measured."""

import io
import time

from tests.benchmarks.hot_path.progress import telling


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_has_one_line_that_is_written_anew() -> None:
    """It never scrolls away what was measured."""
    stream = _Terminal()
    tell = telling("cpu", time.monotonic() - 61.0, stream)
    tell("round 1 of 3")
    tell("round 2 of 3")
    assert "\n" not in stream.getvalue()
    assert [line.removeprefix("\x1b[K") for line in stream.getvalue().split("\r")] == [
        "",
        "1:01 cpu: round 1 of 3",
        "1:01 cpu: round 2 of 3",
    ]


def test_a_log_has_a_line_for_each_step() -> None:
    """Without control characters, and at once."""
    stream = io.StringIO()
    telling("growth", time.monotonic(), stream)("2 workers")
    assert stream.getvalue() == "0:00 growth: 2 workers\n"
