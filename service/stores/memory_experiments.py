"""The experiments' store as a plain model: routes run on it in tests, and it keeps the same contract as Redis."""

import math
import time
from collections.abc import Callable, Collection

import msgspec

from recommender.decisions.running import ExperimentSummary
from service.stores.experiments import (
    MAX_EXPERIMENTS,
    MAX_PHASES,
    DocumentChanged,
    ExperimentDocument,
    ExperimentPhase,
    VersionedDocument,
    decoded_document,
    phase_of,
)


class MemoryExperimentStore:
    """Keeps document and journal for as long as the process lives.

    Args:
        clock: Unix seconds.

    Attributes:
        stored: the document's JSON as Redis would hold it; tests may damage it.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._version = 0
        self._noted = 0
        self._phases: dict[str, tuple[ExperimentPhase, ...]] = {}
        self.stored: bytes | None = None

    async def version(self) -> int:
        """See :meth:`service.stores.experiments.ExperimentStore.version`."""
        return self._version

    async def read(self) -> VersionedDocument:
        """See :meth:`service.stores.experiments.ExperimentStore.read`."""
        return decoded_document(self._version, self.stored)

    async def write(self, document: ExperimentDocument, *, expected_version: int) -> int:
        """See :meth:`service.stores.experiments.ExperimentStore.write`."""
        if expected_version != self._version:
            raise DocumentChanged("the experiments were changed by another writer: nothing was written")
        self._version = max(self._version + 1, math.floor(self._clock() * 1000))
        self.stored = msgspec.json.encode(document)
        return self._version

    async def note_phases(
        self, experiments: Collection[ExperimentSummary], *, version: int, at: float
    ) -> None:
        """See :meth:`service.stores.experiments.ExperimentStore.note_phases`."""
        if version < self._noted:
            return
        self._noted = version
        for each in experiments:
            phases, phase = self._phases.get(each.experiment_id, ()), phase_of(each, at)
            if not phases or msgspec.structs.replace(phases[-1], since=at) != phase:
                self._phases[each.experiment_id] = (*phases, phase)[-MAX_PHASES:]
        given = {each.experiment_id for each in experiments}
        others = sorted(self._phases.keys() - given, key=lambda id_: self._phases[id_][-1].since)
        for experiment_id in others[: max(0, len(self._phases) - MAX_EXPERIMENTS)]:
            del self._phases[experiment_id]

    async def phases(self, experiment_id: str) -> tuple[ExperimentPhase, ...]:
        """See :meth:`service.stores.experiments.ExperimentStore.phases`."""
        return self._phases.get(experiment_id, ())

    async def experiment_ids(self) -> frozenset[str]:
        """See :meth:`service.stores.experiments.ExperimentStore.experiment_ids`."""
        return frozenset(self._phases)
