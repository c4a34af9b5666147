"""What decisions rest on besides the visitor: the catalog replica and the model in use, as of this moment."""

from collections.abc import Callable
from typing import Final

from recommender.affinity import AffinityParameters
from recommender.catalog.catalog import Catalog
from recommender.decisions.served import ServedModel

_SHARE_STEPS: Final = 100
"""Without a model the discounted share is rounded to a hundredth: parameters are made anew only if it moves."""


class Knowledge:
    """One place to ask for catalog and model; both change behind it.

    Args:
        catalog: returns this process's replica.
        model: returns the model in use, ``None`` before the first.
    """

    def __init__(self, catalog: Callable[[], Catalog], model: Callable[[], ServedModel | None]) -> None:
        self._catalog = catalog
        self._model = model
        self._defaults = AffinityParameters()

    @property
    def catalog(self) -> Catalog:
        """The catalog as this process knows it."""
        return self._catalog()

    @property
    def model(self) -> ServedModel | None:
        """The model in use."""
        return self._model()

    def affinity_parameters(self, now: float) -> AffinityParameters:
        """Return the model's parameters, or defaults with the share of the catalog that is on sale now."""
        model = self._model()
        if model is not None:
            return model.affinity
        share = round(self._catalog().on_sale_share(now) * _SHARE_STEPS) / _SHARE_STEPS
        if share != self._defaults.default_mu:
            self._defaults = AffinityParameters(default_mu=share)
        return self._defaults
