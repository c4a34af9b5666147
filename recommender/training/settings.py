"""The settings of a training run; all have defaults that suit a shop which never looks at them."""

from dataclasses import asdict, dataclass, field
from math import isinf

from recommender.recommendations.blend import BlendSettings
from recommender.training.gate import GateSettings


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How to train.

    Attributes:
        half_life_days: age at which an interaction counts half. None leaves time decay to the place in time
            order (``half_life`` of the co-visitation and ALS settings), which also works without real times.
        session_gap_seconds: pause that ends a session, infinite for whole histories. None takes 30 minutes, or the visitor's whole history
            where almost nothing else happens within 30 minutes, as in files of orders.
        holdout_days: newest days that old and new model are tested on before the new one learns from them too.
        blend: what to start tuning from.
        tune: whether to choose the blend on the newest sessions; without it ``blend`` is published as it is.
        tune_seconds: time that tuning may spend on other ALS settings than those of ``blend``.
        curve_seconds: time that the report's learning curve may take; 0 leaves it out.
        popular: popular items kept for the whole shop.
        popular_per_group: popular items kept of each category and department.
        affinity_half_life_days: age at which an act counts half in discount affinity. Changing it makes stored
            sums meaningless until ``kabin rebuild`` has run.
        keep_versions: model versions that stay on disk.
        publish: whether to make the model current when it is written.
        gate: what a model must fulfil to be published; None publishes whatever can be read.
    """

    half_life_days: float | None = None
    session_gap_seconds: float | None = None
    holdout_days: float = 1.0
    blend: BlendSettings = field(default_factory=BlendSettings)
    tune: bool = True
    tune_seconds: float = 300.0
    curve_seconds: float = 300.0
    popular: int = 200
    popular_per_group: int = 50
    affinity_half_life_days: float = 90.0
    keep_versions: int = 5
    publish: bool = True
    gate: GateSettings | None = field(default_factory=GateSettings)

    def as_json(self) -> dict[str, object]:
        """Return plain values for the manifest, without the blend, which the manifest holds as chosen."""
        plain = asdict(self)
        del plain["blend"]
        if self.session_gap_seconds is not None and isinf(self.session_gap_seconds):
            plain["session_gap_seconds"] = "whole history"
        return plain
