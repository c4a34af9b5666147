"""What a training learns from: what shoppers did, what of it shows interest or sizes, and the catalog of today."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from recommender.interactions import InteractionError, Interactions
from recommender.training.bots import bots
from recommender.training.coverage import StockedCatalog
from recommender.training.interest import Interest
from recommender.training.report import BotCounts
from recommender.training.settings import TrainingSettings
from recommender.training.sizes import SizeRecords


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What a training learns from.

    Attributes:
        interactions: everything that was read, without bots.
        bots: what was left out of it.
        interest: what of it shows interest in items.
        records: what of it tells about sizes; None without times, sizes or a catalog.
        catalog: of today; None where there is none.
    """

    interactions: Interactions
    bots: BotCounts
    interest: Interest
    records: SizeRecords | None
    catalog: StockedCatalog | None

    @classmethod
    def of(
        cls,
        interactions: Interactions,
        catalog: StockedCatalog | None,
        settings: TrainingSettings,
        now: float | None = None,
    ) -> Self:
        """Return what there is to learn from.

        Raises:
            InteractionError: nothing.
        """
        excluded = bots(interactions)
        shoppers = interactions
        if excluded.size:
            shoppers = interactions.take(~np.isin(interactions.visitor, excluded))
            if len(shoppers) == 0:
                raise InteractionError(
                    f"nothing to learn from: all {len(interactions):,} interactions are of {excluded.size:,} visitors who "
                    "look at more items than a person can (bots, or one visitor id for everybody)"
                )
        return cls(
            shoppers,
            BotCounts(int(excluded.size), len(interactions) - len(shoppers)),
            Interest.of(
                shoppers,
                session_gap_seconds=settings.session_gap_seconds,
                half_life_days=settings.half_life_days,
                now=now,
            ),
            SizeRecords.of(shoppers, catalog),
            catalog,
        )
