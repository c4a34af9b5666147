"""Models as the command line tells them: those on disk, and what sets two of them apart."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from recommender.evaluation.report import ReportTable
from recommender.model import ModelDifference, ModelSummary, TrainingRecord

_RESULTS: Final = {
    "published": "published",
    "refused": "refused",
    "failed": "failed",
    "written": "not published",
    None: "unknown",
}
_NOTHING: Final = "–"


@dataclass(frozen=True, slots=True)
class ModelTable:
    """The models on disk, printable as a table and as JSON.

    Attributes:
        models: oldest first.
        problem: what is the matter with the pointer to the current one, if anything.
        last_training: how the last training ended, None before the first.
    """

    models: Sequence[ModelSummary]
    problem: str | None
    last_training: TrainingRecord | None

    def as_json(self) -> dict[str, object]:
        """Return times in Unix seconds, shares in percent as manifests have them."""
        return {
            "current": next((each.version for each in self.models if each.current), None),
            "problem": self.problem,
            "models": [each._asdict() for each in self.models],
            "last_training": None if self.last_training is None else asdict(self.last_training),
        }

    def tables(self) -> tuple[ReportTable, ...]:
        """Return one table; the current model is marked."""
        columns = ("model", "trained", "training", "HR@20", "MRR@20", "items", "MiB", "published")
        notes = []
        if self.problem is not None:
            notes.append(f"Warning: {self.problem}; `kabin model rollback` mends it")
        if self.last_training is not None:
            notes.append(training_sentence(self.last_training))
        rows = tuple(_summary_row(each) for each in self.models)
        return (ReportTable("Models", columns, rows, tuple(notes), expendable=("MiB", "items", "trained")),)


@dataclass(frozen=True, slots=True)
class DifferenceTables:
    """Two models side by side, printable as tables and as JSON."""

    difference: ModelDifference

    def as_json(self) -> dict[str, object]:
        """Return the difference's fields; the agreement is a share between 0 and 1."""
        plain: dict[str, object] = asdict(self.difference)
        return plain | {"changed": [each._asdict() for each in self.difference.changed]}

    def tables(self) -> tuple[ReportTable, ...]:
        """Return what recommendations, settings and figures have become."""
        found = self.difference
        columns = ("", found.first, found.second)
        items = (
            ("items", *(f"{count:,}" for count in found.items)),
            ("only here", f"{found.lost_count:,}", f"{found.gained_count:,}"),
            ("for example", ", ".join(found.lost) or _NOTHING, ", ".join(found.gained) or _NOTHING),
        )
        tables = (
            ReportTable("Items", columns, items),
            ReportTable("Recommendations", ("item", "no longer", "now"), self._changed(), self._agreement()),
            ReportTable("Settings that differ", columns, _pairs(found.settings)),
            ReportTable("Figures", columns, _pairs(found.metrics)),
        )
        return tuple(table for table in tables if table.rows or table.notes)

    def _changed(self) -> tuple[tuple[str, ...], ...]:
        return tuple(
            (item_id, _first_few(lost), _first_few(gained))
            for item_id, gained, lost in self.difference.changed
        )

    def _agreement(self) -> tuple[str, ...]:
        found = self.difference
        if found.agreement is None:
            return ("The models have no lists to compare.",)
        share = f"{100 * found.agreement:.1f} % of an item's first 20 neighbours ({found.source}) are the same in both"
        return (
            f"{share}; shown are the most popular items whose lists differ."
            if found.changed
            else f"{share}.",
        )


def training_sentence(record: TrainingRecord) -> str:
    """Return how a training ended, in one line."""
    said = f"The last training ended {moment(record.finished_at)}: {_RESULTS[record.result]}"
    if record.version is not None:
        said += f", {record.version}"
    return ". ".join([said, *(reason.rstrip(".") for reason in record.reasons)]) + "."


def moment(seconds: float) -> str:
    """Return Unix seconds as a date and time in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _summary_row(summary: ModelSummary) -> tuple[str, ...]:
    held_out = summary.metrics.get("held_out")
    return (
        f"{'*' if summary.current else ' '} {summary.version}",
        moment(summary.created_at) if summary.created_at else "damaged",
        _RESULTS[summary.result],
        _figure(held_out, "hr@20"),
        _figure(held_out, "mrr@20"),
        f"{summary.items:,}",
        f"{summary.size_bytes / 2**20:,.1f}",
        _NOTHING if summary.published_at is None else moment(summary.published_at),
    )


def _figure(measured: Any, name: str) -> str:
    value = measured.get(name) if isinstance(measured, dict) else None
    return f"{value:.2f}" if isinstance(value, int | float) else _NOTHING


def _pairs(values: dict[str, tuple[object, object]]) -> tuple[tuple[str, ...], ...]:
    return tuple((name, _told(first), _told(second)) for name, (first, second) in values.items())


def _told(value: object) -> str:
    if value is None:
        return _NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (
        f"{value:,.6g}"
        if isinstance(value, float)
        else f"{value:,}"
        if isinstance(value, int)
        else str(value)
    )


def _first_few(item_ids: Sequence[str], most: int = 5) -> str:
    more = f" and {len(item_ids) - most} more" if len(item_ids) > most else ""
    return (", ".join(item_ids[:most]) or _NOTHING) + more
