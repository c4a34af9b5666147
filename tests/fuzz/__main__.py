"""``python -m tests.fuzz``: fuzz every parser for a time, and say what was tried and found.

    python -m tests.fuzz [--seconds 60] [--target NAME]... [--jobs 1] [--save]

Exits with 1 if anything crashed. ``--save`` copies the inputs that did into the corpus, which every run of the
tests tries again.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from tests.fuzz.all_targets import TARGETS
from tests.fuzz.target import CORPUS, Target

_STARTING_SECONDS: Final = 600
"""Instrumenting and importing takes ten of them, on a machine that has nothing else to do."""
_EXECUTED: Final = re.compile(rb"stat::number_of_executed_units:\s*(\d+)")


class Outcome(NamedTuple):
    """What a target came to.

    Attributes:
        target: that was fuzzed.
        executions: inputs tried.
        crashes: inputs that crashed it, one for each place, and the last lines of what was raised.
        failure: what libFuzzer itself said, where it did not come to its end.
    """

    target: Target
    executions: int
    crashes: dict[str, tuple[bytes, str]]
    failure: str


def main() -> int:
    """Run the campaign and print its table; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: %(default)s)")
    parser.add_argument(
        "--target", action="append", choices=[each.name for each in TARGETS], help="only this one"
    )
    parser.add_argument("--jobs", type=int, default=1, help="targets at a time (default: %(default)s)")
    parser.add_argument("--save", action="store_true", help="keep what crashes in the corpus")
    options = parser.parse_args()
    chosen = [each for each in TARGETS if not options.target or each.name in options.target]
    with ThreadPoolExecutor(options.jobs) as pool:
        outcomes = []
        for outcome in pool.map(lambda target: campaign(target, options.seconds), chosen):
            outcomes.append(outcome)
            print(line_of(outcome), flush=True)
    if options.save:
        save(outcomes)
    print(f"{sum(each.executions for each in outcomes):,} executions of {len(outcomes)} parsers")
    return int(any(each.crashes or each.failure for each in outcomes))


def campaign(target: Target, seconds: int) -> Outcome:
    """Fuzz one target in a process of its own."""
    shm = Path("/dev/shm")  # noqa: S108 - only where to put files that are written 100 times a second
    with TemporaryDirectory(prefix="kabin-fuzz-", dir=shm if shm.is_dir() else None) as folder:
        command = [sys.executable, "-m", "tests.fuzz.libfuzzer", target.name, folder, str(seconds)]
        try:
            ran = subprocess.run(  # noqa: S603 - a module of this package, no shell
                command, capture_output=True, timeout=seconds + _STARTING_SECONDS, check=False
            )
            said, code = ran.stderr, ran.returncode
        except subprocess.TimeoutExpired as expired:
            said, code = expired.stderr or b"", 1
        executed = _EXECUTED.findall(said)
        failure = "" if code == 0 else _without_notes(said)[-2000:]
        return Outcome(
            target, int(executed[-1]) if executed else 0, _crashes(Path(folder) / "found"), failure
        )


def _without_notes(said: bytes) -> str:
    lines = said.decode(errors="replace").splitlines()
    return "\n".join(line for line in lines if not line.startswith("INFO: Instrumenting"))


def _crashes(found: Path) -> dict[str, tuple[bytes, str]]:
    if not found.is_dir():
        return {}
    inputs = [each for each in sorted(found.iterdir()) if each.suffix != ".txt"]
    return {each.name: (each.read_bytes(), _raised(each.with_name(f"{each.name}.txt"))) for each in inputs}


def _raised(text: Path) -> str:
    return text.read_text().strip() if text.exists() else "it took too long, or too much memory"


def line_of(outcome: Outcome) -> str:
    """Return a row of the table, and under it what was found."""
    row = f"{outcome.target.name:18} {outcome.target.parses:48} {outcome.executions:>12,} {len(outcome.crashes):>4}"
    details = [f"  {name}: {data[:120]!r}\n{text}" for name, (data, text) in outcome.crashes.items()]
    return "\n".join([row, *details, *([outcome.failure] if outcome.failure else [])])


def save(outcomes: Sequence[Outcome]) -> None:
    """Copy what crashed into the corpus."""
    for outcome in outcomes:
        folder = CORPUS / outcome.target.name
        for name, (data, _) in outcome.crashes.items():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)


if __name__ == "__main__":
    sys.exit(main())
