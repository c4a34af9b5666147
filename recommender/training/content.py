"""What the published model holds: recommendations, popular items, discounts and sizes, learned from everything."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.affinity import AffinityParameters
from recommender.interactions import ItemCatalog
from recommender.model import ModelContent
from recommender.recommendations.als import Factorise
from recommender.recommendations.blend import BlendSettings
from recommender.recommendations.builder import (
    ALS_NAME,
    BLEND_NAME,
    COVISIT_NAME,
    Recommendations,
    build_recommendations,
)
from recommender.recommendations.neighbours import Neighbours
from recommender.recommendations.popularity import popular_items, popular_items_by_category
from recommender.recommendations.sessions import Sessions
from recommender.recommendations.tuning import BlendTuning
from recommender.sizes.calibration import SizeCalibration
from recommender.training.discounts import learn_affinity
from recommender.training.material import Material
from recommender.training.settings import TrainingSettings
from recommender.training.sizes import learn_sizes
from recommender.training.stages import Stages


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """What one training learned from all interactions.

    Attributes:
        recommendations: which items go together.
        session_count: sessions that this was learned from.
        affinity: what discounts look like in this shop.
        affinity_metrics: what that rests on.
        calibration: of sizes; None without sizes.
        size_metrics: what that rests on.
        popular: popular item rows of the whole shop.
        categories: the same by category name.
        departments: the same by department code.
    """

    recommendations: Recommendations
    session_count: int
    affinity: AffinityParameters
    affinity_metrics: dict[str, object]
    calibration: SizeCalibration | None
    size_metrics: dict[str, object]
    popular: NDArray[np.int32]
    categories: dict[str, NDArray[np.int32]]
    departments: dict[int, NDArray[np.int32]]

    @property
    def neighbours(self) -> dict[str, Neighbours]:
        """Lists by the name of their source."""
        found = self.recommendations
        return {ALS_NAME: found.als, COVISIT_NAME: found.covisit, BLEND_NAME: found.blend}

    @property
    def nonfinite(self) -> dict[str, int]:
        """How many numbers are NaN or infinite, by where they stand."""
        counts = {"the items' ALS vectors": self.recommendations.nonfinite_factors}
        for name, lists in self.neighbours.items():
            counts[f"the {name} lists' scores"] = int(np.count_nonzero(~np.isfinite(lists.scores)))
        return counts

    def content(
        self, material: Material, settings: TrainingSettings, metrics: dict[str, Any]
    ) -> ModelContent:
        """Return the model as the writer takes it."""
        interactions = material.interactions
        return ModelContent(
            item_ids=material.interest.item_ids,
            neighbours=self.neighbours,
            popular=self.popular,
            popular_by_category=self.categories,
            popular_by_department=self.departments,
            affinity=self.affinity,
            size_calibration=None if self.calibration is None else self.calibration.to_dict(),
            blend=self.recommendations.settings.as_json(),
            settings=settings.as_json(),
            metrics=metrics,
            newest_event=interactions.newest if interactions.timed else 0.0,
        )


def learn_content(
    material: Material,
    settings: TrainingSettings,
    blend: BlendSettings | None,
    *,
    factorise: Factorise,
    stages: Stages,
) -> Learned:
    """Learn everything that a model holds, from the whole time.

    Args:
        material: what to learn from.
        settings: of the training.
        blend: settings that the trial chose; None chooses them here, on the newest sessions.
        factorise: fits the items' vectors.
        stages: told what is being done.
    """
    interest, catalog = material.interest, material.catalog
    sessions = interest.sessions()
    recommendations = build_recommendations(
        sessions,
        settings=blend,
        start=settings.blend,
        factorise=factorise,
        tune_seconds=settings.tune_seconds,
        on_progress=stages,
    )
    stages("popularity")
    categories, departments = _popular_groups(
        sessions, interest.item_ids, catalog, settings.popular_per_group
    )
    stages("discounts")
    defaults = AffinityParameters(half_life_days=settings.affinity_half_life_days)
    affinity, affinity_metrics = learn_affinity(material.interactions, catalog, defaults)
    stages("sizes")
    calibration, size_metrics = learn_sizes(material.records)
    return Learned(
        recommendations=recommendations,
        session_count=len(sessions),
        affinity=affinity,
        affinity_metrics=affinity_metrics,
        calibration=calibration,
        size_metrics=size_metrics,
        popular=popular_items(sessions, limit=settings.popular),
        categories=categories,
        departments=departments,
    )


def tuning_metrics(tuning: BlendTuning | None) -> dict[str, Any]:
    """Return what tuning measured on the validation sessions, in percent, for the manifest."""
    if tuning is None:
        return {"tuned": False, "cases": 0}
    return {
        "tuned": tuning.cases > 0,
        "cases": tuning.cases,
        "hr@20": round(100 * tuning.chosen.hit_rate, 2),
        "mrr@20": round(100 * tuning.chosen.mrr, 2),
        "without_als": {
            "hr@20": round(100 * tuning.without_als.hit_rate, 2),
            "mrr@20": round(100 * tuning.without_als.mrr, 2),
        },
        "als_weight": tuning.settings.als_weight,
    }


def _popular_groups(
    sessions: Sessions, item_ids: list[str], catalog: ItemCatalog | None, limit: int
) -> tuple[dict[str, NDArray[np.int32]], dict[int, NDArray[np.int32]]]:
    """Return popular rows by category name and by department code, for items that the catalog knows."""
    if catalog is None:
        return {}, {}
    names: dict[str, int] = {}
    category = np.full(len(item_ids), -1, dtype=np.int32)
    department = np.full(len(item_ids), -1, dtype=np.int32)
    for row, item_id in enumerate(item_ids):
        resolved = catalog.resolve(item_id)
        if resolved is None:
            continue
        department[row] = resolved.item.department
        if resolved.item.product_type:
            category[row] = names.setdefault(resolved.item.product_type, len(names))
    by_code = popular_items_by_category(sessions, category, limit=limit)
    by_name = {name: by_code[code] for name, code in names.items() if code in by_code}
    return by_name, popular_items_by_category(sessions, department, limit=limit)
