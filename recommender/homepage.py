"""Which variant the homepage slot shows: promotions only for visitors who respond to them."""

from typing import Final, Literal, NamedTuple

from recommender.affinity import DiscountAffinity

HomepageVariant = Literal["promo", "full_price"]

LEAVE_PROMO_BELOW: Final = 0.6
"""``promo`` is entered at level ``high`` (probability 0.8) and left below this one, so it does not flap."""


class HomepageDecision(NamedTuple):
    """The variant to show, why, and whether it is new for this session and has to be pinned."""

    variant: HomepageVariant
    reason: Literal["discount_affinity", "default"]
    pin: bool


def decide_homepage(
    affinity: DiscountAffinity, pinned: HomepageVariant | None, *, same_session: bool
) -> HomepageDecision:
    """Decide the homepage's variant from discount affinity alone.

    Within a session the pinned variant stands, whatever the visitor does meanwhile: a page must not turn
    around between two clicks. Experiments and previews are the caller's and come before this.

    Args:
        affinity: the visitor's affinity as of today.
        pinned: the variant that the visitor was last shown, if any.
        same_session: whether that was in the session that is still going on.
    """
    if pinned is not None and same_session:
        variant: HomepageVariant = pinned
    elif affinity.level == "high" or (pinned == "promo" and affinity.p_high >= LEAVE_PROMO_BELOW):
        variant = "promo"
    else:
        variant = "full_price"
    by_affinity = variant == "promo" or affinity.level == "low"
    return HomepageDecision(
        variant,
        "discount_affinity" if by_affinity else "default",
        pin=not (same_session and pinned == variant),
    )
