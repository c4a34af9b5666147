"""Tells the journal what a worker's experiments do from now on, later if Redis is down."""

import logging

from recommender.decisions.policy import Policy
from recommender.decisions.running import ExperimentSummary
from service.stores.connection import StoreUnavailable
from service.stores.experiments import ExperimentStore

_log = logging.getLogger(__name__)


class PhaseNotes:
    """What is still to be noted of the experiments in use.

    Only what is new in this worker is noted: one that has not got GrowthBook's latest definitions yet must not note
    as new, for the sake of another experiment, what is already over elsewhere.
    """

    def __init__(self, store: ExperimentStore) -> None:
        self._store = store
        self._since: float | None = None
        self._begun: tuple[ExperimentSummary, ...] = ()
        self._noted: frozenset[ExperimentSummary] = frozenset()
        self._is_late = False

    def begin(self, policy: Policy, *, at: float) -> None:
        """Have to note a policy that is in use since ``at``."""
        if policy.experiments() != self._begun:
            self._begun, self._since = policy.experiments(), at

    def repeat(self, *, at: float) -> None:
        """Have to note once more all that runs: the journal has been lost."""
        self._since, self._noted = at, frozenset()

    async def write(self, policy: Policy, *, version: int) -> None:
        """Note what has begun; whatever cannot be noted now is left for the next call.

        Args:
            policy: in use.
            version: of Redis's document in use.
        """
        if self._since is None:
            return
        running = policy.experiments()
        new = [each for each in running if each not in self._noted]
        if new:
            try:
                await self._store.note_phases(new, version=version, at=self._since)
            except StoreUnavailable as error:
                if not self._is_late:
                    _log.warning("what experiments do now is noted later: %s", error)
                self._is_late = True
                return
        self._since, self._noted, self._is_late = None, frozenset(running), False
