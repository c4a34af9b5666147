"""The homepage's variant: promotions for few, and no flapping."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.affinity import DiscountAffinity, Level
from recommender.homepage import HomepageVariant, decide_homepage


def affinity(level: Level, p_high: float) -> DiscountAffinity:
    """Return an affinity of which only level and probability matter."""
    return DiscountAffinity(level, 1.0, 10.0, p_high, 0.0)


@pytest.mark.parametrize(
    ("level", "p_high", "variant", "reason"),
    [
        ("high", 0.8, "promo", "discount_affinity"),
        ("medium", 0.79, "full_price", "default"),
        ("low", 0.0, "full_price", "discount_affinity"),
    ],
)
def test_promotions_are_for_high_only(level: Level, p_high: float, variant: str, reason: str) -> None:
    """Everyone else sees the newest full-price styles."""
    decision = decide_homepage(affinity(level, p_high), None, same_session=False)
    assert (decision.variant, decision.reason, decision.pin) == (variant, reason, True)


@pytest.mark.parametrize(("p_high", "variant"), [(0.7, "promo"), (0.6, "promo"), (0.59, "full_price")])
def test_promotions_are_left_below_sixty_percent(p_high: float, variant: str) -> None:
    """Between 0.6 and 0.8 a visitor keeps the variant of the last session."""
    assert decide_homepage(affinity("medium", p_high), "promo", same_session=False).variant == variant
    assert (
        decide_homepage(affinity("medium", p_high), "full_price", same_session=False).variant == "full_price"
    )


@given(st.sampled_from(["high", "medium", "low"]), st.floats(0, 1), st.sampled_from(["promo", "full_price"]))
def test_nothing_changes_within_a_session(level: Level, p_high: float, pinned: HomepageVariant) -> None:
    """The page does not turn around between two clicks."""
    decision = decide_homepage(affinity(level, p_high), pinned, same_session=True)
    assert decision.variant == pinned
    assert not decision.pin
