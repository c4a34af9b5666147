"""What an evaluation hands to whoever prints it."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ReportTable:
    """One table of a report: a title, column headings, rows of ready strings and notes below.

    ``expendable`` names the columns that a narrow terminal does without, the first of them first.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    expendable: tuple[str, ...] = ()


class Report(Protocol):
    """The result of one evaluation, printable as tables and as JSON."""

    def as_json(self) -> dict[str, object]:
        """Return the figures under the names that ``kabin evaluate … --json`` promises."""
        ...

    def tables(self) -> tuple[ReportTable, ...]:
        """Return the same figures as tables for a terminal or a README."""
        ...
