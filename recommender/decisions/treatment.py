"""What experiments and switches make of a decision: how the homepage, the size and the recommendations come about."""

from collections.abc import Mapping
from itertools import product
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

HomepagePolicy = Literal["personalized", "full_price", "promo"]
"""How the homepage's variant is chosen: by discount affinity, or the same for everybody."""

RecommendationSource = Literal["blend", "als", "covisit", "popular"]
"""Where recommendations come from; ``popular`` does without neighbours."""

DecisionName = Literal["size", "homepage", "recommendations"]
"""A decision that has a switch."""

HOMEPAGE: Final = "kabin-homepage"
SIZE: Final = "kabin-size"
RECOMMENDATIONS: Final = "kabin-recommendations"

RESERVED_PREFIX: Final = "kabin-"
"""Features and experiments of this name are Kabin's own; the shop's are called otherwise."""

FEATURE_VALUES: Final[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
    {
        HOMEPAGE: ("personalized", "full_price", "promo"),
        SIZE: (True, False),
        RECOMMENDATIONS: ("blend", "als", "covisit"),
    }
)
"""Kabin's features and the values that each may have, the ordinary one first."""

FEATURE_SLOTS: Final[Mapping[str, DecisionName]] = MappingProxyType(
    {HOMEPAGE: "homepage", SIZE: "size", RECOMMENDATIONS: "recommendations"}
)
"""The slot whose exposure counts for an experiment of the feature; the decision that the feature changes."""


class Treatment(NamedTuple):
    """How a visitor's decisions come about.

    Attributes:
        homepage: how the homepage's variant is chosen.
        homepage_is_on: false shows everybody the full-price page, as if nothing were known of anybody.
        size: ``control`` decides the size and withholds it; ``off`` does not decide it.
        recommendations: the source; ``None`` as configured.
        recommendations_are_on: false recommends nothing.
    """

    homepage: HomepagePolicy = "personalized"
    homepage_is_on: bool = True
    size: Literal["on", "control", "off"] = "on"
    recommendations: RecommendationSource | None = None
    recommendations_are_on: bool = True


AS_CONFIGURED: Final = Treatment()
"""No experiment, every switch on."""


def held_out_treatment(switched_off: frozenset[DecisionName]) -> Treatment:
    """Return what somebody gets who is held out; the size is decided and withheld, so that both sides compare."""
    return _switched(Treatment("full_price", size="control", recommendations="popular"), switched_off)


def treatments_of(
    switched_off: frozenset[DecisionName],
) -> Mapping[tuple[Any, Any, Any], Treatment]:
    """Return the treatment by the values of the features homepage, size and recommendations.

    ``None`` stands for a feature without a value: then all is as configured.
    """
    homepages, sizes, sources = (
        (None, *FEATURE_VALUES[feature_id]) for feature_id in (HOMEPAGE, SIZE, RECOMMENDATIONS)
    )
    return {
        (homepage, size, source): _switched(
            Treatment(
                homepage=homepage or AS_CONFIGURED.homepage,
                size="control" if size is False else "on",
                recommendations=source,
            ),
            switched_off,
        )
        for homepage, size, source in product(homepages, sizes, sources)
    }


def _switched(treatment: Treatment, switched_off: frozenset[DecisionName]) -> Treatment:
    return treatment._replace(
        homepage_is_on="homepage" not in switched_off,
        size="off" if "size" in switched_off else treatment.size,
        recommendations_are_on="recommendations" not in switched_off,
    )
