"""What a page costs: CPU, latency, growth, memory and start-up of the service, measured over HTTP with a real Redis.

    make bench
    python -m tests.benchmarks.hot_path --quick --only cpu,latency

Each part starts its own processes, one for each role, and ends them, also when it is stopped by Ctrl-C or SIGTERM. On
two cores everything takes about an hour, with --quick a quarter of one; whatever else runs there shows in the figures, least of all in the ratios. How and why it is measured so: notes.md.
Tables for the README: ``python -m tests.benchmarks.hot_path.report var/bench.json``.
"""

import argparse
import importlib
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

from tests.benchmarks.hot_path.progress import telling

PARTS: Final = ("cpu", "latency", "growth", "memory", "startup")
"""Modules of this package, each with ``run(quick=..., tell=...)`` and ``lines_of`` of what that returns."""


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write the results down."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.hot_path", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "--quick", action="store_true", help="few and short rounds: a look, not a measurement"
    )
    parser.add_argument("--only", type=_parts, default=PARTS, metavar="PART,...", help=", ".join(PARTS))
    parser.add_argument(
        "--against",
        type=Path,
        metavar="FOLDER",
        help="another checkout, whose CPU is measured beside this one's",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("var/bench.json"),
        metavar="FILE",
        help="results, of which --only replaces its parts; %(default)s",
    )
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _stop)
    started = time.monotonic()
    results: dict[str, Any] = {}
    if options.only != PARTS and options.out.exists():
        results = json.loads(options.out.read_text())
    for part in options.only:
        module = importlib.import_module(f"tests.benchmarks.hot_path.{part}")
        run: Callable[..., Any] = module.run
        more = {"against": options.against} if part == "cpu" else {}
        results[part] = run(quick=options.quick, tell=telling(part, started), **more)
        for text in module.lines_of(results[part]):
            print(text, flush=True)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(results, indent=1) + "\n")


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    """End as Ctrl-C does: every block ends what it has started. A second signal shall not keep it from that."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + number)


def _parts(text: str) -> tuple[str, ...]:
    wanted = tuple(text.split(","))
    unknown = set(wanted) - set(PARTS)
    if unknown:
        raise argparse.ArgumentTypeError(f"{min(unknown)!r} is none of {', '.join(PARTS)}")
    return wanted


if __name__ == "__main__":
    main()
