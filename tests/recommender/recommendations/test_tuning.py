"""Choosing the blend, building all lists, and shops with hardly any data."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from recommender.recommendations.als import AlsSettings, Factorise, OnIteration, fit_item_factors
from recommender.recommendations.blend import BlendSettings
from recommender.recommendations.blend_search import ALS_WEIGHTS, REPEAT_SCALES
from recommender.recommendations.builder import build_recommendations
from recommender.recommendations.neighbours import NO_ITEM
from recommender.recommendations.replay import (
    MISSED,
    Case,
    Hits,
    next_item_cases,
    reciprocal_ranks,
)
from recommender.recommendations.sessions import Sessions, repeat_rates
from recommender.recommendations.tuning import GRIDS, OTHER_ALS, tune_blend

SMALL = BlendSettings(als=AlsSettings(factors=16, iterations=3, threads=1), k=10)


def test_tuning_tries_every_value_and_says_what_als_was_worth(grouped_sessions: Sessions) -> None:
    """All grids are walked, the chosen blend is no worse than the best without ALS, and the summary tells."""
    stages: list[str] = []
    tuning = tune_blend(
        grouped_sessions,
        start=SMALL,
        validation_share=0.3,
        on_progress=lambda stage, *_: stages.append(stage),
    )
    assert len(tuning.trials) == sum(len(values) for _, values in GRIDS) + len(ALS_WEIGHTS) + len(
        REPEAT_SCALES
    )
    assert tuning.als_tried == 0
    assert tuning.chosen.quality >= tuning.without_als.quality > 0.2
    assert "ALS gets" in tuning.summary
    assert len(tuning.settings.repeat_weights) == 10
    assert "tuning: als_weight" in stages


def test_als_without_worth_gets_no_weight_and_the_shop_is_told(grouped_sessions: Sessions) -> None:
    """With factors that learned nothing, the blend leaves ALS out and says so."""
    blind = replace(SMALL, als=AlsSettings(factors=1, iterations=1, threads=1))
    tuning = tune_blend(grouped_sessions, start=blind, validation_share=0.3)
    assert tuning.settings.als_weight == 0
    assert "ALS gets no weight" in tuning.summary


class _Clock:
    """A clock that a test sets forward."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the seconds so far."""
        return self.now


def _taking(clock: _Clock, seconds: float, fitted: list[AlsSettings], good_alpha: float) -> Factorise:
    """Return a factorisation that takes so long, and learns nothing unless it gets the right ``alpha``."""

    def factorise(
        sessions: Sessions, settings: AlsSettings, on_iteration: OnIteration | None
    ) -> NDArray[np.float32]:
        clock.now += seconds
        fitted.append(settings)
        if settings.alpha == good_alpha:
            return fit_item_factors(sessions, SMALL.als, on_iteration)
        return np.ones((sessions.item_count, 1), dtype=np.float32)

    return factorise


def test_other_als_settings_are_tried_while_there_is_time(grouped_sessions: Sessions) -> None:
    """Of six others at ten seconds each, three fit into 35 seconds, and each differs in one setting."""
    clock, fitted = _Clock(), list[AlsSettings]()
    tuning = tune_blend(
        grouped_sessions,
        start=SMALL,
        validation_share=0.12,
        factorise=_taking(clock, 10.0, fitted, good_alpha=SMALL.als.alpha),
        tune_seconds=35.0,
        timer=clock,
    )
    assert clock.now == 40.0
    assert tuning.als_tried == 3
    assert tuning.als_kept == ()
    assert tuning.settings.als == SMALL.als
    others = [replace(SMALL.als, **{name: value * getattr(SMALL.als, name)}) for name, value in OTHER_ALS[:3]]
    assert fitted == [SMALL.als, *others]
    assert [trial.setting for trial in tuning.trials if "als." in trial.setting] == [
        "als.alpha",
        "als.alpha",
        "als.regularization",
    ]


def test_other_als_settings_are_kept_only_if_better_beyond_doubt(grouped_sessions: Sessions) -> None:
    """The one value of alpha under which ALS learns is found, though ALS had no weight before."""
    tuning = tune_blend(
        grouped_sessions,
        start=replace(SMALL, covisit=replace(SMALL.covisit, max_lag=0)),
        validation_share=0.12,
        factorise=_taking(_Clock(), 0.0, [], good_alpha=120.0),
        tune_seconds=1.0,
        timer=_Clock(),
    )
    assert tuning.als_tried == len(OTHER_ALS)
    assert tuning.als_kept == ("alpha=120",)
    assert tuning.settings.als == replace(SMALL.als, alpha=120.0)
    assert tuning.settings.als_weight > 0
    assert "better beyond doubt: alpha=120." in tuning.summary


def test_too_few_sessions_leave_the_defaults() -> None:
    """A shop of yesterday is not tuned on noise, and is told so."""
    tuning = tune_blend(Sessions.of([[0, 1], [1, 0]] * 20, 2), start=SMALL)
    assert tuning.settings == SMALL
    assert tuning.cases == 0
    assert "Too few sessions" in tuning.summary


@pytest.mark.parametrize(
    ("sequences", "item_count"),
    [([], 0), ([], 3), ([[0]], 1), ([[1, 1, 1]], 2), ([[0, 1, 2]], 3), ([[0], [1], [2]], 5)],
)
def test_shops_with_hardly_any_data_are_built(sequences: list[list[int]], item_count: int) -> None:
    """One visitor, one item or nothing at all gives short or empty lists, not an error."""
    built = build_recommendations(Sessions.of(sequences, item_count))
    for lists in (built.als, built.covisit, built.blend):
        assert lists.item_count == item_count
        assert np.isfinite(lists.scores).all()
        assert (lists.items < max(item_count, 1)).all()
    if sequences == [[0, 1, 2]]:
        assert set(built.covisit.items[0].tolist()) == {1, 2, NO_ITEM}


def test_vectors_that_are_no_numbers_are_counted_and_left_out(grouped_sessions: Sessions) -> None:
    """Their items have no ALS neighbours and are nobody's, and the lists hold numbers only."""

    def factorise(
        sessions: Sessions, settings: AlsSettings, on_iteration: OnIteration | None
    ) -> NDArray[np.float32]:
        factors = fit_item_factors(sessions, settings, on_iteration)
        factors[3, 0], factors[4], factors[5] = np.nan, np.inf, 1e30
        return factors

    built = build_recommendations(grouped_sessions, settings=SMALL, factorise=factorise)
    assert built.nonfinite_factors == 3
    assert (built.als.items[[3, 4, 5]] == NO_ITEM).all()
    assert not np.isin(built.als.items, [3, 4, 5]).any()
    assert np.isfinite(built.blend.scores).all()
    assert build_recommendations(grouped_sessions, settings=SMALL).nonfinite_factors == 0


def test_vectors_of_another_number_of_items_are_refused(grouped_sessions: Sessions) -> None:
    """A factorisation that lost items is told so, rather than giving neighbours to the wrong ones."""
    with pytest.raises(ValueError, match="7 item vectors for 182 items"):
        build_recommendations(
            grouped_sessions, settings=SMALL, factorise=lambda *_: np.ones((7, 2), dtype=np.float32)
        )


def test_built_lists_find_the_groups(grouped_sessions: Sessions) -> None:
    """With settings given nothing is tuned, and each named ranker proposes items of the session's group."""
    built = build_recommendations(grouped_sessions, settings=SMALL)
    assert built.tuning is None
    for name in ("als", "covisit", "blend"):
        ranked = built.ranker(name).rank([6, 7], limit=3)
        assert {row for row, _, _ in ranked} <= set(range(8, 12))
    with pytest.raises(KeyError):
        built.ranker("unheard of")


def test_repeat_rates_are_counted_by_lag() -> None:
    """In A B A A the item of one click before comes back once of three, of two before once of two."""
    rates = repeat_rates(Sessions.of([[0, 1, 0, 0], [1]], 2), lags=4)
    assert rates.tolist() == [pytest.approx(1 / 3), 0.5, 1.0, 0.0]


def test_cases_drop_unknown_items_and_know_what_is_new() -> None:
    """A session is replayed as if items unknown to training had not been clicked."""
    known = np.array([True, True, False])
    assert next_item_cases(Sessions.of([[0, 2, 1, 0], [2, 1]], 3), known) == [
        Case([0], 1),
        Case([0, 1], 0),
    ]
    assert Case([0], 1).is_novel
    assert not Case([0, 1], 0).is_novel


def test_samples_cover_the_whole_period() -> None:
    """A sample spans from the first to the last case, is no longer than asked, and holds cases of the whole."""
    sessions = Sessions.of([[number, *range(number % 5)] for number in range(100)], 100)
    cases = next_item_cases(sessions)
    assert len(cases) == 200
    sample = next_item_cases(sessions, most=10)
    assert (sample[0], sample[-1], len(sample)) == (cases[0], cases[-1], 10)
    assert [case for case in cases if case in sample] == sample
    assert next_item_cases(sessions, most=1000) == cases
    assert next_item_cases(Sessions.of([], 3), most=10) == []


def test_hits_count_found_targets_and_their_places() -> None:
    """HR is the share found and MRR the mean of 1 / place."""
    ranks = np.array([0, 1, MISSED, 3], dtype=np.int32)
    assert reciprocal_ranks(ranks).tolist() == [1, 0.5, 0, 0.25]
    assert Hits.of(ranks) == Hits(0.75, 0.4375, 4)
    assert Hits.of(np.empty(0, dtype=np.int32)).quality == 0
