"""The report's verdict in a sentence, and its figures as people read them."""

from typing import Final

from recommender.experiments.analysis.words import MINUS, percent
from recommender.recommendations.replay import Hits
from recommender.training.comparison import Comparison
from recommender.training.gate import RefusalCode
from recommender.training.report import TrainingReport

REASONS: Final[dict[RefusalCode, str]] = {
    "quality": "it recommends worse than the current model",
    "coverage": "it has nothing to say about too many items",
    "not_finite": "it holds values that are no numbers",
    "volume": "it learned from far less or far more than usual",
    "unreadable": "it could not be read back",
}
"""What a refusal comes down to; its own sentence has the figures."""


def verdict(report: TrainingReport) -> str:
    """Return what became of the model and why, in a sentence or two."""
    against = ", and ".join(dict.fromkeys(REASONS[refusal.code] for refusal in report.refusals))
    if report.result == "refused":
        return f"Refused: {against}. {_what_stays(report.comparison)}"
    if report.result == "written":
        objection = f" The gate would refuse it: {against}." if against else ""
        return f"Written, not published: {_standing(report, 'the current model')}.{objection}"
    if against:
        return f"Published without the gate, which would have refused it: {against}."
    how = "Published" if report.margin is not None else "Published without the gate"
    return f"{how}: {_standing(report, 'the model it replaces')}."


def is_tested(report: TrainingReport) -> bool:
    """Tell whether there were held-out cases to test the model on."""
    return report.comparison is not None and report.comparison.cases > 0


def _what_stays(comparison: Comparison | None) -> str:
    if comparison is None or comparison.current_problem is not None:
        return "What was in use stays in use."
    if comparison.current_version is None:
        return "No model is in use yet."
    return f"{comparison.current_version} stays in use."


def _standing(report: TrainingReport, other: str) -> str:
    """Return how a model stands against the current one, which is called ``other``."""
    comparison = report.comparison
    if comparison is None or not is_tested(report):
        return "untested, for want of held-out cases"
    if comparison.current is None:
        found = f"{percent(comparison.candidate.hit_rate)} of what visitors clicked next was among its first 20 recommendations"
        if comparison.current_version is None and comparison.current_problem is None:
            return f"the first model; {found}"
        return f"not comparable with {other}; {found}"
    return _against(comparison, comparison.current, other, report.margin)


def _against(comparison: Comparison, current: Hits, other: str, margin: float | None) -> str:
    """Return whether the candidate is better or worse, in the measures whose intervals say so."""
    candidate = comparison.candidate
    seen = {
        label: (difference, interval)
        for label, difference, interval in (
            ("HR@20", candidate.hit_rate - current.hit_rate, comparison.hit_rate_difference),
            ("MRR@20", candidate.mrr - current.mrr, comparison.mrr_difference),
        )
        if interval is not None
    }
    better = [label for label, (_, interval) in seen.items() if interval[0] > 0]
    worse = [label for label, (_, interval) in seen.items() if interval[1] < 0]
    told = better + worse or list(seen)[:1]
    figures = "; ".join(
        f"{label} {points(seen[label][0])}, 95 % interval {points_span(seen[label][1])}" for label in told
    )
    within = "" if margin is None else f", within the margin of {share_words(margin)}"
    if better and worse:
        return f"better in one way and a little worse in another than {other}{within} ({figures})"
    if better:
        return f"better than {other} ({figures})"
    if worse:
        return f"a little worse than {other}{within} ({figures})"
    return f"as good as {other}, as far as {comparison.cases:,} cases can tell ({figures})"


def points(difference: float) -> str:
    """Return a difference of shares in percentage points: ``+0.42 points``."""
    return percent(difference, signed=True).replace(" %", " points")


def points_span(interval: tuple[float, float]) -> str:
    """Return an interval of a difference of shares: ``−0.21 to +1.05 points``."""
    low, high = (f"{100 * end:+.2f}".replace("-", MINUS) for end in interval)
    return f"{low} to {high} points"


def short(count: float) -> str:
    """Return a count beside an axis: ``950``, ``12.5k``, ``3M``."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(count) >= size * 0.9995:
            return f"{count / size:.3g}{unit}"
    return f"{count:.3g}"


def time_taken(seconds: float) -> str:
    """Return a duration: ``8.4 s``, ``4 min 12 s``, ``1 h 03 min``."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def memory(count: int) -> str:
    """Return an amount of memory: ``740 MiB``, ``1.3 GiB``."""
    mebibytes = count / 2**20
    return f"{mebibytes:,.0f} MiB" if mebibytes < 1000 else f"{mebibytes / 1024:.1f} GiB"


def share_words(share: float) -> str:
    """Return a share beside an axis: ``40 %``, ``2.5 %``."""
    return f"{100 * share:.3g} %"
