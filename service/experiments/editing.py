"""Editing the experiments' document: read, change, write, and once more if another writer was faster."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from recommender.decisions.treatment import DecisionName
from service.experiments.base import BaseDefinitions
from service.experiments.definition import ExperimentDefinition, ExperimentStatus
from service.experiments.document import (
    DECISIONS,
    check_known,
    with_experiment,
    with_new_experiment,
    with_payload,
    with_shares,
    with_status,
    with_switches,
    without_experiment,
)
from service.experiments.listing import ExperimentListAnswer, list_experiments
from service.stores.experiments import (
    DocumentChanged,
    DocumentDamaged,
    ExperimentDocument,
    ExperimentStore,
    VersionedDocument,
)

Edit = Callable[[ExperimentDocument], ExperimentDocument]
"""A pure function from the stored document to the next; what it raises ends the attempt."""

ATTEMPTS: Final = 8
_PAUSE_SECONDS: Final = 0.01
"""Longest pause after the first lost race; twice as long after each further one."""


class EditConflict(Exception):  # noqa: N818 - what happened
    """Other writers were faster every time; nothing was changed."""


class Edited(NamedTuple):
    """What an edit has made of a document; ``before`` is what it found."""

    before: VersionedDocument
    after: VersionedDocument

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return self.after.version != self.before.version


async def edit(
    store: ExperimentStore,
    change: Edit,
    *,
    replace_damaged: bool = False,
    turn: asyncio.Lock | None = None,
) -> Edited:
    """Carry out an edit against the newest document; one that changes nothing writes nothing.

    Args:
        store: of the document.
        change: called in another thread, again with the newer document whenever another writer was faster.
        replace_damaged: take a document that cannot be read for an empty one.
        turn: held for another attempt, so that writers of one process do not make each other lose.

    Raises:
        EditConflict: eight others were faster in a row.
        DocumentDamaged: the document cannot be read.
        StoreUnavailable: Redis does not answer; whether anything was written is open, and sending the same edit
            again is safe.
    """
    with suppress(DocumentChanged):
        return await _attempt(store, change, replace_damaged=replace_damaged)
    async with turn or asyncio.Lock():
        for attempt in range(1, ATTEMPTS):
            await asyncio.sleep(random.uniform(0, _PAUSE_SECONDS * 2**attempt))  # noqa: S311 - spreads writers
            with suppress(DocumentChanged):
                return await _attempt(store, change, replace_damaged=replace_damaged)
    raise EditConflict("others are changing the experiments at the same time: try again")


async def _attempt(store: ExperimentStore, change: Edit, *, replace_damaged: bool) -> Edited:
    before = await _read(store, replace_damaged=replace_damaged)
    after = await asyncio.to_thread(change, before.document)
    if after == before.document and not replace_damaged:
        return Edited(before, before)
    version = await store.write(after, expected_version=before.version)
    return Edited(before, VersionedDocument(version, after))


async def _read(store: ExperimentStore, *, replace_damaged: bool) -> VersionedDocument:
    try:
        return await store.read()
    except DocumentDamaged as damaged:
        if not replace_damaged:
            raise
        return VersionedDocument(damaged.version, ExperimentDocument())


class ExperimentEditor:
    """What merchandisers can do with experiments and switches, from the command line and over HTTP.

    Every method may raise StoreUnavailable, DocumentDamaged and EditConflict, and what its edit in
    :mod:`service.experiments.document` raises.

    Args:
        store: of the document.
        base: what the file or GrowthBook holds now, if there is one.
        learning_traffic: whether Kabin's own experiments run.
    """

    def __init__(
        self,
        store: ExperimentStore,
        base: Callable[[], BaseDefinitions | None] = lambda: None,
        *,
        learning_traffic: bool = False,
    ) -> None:
        self._store = store
        self._base = base
        self._learning_traffic = learning_traffic
        self._turn = asyncio.Lock()

    async def list(self) -> ExperimentListAnswer:
        """Return all experiments, wherever they are defined."""
        return await self.listed(await self._store.read())

    async def listed(self, stored: VersionedDocument) -> ExperimentListAnswer:
        """Return all experiments of a document, and those that are defined elsewhere."""
        return await asyncio.to_thread(
            list_experiments, stored, self._base(), learning_traffic=self._learning_traffic
        )

    async def add(self, experiment_id: str, definition: ExperimentDefinition) -> Edited:
        """Add an experiment; one that exists is started again if this is what it is, and not touched otherwise."""
        return await self._edit(lambda document: with_new_experiment(document, experiment_id, definition))

    async def define(self, experiment_id: str, definition: ExperimentDefinition) -> Edited:
        """Add an experiment, or define one of Redis anew."""
        return await self._edit(lambda document: with_experiment(document, experiment_id, definition))

    async def change(
        self,
        experiment_id: str,
        *,
        status: ExperimentStatus | None = None,
        weights: Sequence[float] | None = None,
        coverage: float | None = None,
    ) -> Edited:
        """Stop or start an experiment, wherever it is defined, or change the shares of one of Redis."""
        known = self._elsewhere()
        stoppable = known | (await self._store.experiment_ids() if status == "stopped" else frozenset())

        def change(document: ExperimentDocument) -> ExperimentDocument:
            check_known(document, experiment_id, stoppable)
            if weights is not None or coverage is not None:
                document = with_shares(document, experiment_id, known, weights=weights, coverage=coverage)
            return document if status is None else with_status(document, experiment_id, status)

        return await self._edit(change)

    async def remove(self, experiment_id: str) -> Edited:
        """Remove an experiment from Redis."""
        known = self._elsewhere()
        return await self._edit(lambda document: without_experiment(document, experiment_id, known))

    async def replace(self, payload: Mapping[str, Any], *, replace_damaged: bool = False) -> Edited:
        """Replace all definitions in Redis by a payload of GrowthBook's; switches stay, and what was stopped too."""
        return await self._edit(
            lambda document: with_payload(document, payload), replace_damaged=replace_damaged
        )

    async def switches(self) -> dict[DecisionName, bool]:
        """Return which decisions are made."""
        return switches_of((await self._store.read()).document)

    async def switch(self, switches: Mapping[DecisionName, bool]) -> Edited:
        """Switch decisions on or off; those that are not named stay."""
        return await self._edit(lambda document: with_switches(document, switches))

    async def _edit(self, change: Edit, *, replace_damaged: bool = False) -> Edited:
        return await edit(self._store, change, replace_damaged=replace_damaged, turn=self._turn)

    def _elsewhere(self) -> frozenset[str]:
        base = self._base()
        return frozenset() if base is None else base.experiment_ids()


def switches_of(document: ExperimentDocument) -> dict[DecisionName, bool]:
    """Return which decisions are made."""
    return {name: name not in document.switched_off for name in DECISIONS}
