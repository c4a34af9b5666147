"""One target under libFuzzer: coverage of Kabin's own code guides it to inputs that nobody has thought of.

Run by the campaign in a process of its own: ``python -m tests.fuzz.libfuzzer TARGET FOLDER SECONDS``.
"""

import contextlib
import os
import sys
import traceback
from pathlib import Path
from typing import Final

import atheris

with atheris.instrument_imports(include=["recommender", "service"]):
    from tests.fuzz.all_targets import TARGETS
    from tests.fuzz.target import Attempt, Target, file_name_of

SLOWEST_SECONDS: Final = 5
"""An input that takes longer is a crash, too: bodies have 32 KB, and a worker has one thread."""
LARGEST_MB: Final = 3072
LONGEST_BYTES: Final = 8192

FOUND: Final = "found"
"""Folder in which inputs are left that crash the parser, one for each place where it does."""


def fuzz(target: Target, folder: Path, seconds: int) -> None:
    """Fuzz a target for a time and leave what crashes it in a folder; never returns."""
    corpus, dictionary, scratch = folder / "corpus", folder / "words", folder / "scratch"
    for each in (corpus, scratch, folder / FOUND):
        each.mkdir(exist_ok=True)
    for seed in (*target.seeds, *(saved.read_bytes() for saved in target.saved())):
        (corpus / file_name_of(seed)).write_bytes(seed)
    dictionary.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words))
    arguments = [
        sys.argv[0],
        str(corpus),
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST_BYTES}",
        f"-timeout={SLOWEST_SECONDS}",
        f"-rss_limit_mb={LARGEST_MB}",
        f"-artifact_prefix={folder / FOUND}/",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    if target.words:
        arguments.append(f"-dict={dictionary}")
    atheris.Setup(arguments, _gathering(target.prepare(scratch), folder / FOUND))
    atheris.Fuzz()


def _gathering(attempt: Attempt, found: Path) -> Attempt:
    """Return an attempt that notes the first crash at each place and goes on."""
    known: set[tuple[str, ...]] = set()

    def gather(data: bytes) -> None:
        try:
            attempt(data)
        except Exception as error:  # noqa: BLE001 - finding it is the purpose
            place = _place_of(error)
            if place not in known:
                known.add(place)
                name = file_name_of(data)
                (found / name).write_bytes(data)
                (found / f"{name}.txt").write_text("".join(traceback.format_exception(error)))

    return gather


def _place_of(error: Exception) -> tuple[str, ...]:
    """Return what tells one crash from another: its kind, and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return (type(error).__name__, *(f"{frame.filename}:{frame.lineno}" for frame in frames[-3:]))


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    name, place, time = sys.argv[1:]
    with contextlib.suppress(OSError):
        os.nice(5)
    fuzz(next(each for each in TARGETS if each.name == name), Path(place), int(time))
