"""The learning curve: the same questions, asked of models of more and more of the history."""

import numpy as np
import pytest

from recommender.recommendations.als import AlsSettings
from recommender.recommendations.blend import BlendSettings
from recommender.recommendations.replay import Case, Hits
from recommender.recommendations.sessions import Sessions
from recommender.training.learning_curve import SHARES, CurvePoint, learning_curve

PLAIN = BlendSettings(als_weight=0.0, k=10)
WITH_ALS = BlendSettings(als=AlsSettings(factors=4, iterations=1), als_weight=1.0, k=10)
WHOLE = Hits(0.9, 0.5, 4)


def pairs(number: int = 64) -> Sessions:
    """Return sessions of two items that belong together: pair p fills the sessions up to its share of the history."""
    return Sessions.of([[2 * (n * 4 // number), 2 * (n * 4 // number) + 1] for n in range(number)], 8)


CASES = [Case([2 * pair], 2 * pair + 1) for pair in range(4)]


@pytest.mark.parametrize("settings", [PLAIN, WITH_ALS])
def test_more_history_answers_more(settings: BlendSettings) -> None:
    """Each pair is seen in its own quarter of the time only: the newest half knows two of four."""
    points = learning_curve(pairs(), CASES, settings, WHOLE)
    assert [point.share for point in points] == [*SHARES, 1.0]
    assert [point.hits.hit_rate for point in points] == [0.25, 0.25, 0.5, 0.9]
    assert [point.interactions for point in points] == [16, 32, 64, 128]
    assert points[-1] == CurvePoint(1.0, 128, WHOLE)


@pytest.mark.parametrize(("seconds", "shares"), [(30.0, [*SHARES, 1.0]), (15.0, [0.125, 1.0])])
def test_points_that_would_take_too_long_are_left_out(seconds: float, shares: list[float]) -> None:
    """Each takes 4 seconds, so the next one might take 12: with 15 in all it is not begun."""
    readings = iter([0.0, 0.0, 4.0, 4.0, 8.0, 8.0, 12.0])
    points = learning_curve(pairs(), CASES, PLAIN, WHOLE, seconds=seconds, timer=readings.__next__)
    assert [point.share for point in points] == shares


def test_without_questions_there_is_no_curve() -> None:
    """Nothing held out, nothing to say."""
    assert learning_curve(pairs(), [], PLAIN, Hits(0.0, 0.0, 0)) == ()


def test_a_visitor_of_unknown_items_only_is_a_miss() -> None:
    """Sessions may be empty in the model's rows, and targets unknown (-1), as the comparison of two models has them."""
    points = learning_curve(pairs(), [Case([], 3), Case([0], -1)], PLAIN, Hits(0.0, 0.0, 2))
    assert {point.hits for point in points} == {Hits(0.0, 0.0, 2)}
    only_unknown = learning_curve(pairs(), [Case([], 3)], PLAIN, Hits(0.0, 0.0, 1))
    assert len(only_unknown) == 4


def test_a_handful_of_sessions_is_no_error() -> None:
    """An eighth of two sessions is none: there is no such point."""
    tiny = Sessions.of([[0, 1], [1, 0]], 2)
    points = learning_curve(tiny, [Case([0], 1)], PLAIN, Hits(1.0, 1.0, 1))
    assert points[-1].share == 1.0
    assert all(point.interactions for point in points)


def test_the_factors_come_from_whoever_is_asked() -> None:
    """Another engine draws its own curve; without a weight for ALS nobody is asked."""
    asked: list[int] = []

    def factorise(sessions: Sessions, settings: AlsSettings, _tell: object) -> np.ndarray:
        asked.append(len(sessions))
        return np.ones((sessions.item_count, settings.factors), dtype=np.float32)

    learning_curve(pairs(), CASES, WITH_ALS, WHOLE, factorise=factorise)
    assert asked == [8, 16, 32]
    learning_curve(pairs(), CASES, PLAIN, WHOLE, factorise=factorise)
    assert len(asked) == 3
