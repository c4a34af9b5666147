"""MLlib learns from the confidences and under the penalty that the one-machine ALS has."""

from dataclasses import replace

import pytest

from recommender.recommendations.als import AlsSettings, scaled_confidence
from recommender.recommendations.sessions import Sessions
from recommender.spark.factors import iterations_over, mllib_ratings

SESSIONS = Sessions.of([[0, 1, 2, 1], [1, 2, 3], [5, 6], [6, 5]], 8)
SETTINGS = AlsSettings(alpha=24.0, half_life=None)


def test_an_average_interaction_has_the_confidence_alpha() -> None:
    """As on one machine; an item met twice has twice as much."""
    confidence = scaled_confidence(SESSIONS, SETTINGS).toarray()
    assert confidence.sum() == pytest.approx(24.0 * SESSIONS.items.size)
    assert confidence[0].tolist() == pytest.approx([24.0, 48.0, 24.0, 0, 0, 0, 0, 0])


def test_mllib_adds_1_to_a_rating_and_so_gets_1_less() -> None:
    """A confidence of 1 or less, which MLlib would take for a dislike, stays a hair above 1."""
    settings = replace(SETTINGS, alpha=1.0)
    ratings = mllib_ratings(scaled_confidence(SESSIONS, settings).tocoo()).to_pydict()
    twice = [rating for rating in ratings["rating"] if rating > 0.5]
    assert twice == pytest.approx([1.0])
    assert min(ratings["rating"]) > 0
    assert len(ratings["visitor"]) == len(ratings["item"]) == 10


def test_progress_never_claims_an_alternation_that_is_not_over() -> None:
    """MLlib prepares in six jobs and alternates in two each; only the end says that the last one is over."""
    assert [iterations_over(jobs, 4) for jobs in (0, 6, 8, 9, 10, 11, 14, 15, 99)] == [
        0,
        0,
        0,
        1,
        1,
        2,
        3,
        3,
        3,
    ]
