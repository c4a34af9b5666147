"""How often the size decision is right on history it has not seen.

Every visitor's purchases are replayed in time order through the very functions that serve: the newest
24 records before the purchase, :func:`recommender.sizes.decision.decide_size`, and a calibration that was fitted on other
visitors (two folds by a hash of the visitor's id, so that every case is measured once).
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import nan
from typing import Final, NamedTuple

from recommender.evaluation.report import ReportTable
from recommender.evaluation.size_history import SizeHistory
from recommender.identifiers import fingerprint
from recommender.sizes.calibration import SizeCalibration, SizeOutcome, fit_calibration
from recommender.sizes.decision import SizeAction, SizeDecision, decide_size
from recommender.sizes.ladder import Ladder, position_of
from recommender.sizes.outcomes import Case, cases_of, outcome_of
from recommender.sizes.size import EvidenceKind, Size

FOLDS: Final = 2
_BINS: Final = 10


class Answer(NamedTuple):
    """One measured case."""

    decision: SizeDecision
    off_by: int
    """Distance of the vote's first size from the bought one, in sizes of the ladder."""
    last_is_right: bool
    frequent_is_right: bool


@dataclass(frozen=True, slots=True)
class SizeFigures:
    """The figures of one set of answers; shares are in [0, 1], ``nan`` where nothing was answered."""

    cases: int
    top1: float
    within1: float
    last_size: float
    most_frequent: float
    preselect_precision: float
    preselect_coverage: float
    hint_precision: float
    hint_coverage: float
    ece: float
    """Expected calibration error of all confidences, ten bins of equal width."""
    brier_skill: float
    """1 − Brier score / Brier score of always saying the base rate."""
    answered_ece: float
    answered_brier_skill: float
    """The same two over preselected and hinted answers only."""


@dataclass(frozen=True, slots=True)
class SizeReport:
    """Figures of one history, in its main and its stricter readings."""

    main: SizeFigures
    variants: tuple[tuple[str, SizeFigures], ...]
    reliability: tuple[tuple[float, float, int], ...]
    """By bin: mean confidence, share that was right, number of answers."""
    microseconds: float
    """Mean time of one decision on this machine, including the look-up of the item's ladder."""
    source: str

    def as_json(self) -> dict[str, object]:
        """Return the figures under the names that ``kabin evaluate sizes --json`` promises."""
        main = self.main
        return {
            "top1": main.top1,
            "within1": main.within1,
            "preselect_precision": main.preselect_precision,
            "preselect_coverage": main.preselect_coverage,
            "ece": main.ece,
            "brier_skill": main.brier_skill,
            "cases": main.cases,
        }

    def tables(self) -> tuple[ReportTable, ...]:
        """Return the accuracy by reading of the history, and the calibration by bin."""
        readings = (("main", self.main), *self.variants)
        return (
            ReportTable(
                f"Sizes: {self.source}",
                ("reading", "cases", "last size", "most frequent", "top-1", "within 1"),
                tuple(_accuracy_row(name, figures) for name, figures in readings),
                (
                    "A case is a purchase before which its department has evidence; the newest 24 records predict it.",
                    "last size, most frequent: baselines, moved to the nearest size of the item.",
                    f"One decision took {self.microseconds:.1f} µs.",
                ),
            ),
            ReportTable(
                "What is said of them",
                ("reading", "preselect right", "of cases", "hint right", "of cases", "ECE", "Brier skill"),
                tuple(_answer_row(name, figures) for name, figures in readings),
                (
                    f"The calibration was fitted on other visitors ({FOLDS} folds).",
                    (
                        "Over preselected and hinted answers alone: "
                        f"ECE {self.main.answered_ece:.3f}, Brier skill {self.main.answered_brier_skill:+.3f} (main)."
                    ),
                ),
            ),
            ReportTable(
                "Calibration of the main reading",
                ("confidence", "right", "answers"),
                tuple((f"{said:.3f}", f"{was:.3f}", f"{count:,}") for said, was, count in self.reliability),
            ),
        )


def evaluate_sizes(
    history: SizeHistory,
    *,
    timer: Callable[[], float] = time.perf_counter,
    progress: Callable[[int, int], None] | None = None,
) -> SizeReport:
    """Replay a history and report how good the size decisions are.

    Readings: *main* takes the records in the history's order (with dates but no times, records of one day
    stand as the file lists them); *earlier days only* uses no record of the purchase's own day; *every
    size* puts a size on an item's ladder even if it was bought once only.

    Args:
        history: visitors' records in time order, and ladders.
        timer: a monotonic clock in seconds, to time decisions.
        progress: called with (readings done, readings in all).

    Raises:
        ValueError: the history has no case to measure.
    """
    readings = (
        ("main", history.ladders, True),
        ("earlier days only", history.ladders, False),
        ("every size", history.full_ladders, True),
    )
    figures: list[tuple[str, SizeFigures]] = []
    reliability: tuple[tuple[float, float, int], ...] = ()
    microseconds = 0.0
    for done, (name, ladders, same_day) in enumerate(readings):
        answers, seconds = _replay(history, ladders, same_day=same_day, timer=timer)
        if not answers:
            raise ValueError(
                f"{history.source}: no purchase with earlier evidence of its department to measure"
            )
        figures.append((name, figures_of(answers)))
        if name == "main":
            reliability, microseconds = (
                _bins([_said_and_was(answer) for answer in answers]),
                1e6 * seconds / len(answers),
            )
        if progress:
            progress(done + 1, len(readings))
    return SizeReport(figures[0][1], tuple(figures[1:]), reliability, microseconds, history.source)


def _replay(
    history: SizeHistory, ladders: dict[int, Ladder], *, same_day: bool, timer: Callable[[], float]
) -> tuple[list[Answer], float]:
    folds: list[list[tuple[Case, SizeOutcome]]] = [[] for _ in range(FOLDS)]
    for visitor_id, records in history.visitors:
        if len(records) < 2:
            continue
        fold = folds[fingerprint(visitor_id) % FOLDS]
        for case in cases_of(records, ladders.get, same_day=same_day):
            outcome = outcome_of(case)
            if outcome is not None:
                fold.append((case, outcome))
    answers: list[Answer] = []
    seconds = 0.0
    for index, fold in enumerate(folds):
        others = [outcome for other, cases in enumerate(folds) if other != index for _, outcome in cases]
        calibration = fit_calibration(others)
        started = timer()
        decisions = [_decide(case, calibration) for case, _ in fold]
        seconds += timer() - started
        answers += [_answer(case, decision) for (case, _), decision in zip(fold, decisions, strict=True)]
    return answers, seconds


def _decide(case: Case, calibration: SizeCalibration) -> SizeDecision:
    return decide_size(
        case.evidence,
        case.ladder,
        department=case.purchase.department,
        in_stock=lambda _: True,
        calibration=calibration,
        today=case.purchase.day,
    )


def _answer(case: Case, decision: SizeDecision) -> Answer:
    bought = [
        record
        for record in case.evidence
        if record.department == case.purchase.department
        and record.kind in {EvidenceKind.PURCHASE, EvidenceKind.PURCHASE_UNCONFIRMED}
    ]
    counts: dict[Size, int] = {}
    for record in bought:
        counts[record.size] = counts.get(record.size, 0) + 1
    frequent = max(counts, key=counts.__getitem__, default=None)
    best = case.ladder.index[decision.candidate] if decision.candidate is not None else -1
    return Answer(
        decision,
        abs(best - case.row),
        bool(bought) and _nearest(bought[0].size, case.ladder) == case.row,
        frequent is not None and _nearest(frequent, case.ladder) == case.row,
    )


def _nearest(size: Size, ladder: Ladder) -> int:
    at = position_of(size)
    return min(range(len(ladder)), key=lambda row: (abs(position_of(ladder.sizes[row])[0] - at[0]), -row))


def figures_of(answers: Sequence[Answer]) -> SizeFigures:
    """Return the figures of a set of answers."""
    count = len(answers)
    preselected = [answer for answer in answers if answer.decision.action is SizeAction.PRESELECT]
    hinted = [answer for answer in answers if answer.decision.action is SizeAction.HINT]
    pairs = [_said_and_was(answer) for answer in answers]
    answered = [_said_and_was(answer) for answer in (*preselected, *hinted)]
    return SizeFigures(
        cases=count,
        top1=_share(answer.off_by == 0 for answer in answers),
        within1=_share(answer.off_by <= 1 for answer in answers),
        last_size=_share(answer.last_is_right for answer in answers),
        most_frequent=_share(answer.frequent_is_right for answer in answers),
        preselect_precision=_share(answer.off_by == 0 for answer in preselected),
        preselect_coverage=len(preselected) / count,
        hint_precision=_share(answer.off_by == 0 for answer in hinted),
        hint_coverage=len(hinted) / count,
        ece=_calibration_error(pairs),
        brier_skill=_brier_skill(pairs),
        answered_ece=_calibration_error(answered),
        answered_brier_skill=_brier_skill(answered),
    )


def _said_and_was(answer: Answer) -> tuple[float, bool]:
    return answer.decision.confidence, answer.off_by == 0


def _share(flags: Iterable[bool]) -> float:
    known = list(flags)
    return sum(known) / len(known) if known else nan


def _bins(pairs: Sequence[tuple[float, bool]]) -> tuple[tuple[float, float, int], ...]:
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(_BINS)]
    for said, was in pairs:
        bins[min(int(said * _BINS), _BINS - 1)].append((said, was))
    return tuple(
        (sum(said for said, _ in kind) / len(kind), sum(was for _, was in kind) / len(kind), len(kind))
        for kind in bins
        if kind
    )


def _calibration_error(pairs: Sequence[tuple[float, bool]]) -> float:
    """Return the mean distance of confidence and truth over ten bins, weighted by their answers."""
    if not pairs:
        return nan
    return sum(abs(said - was) * count for said, was, count in _bins(pairs)) / len(pairs)


def _brier_skill(pairs: Sequence[tuple[float, bool]]) -> float:
    if not pairs:
        return nan
    base = sum(was for _, was in pairs) / len(pairs)
    constant = base * (1.0 - base)
    score = sum((said - was) ** 2 for said, was in pairs) / len(pairs)
    return 1.0 - score / constant if constant else nan


def _accuracy_row(name: str, figures: SizeFigures) -> tuple[str, ...]:
    shares = (figures.last_size, figures.most_frequent, figures.top1, figures.within1)
    return (name, f"{figures.cases:,}", *map(_percent, shares))


def _answer_row(name: str, figures: SizeFigures) -> tuple[str, ...]:
    shares = (
        figures.preselect_precision,
        figures.preselect_coverage,
        figures.hint_precision,
        figures.hint_coverage,
    )
    return (name, *map(_percent, shares), f"{figures.ece:.3f}", f"{figures.brier_skill:+.3f}")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
