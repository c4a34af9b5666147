"""From sessions to everything the model publishes about recommendations."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.recommendations.als import Factorise, als_neighbours, fit_item_factors
from recommender.recommendations.blend import BlendParts, BlendSettings
from recommender.recommendations.covisit import covisit_matrix
from recommender.recommendations.nearest import NearestReport
from recommender.recommendations.neighbours import Neighbours
from recommender.recommendations.popularity import popular_items
from recommender.recommendations.ranking import ALS, COVISIT, Ranker
from recommender.recommendations.sessions import Sessions
from recommender.recommendations.tuning import BlendTuning, Progress, tune_blend

BLEND_NAME = "blend"
COVISIT_NAME = "covisit"
ALS_NAME = "als"


@dataclass(frozen=True, slots=True, eq=False)
class Recommendations:
    """What training learned about which items go together.

    Attributes:
        als: neighbours by ALS alone.
        covisit: neighbours by co-visitation alone.
        blend: the published mix, with the main source of each neighbour.
        popular: int32, rows of the most popular items, best first.
        settings: settings that the blend was mixed with and is to be looked up with.
        tuning: how they were chosen; None when they were given.
        parts: what the blend was mixed from, to compare it with other mixes.
        nonfinite_factors: items whose ALS vector, or its length, is NaN or infinite.
        nearest: how the neighbours by ALS were searched for.
    """

    als: Neighbours
    covisit: Neighbours
    blend: Neighbours
    popular: NDArray[np.int32]
    settings: BlendSettings
    tuning: BlendTuning | None
    parts: BlendParts
    nonfinite_factors: int
    nearest: NearestReport

    def ranker(self, name: str = BLEND_NAME, *, repeats: bool = False) -> Ranker:
        """Return the lookup over ``"blend"``, ``"covisit"`` or ``"als"``.

        Args:
            name: which lists.
            repeats: whether items of the session may be proposed again.

        Raises:
            KeyError: there are no lists of that name.
        """
        lists = {BLEND_NAME: self.blend, COVISIT_NAME: self.covisit, ALS_NAME: self.als}[name]
        default_source = ALS if name == ALS_NAME else COVISIT
        return self.settings.ranker(lists, repeats=repeats, default_source=default_source)


def build_recommendations(
    sessions: Sessions,
    *,
    settings: BlendSettings | None = None,
    start: BlendSettings | None = None,
    factorise: Factorise = fit_item_factors,
    tune_seconds: float = 0.0,
    on_progress: Progress | None = None,
) -> Recommendations:
    """Learn all lists from sessions.

    Args:
        sessions: in time order.
        settings: blend settings to use as they are, say those of yesterday's model; when None they are tuned
            on the newest tenth of the sessions first, which doubles the time.
        start: settings that tuning starts from; the defaults when None.
        factorise: fits the items' vectors.
        tune_seconds: time that tuning may spend on other ALS settings than those it starts from.
        on_progress: told what is being done.
    """
    tuning = None
    if settings is None:
        tuning = tune_blend(
            sessions, start=start, factorise=factorise, tune_seconds=tune_seconds, on_progress=on_progress
        )
        settings = tuning.settings

    def tell_als(done: int, iterations: int) -> None:
        if on_progress is not None:
            on_progress("training: ALS", done, iterations)

    als = als_neighbours(sessions, settings.als, k=settings.k, on_iteration=tell_als, factorise=factorise)
    covisit = covisit_matrix(sessions, settings.covisit)
    if on_progress is not None:
        on_progress("training: neighbour lists", 0, 1)
    parts = BlendParts.of(covisit, als.neighbours, sessions.item_weights(), steps_of=settings)
    blend = parts.mix(settings)
    if on_progress is not None:
        on_progress("training: neighbour lists", 1, 1)
    return Recommendations(
        als=als.neighbours,
        covisit=Neighbours.from_matrix(covisit, settings.k),
        blend=blend,
        popular=popular_items(sessions),
        settings=settings,
        tuning=tuning,
        parts=parts,
        nonfinite_factors=als.nonfinite_factors,
        nearest=als.nearest,
    )
