"""Small shops for training: visitors who look at items of one of two groups, day after day."""

import numpy as np

from recommender.events import SECONDS_PER_DAY
from recommender.interactions import InteractionKind, Interactions
from recommender.interactions.table import UNKNOWN
from recommender.recommendations.als import AlsSettings
from recommender.recommendations.blend import BlendSettings
from recommender.training import TrainingSettings

MIDNIGHT = 1_763_683_200.0
"""2025-11-21 00:00 UTC."""

QUICK = TrainingSettings(
    blend=BlendSettings(als=AlsSettings(factors=8, iterations=2)),
    tune=False,
    tune_seconds=0.0,
    curve_seconds=0.0,
)


def views(rows: list[tuple[str, str, float]], kind: InteractionKind = InteractionKind.VIEW) -> Interactions:
    """Return views of (visitor, item, Unix seconds)."""
    visitors: dict[str, int] = {}
    items: dict[str, int] = {}
    count = len(rows)
    return Interactions(
        visitor=np.array([visitors.setdefault(row[0], len(visitors)) for row in rows], dtype=np.int32),
        item=np.array([items.setdefault(row[1], len(items)) for row in rows], dtype=np.int32),
        timestamp=np.array([row[2] for row in rows], dtype=np.float64),
        kind=np.full(count, kind, dtype=np.uint8),
        discounted=np.full(count, UNKNOWN, dtype=np.int8),
        size=np.full(count, UNKNOWN, dtype=np.int32),
        fit=np.zeros(count, dtype=np.uint8),
        preselected=np.zeros(count, dtype=np.bool_),
        visitor_ids=list(visitors),
        item_ids=list(items),
        size_labels=[],
    )


def shop_days(days: int, visits_a_day: int = 70, groups: int = 6, seed: int = 1) -> Interactions:
    """Return ``days`` days of visits from 2025-11-21 on: five views of one group of ten items, a minute apart."""
    rng = np.random.default_rng(seed)
    rows = []
    for day in range(days):
        for visit in range(visits_a_day):
            start = MIDNIGHT + day * SECONDS_PER_DAY + visit * (SECONDS_PER_DAY - 600) / visits_a_day
            group = int(rng.integers(groups))
            rows += [
                (f"v{day}-{visit}", f"g{group}-{item}", start + 60.0 * place)
                for place, item in enumerate(rng.choice(10, size=5, replace=False))
            ]
    return views(rows)
