"""The shapes of changes to experiments and switches, as they are sent to Kabin."""

from typing import Annotated

from msgspec import Meta, Struct

from recommender.decisions.treatment import DecisionName
from service.experiments.definition import MAX_VARIATIONS, ExperimentStatus


class ExperimentChange(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``PATCH /experiments/{id}``; what is left out stays as it is."""

    status: ExperimentStatus | None = None
    weights: (
        Annotated[
            tuple[Annotated[float, Meta(ge=0, le=1)], ...],
            Meta(min_length=2, max_length=MAX_VARIATIONS, description="Each variation's share, 1 in all."),
        ]
        | None
    ) = None
    coverage: (
        Annotated[float, Meta(ge=0, le=1, description="Share of the visitors who take part.")] | None
    ) = None


class SwitchChange(Struct, frozen=True, forbid_unknown_fields=True):
    """Body of ``PATCH /switches``: ``true`` makes the decision again, ``false`` stops making it."""

    size: bool | None = None
    homepage: bool | None = None
    recommendations: bool | None = None

    def switches(self) -> dict[DecisionName, bool]:
        """Return the switches that are named."""
        given: dict[DecisionName, bool | None] = {
            "size": self.size,
            "homepage": self.homepage,
            "recommendations": self.recommendations,
        }
        return {name: is_on for name, is_on in given.items() if is_on is not None}
