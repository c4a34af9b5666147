"""What decisions rest on besides the visitor: catalog replica, model and experiments in use, as of this moment."""

import asyncio
from collections.abc import Callable
from typing import Final

from recommender.affinity import AffinityParameters
from recommender.catalog.catalog import Catalog
from recommender.decisions.policy import NO_POLICY, Policy
from recommender.decisions.served import ServedModel

_SHARE_STEPS: Final = 100
"""Without a model the discounted share is rounded to a hundredth: parameters are made anew only if it moves."""

_JOIN_SECONDS: Final = 0.5


class Knowledge:
    """One place to ask for catalog, model and policy; all of them change behind it.

    Args:
        catalog: returns this process's replica.
        model: returns the model in use, ``None`` before the first.
        policy: returns the experiments and switches in use.
    """

    def __init__(
        self,
        catalog: Callable[[], Catalog],
        model: Callable[[], ServedModel | None],
        policy: Callable[[], Policy] = lambda: NO_POLICY,
    ) -> None:
        self._catalog = catalog
        self._model = model
        self._policy = policy
        self._defaults = AffinityParameters()

    @property
    def catalog(self) -> Catalog:
        """The catalog as this process knows it."""
        return self._catalog()

    @property
    def model(self) -> ServedModel | None:
        """The model in use."""
        return self._model()

    @property
    def policy(self) -> Policy:
        """The experiments and switches in use."""
        return self._policy()

    def affinity_parameters(self, now: float) -> AffinityParameters:
        """Return the model's parameters, or defaults with the share of the catalog that is on sale now."""
        model = self._model()
        if model is not None:
            return model.affinity
        share = round(self._catalog().on_sale_share(now) * _SHARE_STEPS) / _SHARE_STEPS
        if share != self._defaults.default_mu:
            self._defaults = AffinityParameters(default_mu=share)
        return self._defaults

    async def keep_joined(self) -> None:
        """Find the model's items in the catalog whenever one of the two is new, in a thread.

        Requests would look them up one by one, 3 µs each, which a dozen of cold ones makes a fifth of a request.
        """
        while True:
            model, catalog = self._model(), self._catalog()
            if model is not None and not model.is_joined(catalog):
                await asyncio.to_thread(model.join, catalog)
            await asyncio.sleep(_JOIN_SECONDS)
