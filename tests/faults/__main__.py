"""What callers see of faults, as a table.

    python -m tests.faults [--row NAME …] [--seconds 10] [--rate 150] [--write]

Exits with 1 if any row broke its promise; ``--write`` puts the table between the README's markers.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.faults.faults import FAULTS
from tests.faults.row import Row, markdown
from tests.faults.scene import scene
from tests.faults.staging import RATE, Fault, stage

README: Final = Path(__file__).parents[2] / "README.md"
START: Final = "<!-- from python -m tests.faults: do not edit -->"
END: Final = "<!-- end of tests.faults -->"

_BEFORE_SECONDS: Final = 3.0


def main() -> None:
    """Run the rows one after the other on one scene."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [fault.name for fault in FAULTS]
    parser.add_argument("--row", action="append", choices=names, help="only this; may be given several times")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each fault, and of calm after it")
    parser.add_argument("--rate", type=float, default=RATE, help="requests a second")
    parser.add_argument("--folder", type=Path, help="for files, logs among them; a temporary one by default")
    parser.add_argument("--write", action="store_true", help="into README.md")
    options = parser.parse_args()
    chosen = [fault for fault in FAULTS if not options.row or fault.name in options.row]
    with tempfile.TemporaryDirectory(prefix="kabin-faults-") as temporary:
        rows = _staged(chosen, options.folder or Path(temporary), options.seconds, options.rate)
    text = (
        f"{options.rate:g} requests a second, faults of {options.seconds:g} s, two workers on {os.cpu_count()} cores "
        f"that callers and Redis share:\n\n{markdown(rows)}"
    )
    print(text)
    if options.write:
        README.write_text(replaced(README.read_text("utf-8"), text), "utf-8")
    sys.exit(any(row.broken for row in rows))


def replaced(readme: str, text: str) -> str:
    """Return the README with ``text`` between its markers.

    Raises:
        ValueError: they are not there.
    """
    before, start, rest = readme.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise ValueError(f"README.md: {START} and {END} must stand around the table")
    return f"{before}{start}\n{text}\n{end}{after}"


def _staged(faults: Sequence[Fault], folder: Path, seconds: float, rate: float) -> list[Row]:
    """Stage the faults, and tell of each what was seen as soon as it is over."""
    rows: list[Row] = []
    with scene(folder) as made:
        for fault in faults:
            before = min(_BEFORE_SECONDS, seconds)
            row = stage(fault, made, before=before, seconds=seconds, after=seconds, rate=rate)
            rows.append(row)
            slowest = ", ".join(f"{call} {ms:,.0f}" for call, ms in row.operators_slowest_ms.items())
            print(" | ".join(row.cells()), file=sys.stderr)
            for note in (*row.notes, f"slowest answers to others in ms: {slowest}", *row.broken):
                print(f"    {note}", file=sys.stderr)
    return rows


if __name__ == "__main__":
    main()
