"""What one training did and why its model went live or did not: the figures behind the nightly report."""

from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any, Literal

from recommender.recommendations.blend_search import BlendTrial
from recommender.recommendations.nearest import NearestReport
from recommender.training.calibration_curve import CalibrationBin
from recommender.training.comparison import Comparison
from recommender.training.concentration import Concentration
from recommender.training.gate import Refusal
from recommender.training.learning_curve import CurvePoint

Result = Literal["published", "refused", "written"]
"""What became of the model; ``written`` is one that nobody asked to publish."""


@dataclass(frozen=True, slots=True)
class DayVolume:
    """What came in on one day.

    Attributes:
        day: ISO date (UTC).
        interactions: that training read, after bots and erased visitors were left out.
        visitors: who made them.
        held_out: whether the day belongs to those that the models were tested on.
    """

    day: str
    interactions: int
    visitors: int
    held_out: bool


@dataclass(frozen=True, slots=True)
class BotCounts:
    """What was left out because no shopper can have done it."""

    visitors: int
    interactions: int


@dataclass(frozen=True, slots=True)
class PastModel:
    """An earlier model as its manifest tells of it: shares between 0 and 1, on its own held-out days."""

    version: str
    created_at: float
    hit_rate: float
    mrr: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of which items the model has something to say.

    Attributes:
        catalog_items: items of the catalog; None without a catalog.
        in_stock_items: those of them that can be bought; None without a catalog.
        with_neighbours: of the items in stock (without a catalog, of all items learned from), those with neighbours.
        looked_at_share: share of the held-out days' interest that went to items with neighbours in the candidate, which
            has not seen those days; None without held-out days.
        current_looked_at_share: the same of the current model, which has not seen them either; None without one.
    """

    catalog_items: int | None
    in_stock_items: int | None
    with_neighbours: int
    looked_at_share: float | None
    current_looked_at_share: float | None


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """Everything worth knowing of one training.

    Attributes:
        version: of the model.
        created_at: Unix seconds of the run.
        result: what became of the model.
        refusals: what speaks against the model; one that is published with any was published without the gate.
        notes: sentences for whoever reads the report.
        engine: what factorised, ``implicit`` or ``spark``.
        seconds: from first to last stage.
        stage_seconds: of each stage by name, in order.
        peak_memory_bytes: most resident memory of the process.
        interactions: rows learned from.
        visitors: who made them.
        items: that occur in them.
        sessions: that they fall into.
        volumes: by day, ascending; empty without real times.
        bots: what was left out before.
        comparison: candidate and current model on held-out cases; None where there were none.
        history: earlier models, oldest first.
        learning_curve: quality by share of the data, ascending, the whole last; empty without held-out cases.
        coverage: of which items the model has something to say.
        popularity: how much of the recommendations goes to few items; None without held-out cases.
        calibration: said and true probability that a size is right, ascending; empty without such purchases.
        trials: blend settings tried, in order.
        nearest: how the items' neighbours by ALS were searched for; None if nobody kept it.
        margin: share of the current model's HR@20 and MRR@20 that the gate lets a model lose; None without gate.
    """

    version: str
    created_at: float
    result: Result
    refusals: tuple[Refusal, ...]
    notes: tuple[str, ...]
    engine: str
    seconds: float
    stage_seconds: dict[str, float]
    peak_memory_bytes: int
    interactions: int
    visitors: int
    items: int
    sessions: int
    volumes: tuple[DayVolume, ...]
    bots: BotCounts
    comparison: Comparison | None
    history: tuple[PastModel, ...]
    learning_curve: tuple[CurvePoint, ...]
    coverage: Coverage
    popularity: Concentration | None
    calibration: tuple[CalibrationBin, ...]
    trials: tuple[BlendTrial, ...]
    nearest: NearestReport | None = None
    margin: float | None = None

    def as_json(self) -> dict[str, object]:
        """Return plain JSON values: shares between 0 and 1, seconds, bytes; null where a figure is no number."""
        plain: dict[str, object] = _plain(asdict(self))
        return plain


def _plain(value: Any) -> Any:
    """Return a value made of lists, objects and finite numbers only: a model full of NaN still gets its report."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return round(value, 6) if isfinite(value) else None
    return value
