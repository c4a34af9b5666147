"""Six nights of YooChoose: each trains on the days so far, and what is live then is tested on the day after.

    python -m tests.benchmarks.six_nights [--keep FOLDER]

The clicks and their times are real (2014-04-01 to 04-07). A night at 03:30 trains on everything before midnight as `kabin
train` does: it holds out the newest day, tunes and tests the candidate on it beside the model of the night before, lets
the gate decide, and writes its report into the folder. The first night has no model to beat. Nobody looks in between.
What the last columns show is the judgement of the day after: of the model that is live, and of the one that went live
the night before, on the same clicks on items new to their session.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recommender.evaluation.report import ReportTable
from recommender.interactions import Interactions
from recommender.recommendations.replay import Hits, target_ranks
from recommender.training import TrainingSettings
from recommender.training.comparison import CurrentModel, open_current
from recommender.training.holdout import hold_out
from recommender.training.interest import Interest
from service.cli.output import print_report
from service.training import Finished, run_training
from tests.data.yoochoose_days import TRAINING_HOUR_SECONDS, days_of, midnight_after, read_yoochoose_days

NIGHTS: Final = 6


@dataclass(frozen=True, slots=True)
class Night:
    """One night, and what the day after said of it.

    Attributes:
        number: from 1.
        finished: what came of its training.
        next_day: hits of the live model on the day after.
        next_day_before: the same of the model that had been live before; None in the first night.
    """

    number: int
    finished: Finished
    next_day: Hits
    next_day_before: Hits | None


@dataclass(frozen=True, slots=True)
class Nights:
    """Six nights, printable."""

    nights: tuple[Night, ...]

    def as_json(self) -> dict[str, object]:
        """Return the table as rows of strings."""
        return {"nights": [list(_row(night)) for night in self.nights]}

    def tables(self) -> tuple[ReportTable, ...]:
        """Return one row a night, in percent."""
        columns = (
            "night", "clicks", "items", "seconds", "held-out cases", "candidate HR@20 / MRR@20", "current",
            "95 % of the difference", "result", "next day HR@20 / MRR@20", "model before",
        )  # fmt: skip
        return (ReportTable("Six nights of YooChoose", columns, tuple(_row(night) for night in self.nights)),)


def six_nights(
    clicks: Interactions, folder: Path, settings: TrainingSettings | None = None, *, nights: int = NIGHTS
) -> Iterator[Night]:
    """Train night after night, and yield each with what the day after says.

    Args:
        clicks: seven days of them.
        folder: where ``models`` and ``reports`` go.
        settings: of the training; the defaults when None.
        nights: how many.
    """
    models_dir, reports_dir = folder / "models", folder / "reports"
    for number in range(1, nights + 1):
        at = midnight_after(number) + TRAINING_HOUR_SECONDS
        before = open_current(models_dir)
        finished = run_training(
            days_of(clicks, 1, number),
            None,
            settings,
            models_dir=models_dir,
            reports_dir=reports_dir,
            clock=lambda at=at: at,  # type: ignore[misc]
        )
        after = open_current(models_dir)
        with_next_day = Interest.of(days_of(clicks, 1, number + 1))
        yield Night(
            number,
            finished,
            _tested(after, before, with_next_day, midnight_after(number)),
            None if before.served is None else _tested(before, after, with_next_day, midnight_after(number)),
        )


def _tested(model: CurrentModel, other: CurrentModel, interest: Interest, since: float) -> Hits:
    """Return the hits of a model on clicks from ``since`` on, of items that either of two models knows."""
    rows, other_rows = model.rows_of(interest.item_ids), other.rows_of(interest.item_ids)
    cases = hold_out(interest, since, (rows >= 0) | (other_rows >= 0)).cases_in(rows)
    if model.served is None or model.served.ranker is None:
        raise ValueError(f"no model is live: {model.problem}")
    return Hits.of(target_ranks(model.served.ranker, cases))


def _row(night: Night) -> tuple[str, ...]:
    report = night.finished.result.report
    comparison = report.comparison
    difference = None if comparison is None else comparison.hit_rate_difference
    return (
        str(night.number),
        f"{report.interactions:,}",
        f"{report.items:,}",
        f"{report.seconds:.0f}",
        "" if comparison is None else f"{comparison.cases:,}",
        "" if comparison is None else _hits(comparison.candidate),
        "" if comparison is None else _hits(comparison.current),
        "" if difference is None else f"{100 * difference[0]:+.1f} to {100 * difference[1]:+.1f}",
        report.result,
        _hits(night.next_day),
        _hits(night.next_day_before),
    )


def _hits(hits: Hits | None) -> str:
    return "" if hits is None else f"{100 * hits.hit_rate:.1f} / {100 * hits.mrr:.1f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep", type=Path, help="folder to keep models and reports in")
    folder = parser.parse_args().keep or Path(tempfile.mkdtemp(prefix="kabin-six-nights-"))
    data = Path(os.environ.get("KABIN_DATA", "../shared/data"))
    nights = []
    for night in six_nights(read_yoochoose_days(data), folder):
        print(f"night {night.number}: {night.finished.page}", flush=True)
        nights.append(night)
    print_report(Nights(tuple(nights)), as_json=False)


if __name__ == "__main__":
    main()
