"""Choosing the blend, building all lists, and shops with hardly any data."""

from dataclasses import replace

import numpy as np
import pytest

from recommender.recommendations.als import AlsSettings
from recommender.recommendations.blend import BlendSettings
from recommender.recommendations.builder import build_recommendations
from recommender.recommendations.neighbours import NO_ITEM
from recommender.recommendations.replay import (
    MISSED,
    Case,
    Hits,
    evenly_sampled,
    next_item_cases,
    reciprocal_ranks,
)
from recommender.recommendations.sessions import Sessions
from recommender.recommendations.tuning import GRIDS, REPEAT_SCALES, repeat_rates, tune_blend

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
    assert len(tuning.trials) == sum(len(values) for _, values in GRIDS) + len(REPEAT_SCALES)
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
    """A sample spans from the first to the last case and is no longer than asked."""
    cases = [Case([0], number) for number in range(100)]
    sample = evenly_sampled(cases, 10)
    assert (sample[0], sample[-1], len(sample)) == (cases[0], cases[-1], 10)
    assert evenly_sampled(cases[:5], 10) == cases[:5]


def test_hits_count_found_targets_and_their_places() -> None:
    """HR is the share found and MRR the mean of 1 / place."""
    ranks = np.array([0, 1, MISSED, 3], dtype=np.int32)
    assert reciprocal_ranks(ranks).tolist() == [1, 0.5, 0, 0.25]
    assert Hits.of(ranks) == Hits(0.75, 0.4375, 4)
    assert Hits.of(np.empty(0, dtype=np.int32)).quality == 0
