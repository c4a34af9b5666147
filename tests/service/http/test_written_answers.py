"""Answers put together from what lies written already say the same as those made anew."""

from typing import Any, cast

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from recommender.decisions.policy import AssignedExperiment
from recommender.decisions.shelf import Recommendation
from service.routes.answers import (
    WrittenExperiments,
    experiment_answers,
    recommendation_answers,
    written_recommendations,
)

CARD: dict[str, Any] = {"title": "Kleid „Ä“ \\ \u2028", "price": 59.9, "sale_price": None}


class Dress:
    """An item of a catalog, as answers see it."""

    item_id = "d/1 é"

    def card(self, _now: float) -> dict[str, Any]:
        """Return the card."""
        return CARD

    def card_json(self, _now: float) -> bytes:
        """Return the card as it is written."""
        return orjson.dumps(CARD)


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1e6)))
def test_cards_that_lie_written_come_out_byte_for_byte(scores: list[float]) -> None:
    """Whatever the scores, and with whatever the shop writes into its titles."""
    chosen = [Recommendation(cast("Any", Dress()), score, "als", True) for score in scores]
    assert orjson.dumps(written_recommendations(chosen, 0.0)) == orjson.dumps(
        recommendation_answers(chosen, 0.0)
    )


def test_experiments_that_lie_written_come_out_byte_for_byte() -> None:
    """Whatever their values, however often, and after more of them than are kept."""
    values: list[Any] = [None, 1, "„Ä“ \u2028", {"sizes": [36, 38]}]
    policy = [
        AssignedExperiment(
            f"e{number}", 1, "b", None, values[number % 4], 0.5, 0, "homepage", is_recorded=False
        )
        for number in range(1500)
    ]
    written = WrittenExperiments()
    for _ in range(2):
        for experiments in (policy[:3], policy[3:], policy[:1], []):
            assert orjson.dumps(written.of(experiments)) == orjson.dumps(experiment_answers(experiments))
