"""The gate: whether a trained model may go live. A pure function of what was measured.

It judges what can hurt the shop: worse recommendations than the current model's on the same held-out clicks, items that
the current model has neighbours for and the new one has not, numbers that are none, and data of which much is missing or
doubled. A first model has nothing to be compared with: it is judged by itself alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Final, Literal

from recommender.training.comparison import Comparison

RefusalCode = Literal["quality", "coverage", "not_finite", "volume", "unreadable"]

DAYS_BEFORE: Final = 7
"""Days that a day's volume is held against: a whole week, whose days differ among themselves."""

LEAST_DAYS_BEFORE: Final = 3
"""Days before it that it takes to judge a day's volume."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason for which a model does not go live.

    Attributes:
        code: the kind of reason: ``quality``, ``coverage``, ``not_finite``, ``volume`` or ``unreadable``.
        detail: one sentence with the figures, and what to look at.
    """

    code: RefusalCode
    detail: str


@dataclass(frozen=True, slots=True)
class GateSettings:
    """What a model must fulfil; shares, not percent.

    Attributes:
        margin: share of the current model's HR@20 and of its MRR@20 that a model may lose. It is refused only if the
            paired 95 % interval is below 0 too: a loss that chance explains is none.
        least_cases: held-out clicks that it takes to judge quality and coverage: with 200, a hit rate of 45 % is known
            to 7 points.
        least_coverage: of the current model's coverage.
        least_looked_at: share of the held-out days' interest that must go to items with neighbours, whatever
            the current model does.
        least_volume: what must be there now of the time that the current model learned from, of what was there then.
        most_volume: the same at the most: history that was brought in twice shows here.
        least_day: interactions that the newest whole day must have, of the median day of the week before.
        most_day: the same at the most.
        least_interactions: that it takes to judge a volume: of a shop's first hours nothing follows.
    """

    margin: float = 0.05
    least_cases: int = 200
    least_coverage: float = 0.9
    least_looked_at: float = 0.5
    least_volume: float = 0.5
    most_volume: float = 3.0
    least_day: float = 0.2
    most_day: float = 5.0
    least_interactions: int = 1000


@dataclass(frozen=True, slots=True)
class GateFacts:
    """What is known of a model before it goes live, and of the current one.

    Attributes:
        comparison: both models on the held-out clicks; None where nothing could be held out.
        nonfinite: how many numbers are NaN or infinite, by where they stand.
        in_stock_items: items of the catalog that can be bought; None without a catalog.
        in_stock_share: of them, those that the model has neighbours for; None without such items.
        current_in_stock_share: the same of the current model.
        looked_at_share: share of the held-out days' interest that went to items that the published lists have
            neighbours for.
        candidate_looked_at_share: the same of the candidate, which has not seen those days; None where nothing was held out.
        current_looked_at_share: the same of the current model, which has not seen them either.
        shared_interactions: interactions up to the newest one that the current model has seen.
        current_interactions: that it learned from; None without a current model.
        whole_days: ISO date and interactions of the days that are over, oldest first, without gaps.
    """

    comparison: Comparison | None = None
    nonfinite: Mapping[str, int] = field(default_factory=dict)
    in_stock_items: int | None = None
    in_stock_share: float | None = None
    current_in_stock_share: float | None = None
    looked_at_share: float | None = None
    candidate_looked_at_share: float | None = None
    current_looked_at_share: float | None = None
    shared_interactions: int = 0
    current_interactions: int | None = None
    whole_days: tuple[tuple[str, int], ...] = ()


def judge(facts: GateFacts, settings: GateSettings) -> tuple[Refusal, ...]:
    """Return every reason against publishing a model; none if it may go live."""
    return (
        *_not_finite(facts),
        *_volume(facts, settings),
        *_quality(facts.comparison, settings),
        *_coverage(facts, settings),
    )


def unjudged(facts: GateFacts, settings: GateSettings) -> tuple[str, ...]:
    """Return sentences on what :func:`judge` could not look at, and why."""
    why = _why_quality_is_unjudged(facts.comparison, settings)
    return () if why is None else (why,)


def _why_quality_is_unjudged(comparison: Comparison | None, settings: GateSettings) -> str | None:
    if comparison is None:
        return "Quality is not judged: there is too little history to hold any of it out."
    if comparison.current_problem is not None:
        return None  # whoever opened the current model tells that
    if comparison.current_version is None:
        return "There is no current model to compare with: this one is judged by itself alone."
    if comparison.current is None:
        return (
            f"Quality is not judged: the current model {comparison.current_version} may have learned from the held-out "
            "clicks, as nothing much newer has come in since."
        )
    if comparison.cases < settings.least_cases:
        return (
            f"Quality is not judged: {comparison.cases:,} held-out clicks are under the {settings.least_cases:,} that "
            "it takes."
        )
    return None


def _not_finite(facts: GateFacts) -> Iterator[Refusal]:
    bad = {name: count for name, count in facts.nonfinite.items() if count}
    if bad:
        places = ", ".join(f"{count:,} of {name}" for name, count in bad.items())
        yield Refusal(
            "not_finite",
            f"The model holds numbers that are NaN or infinite: {places}. That is the training's doing, not the events': "
            "compare its settings with the current model's (`kabin model diff`).",
        )


def _quality(comparison: Comparison | None, settings: GateSettings) -> Iterator[Refusal]:
    if comparison is None or comparison.current is None or comparison.cases < settings.least_cases:
        return
    new, old = comparison.candidate, comparison.current
    for name, after, before, interval in (
        ("HR@20", new.hit_rate, old.hit_rate, comparison.hit_rate_difference),
        ("MRR@20", new.mrr, old.mrr, comparison.mrr_difference),
    ):
        if interval is not None and after < before * (1 - settings.margin) and interval[1] < 0:
            yield Refusal(
                "quality",
                f"{name} would fall from {_percent(before, 1)} to {_percent(after, 1)} on {comparison.cases:,} held-out clicks "
                f"(95 % interval of the difference {100 * interval[0]:+.1f} to {100 * interval[1]:+.1f} points), by "
                f"more than the {_percent(settings.margin)} of it that may be lost: look at what came in since "
                f"{comparison.current_version} was trained.",
            )


def _coverage(facts: GateFacts, settings: GateSettings) -> Iterator[Refusal]:
    if facts.comparison is None or facts.comparison.cases < settings.least_cases:
        return
    if facts.in_stock_items and facts.in_stock_share == 0:
        yield Refusal(
            "coverage",
            f"None of the {facts.in_stock_items:,} items in stock has neighbours: the events name other item ids than "
            "the catalog.",
        )
    if facts.looked_at_share is not None and facts.looked_at_share < settings.least_looked_at:
        yield Refusal(
            "coverage",
            f"Only {_percent(facts.looked_at_share, 1)} of what visitors looked at lately has neighbours, under "
            f"{_percent(settings.least_looked_at)}: sessions hold too few items each, or their events carry no stable visitor.",
        )
    for what, share, current in (
        ("the items in stock", facts.in_stock_share, facts.current_in_stock_share),
        ("what visitors looked at lately", facts.candidate_looked_at_share, facts.current_looked_at_share),
    ):
        if share is not None and current is not None and share < settings.least_coverage * current:
            yield Refusal(
                "coverage",
                f"{_percent(share, 1)} of {what} has neighbours where the current model has them for {_percent(current, 1)}: items or "
                "events are missing from what was learned from.",
            )


def _volume(facts: GateFacts, settings: GateSettings) -> Iterator[Refusal]:
    before = facts.current_interactions
    if before is None:
        return
    if before >= settings.least_interactions:
        ratio = facts.shared_interactions / before
        if not settings.least_volume <= ratio <= settings.most_volume:
            missing = ratio < settings.least_volume
            yield Refusal(
                "volume",
                f"The current model learned from {before:,} interactions, and of the same time "
                f"{facts.shared_interactions:,} are there now ({_percent(ratio)}; {_percent(settings.least_volume)} to "
                f"{_percent(settings.most_volume)} is expected): "
                + (
                    "a part of the archive is missing, or the current model learned from something else, such as a file; if "
                    "so, publish this one by hand."
                    if missing
                    else "something was brought in twice, or more history was imported; if the latter, publish it by hand."
                ),
            )
    yield from _newest_day(facts.whole_days, settings)


def _newest_day(days: tuple[tuple[str, int], ...], settings: GateSettings) -> Iterator[Refusal]:
    earlier = [count for _, count in days[-DAYS_BEFORE - 1 : -1]]
    if len(earlier) < LEAST_DAYS_BEFORE:
        return
    usual = median(earlier)
    day, count = days[-1]
    if usual < settings.least_interactions or settings.least_day <= count / usual <= settings.most_day:
        return
    yield Refusal(
        "volume",
        f"{day} has {count:,} interactions where the {len(earlier)} days before have {usual:,.0f} ({_percent(count / usual)}; "
        f"{_percent(settings.least_day)} to {_percent(settings.most_day)} is expected): "
        + (
            "events of that day are missing."
            if count < usual
            else "something sends far more events than visitors do."
        ),
    )


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f} %"
