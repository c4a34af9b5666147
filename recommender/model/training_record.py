"""What became of each training: a line per run beside the models, which services show and operators read."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

from recommender.model.directory import ModelError
from recommender.model.json_lines import append_line, read_lines

TRAININGS: Final = "trainings.jsonl"

_NEWEST_BYTES: Final = 16 * 1024
"""Read for the last record: services look every few seconds, and years of nights are some 100 KB."""

Result: TypeAlias = Literal["published", "refused", "failed", "written"]
RESULTS: Final[tuple[Result, ...]] = get_args(Result)
"""``written``: a model was made, and whoever ran the training did not want it published."""


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """How a training ended.

    Attributes:
        result: what became of its model.
        version: of the model that was written; None where none was.
        finished_at: Unix seconds.
        seconds: how long it took.
        reasons: sentences: why the gate refused it, or what it failed of.
        engine: what it ran on: ``implicit`` or ``spark``.
    """

    result: Result
    version: str | None
    finished_at: float
    seconds: float
    reasons: tuple[str, ...] = ()
    engine: str = "implicit"


def record_training(models_dir: Path, record: TrainingRecord) -> None:
    """Add a record to those of the models directory, which is created if absent.

    Raises:
        ModelError: it cannot be written.
    """
    try:
        models_dir.mkdir(parents=True, exist_ok=True)
        append_line(models_dir / TRAININGS, asdict(record))
    except (OSError, ValueError) as error:
        raise ModelError(f"{models_dir / TRAININGS}: the training could not be recorded: {error}") from error


def trainings(models_dir: Path) -> list[TrainingRecord]:
    """Return the records, oldest first; damaged lines are left out.

    Raises:
        ModelError: the file cannot be read.
    """
    try:
        return _records(read_lines(models_dir / TRAININGS))
    except OSError as error:
        raise ModelError(f"{models_dir / TRAININGS}: not readable: {error}") from error


def last_training(models_dir: Path) -> TrainingRecord | None:
    """Return the newest record, None where no training has ended yet or none can be read."""
    try:
        records = _records(read_lines(models_dir / TRAININGS, newest_bytes=_NEWEST_BYTES))
    except OSError:
        return None
    return records[-1] if records else None


def _records(lines: list[dict[str, Any]]) -> list[TrainingRecord]:
    return [record for line in lines if (record := _record(line)) is not None]


def _record(line: dict[str, Any]) -> TrainingRecord | None:
    """Return a line as a record, None if it is not one."""
    try:
        version, reasons = line["version"], line["reasons"]
        if line["result"] not in RESULTS or not isinstance(version, str | None) or isinstance(reasons, str):
            return None
        return TrainingRecord(
            line["result"],
            version,
            float(line["finished_at"]),
            float(line["seconds"]),
            tuple(str(reason) for reason in reasons),
            str(line["engine"]),
        )
    except (KeyError, TypeError, ValueError):
        return None
