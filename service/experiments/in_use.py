"""The definitions in use: compiled off the event loop, swapped in whole, and kept for the next start."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from recommender.decisions.policy import Policy, PolicyCompilation, compile_policy
from service.experiments.definitions import (
    EMPTY,
    Payload,
    Reconciled,
    combine,
    reconcile,
    without_experiments,
)
from service.experiments.last_good import CopyDamaged, Kept, LastGoodCopy
from service.experiments.status import Complaints
from service.stores.experiments import ExperimentDocument, VersionedDocument

_log = logging.getLogger(__name__)

C = TypeVar("C")


class _DocumentCopy(msgspec.Struct):
    version: int
    document: ExperimentDocument


class DefinitionsInUse:
    """The policy, and the sound payload that it was compiled from.

    Args:
        folder: for the copies that the next start begins with.
        complaints: told what is wrong with definitions.
        learning_traffic: whether Kabin's own experiments run.
        clock: Unix seconds.

    Attributes:
        policy: to assign with; use one reference throughout a request.
        overridden: features that both places define; Redis's are in use.
    """

    def __init__(
        self,
        folder: Path,
        complaints: Complaints,
        *,
        learning_traffic: bool,
        clock: Callable[[], float],
    ) -> None:
        self._complaints = complaints
        self._learning_traffic = learning_traffic
        self._clock = clock
        self._document_copy = LastGoodCopy(folder / "document.json", _DocumentCopy)
        self._sound_copy = LastGoodCopy(folder / "in-use.json", dict[str, Any])
        self._sound: Payload = EMPTY
        self.policy: Policy = compile_policy(EMPTY, learning_traffic=learning_traffic).policy
        self.overridden: tuple[str, ...] = ()

    @property
    def copy_problem(self) -> str | None:
        """Why the copies cannot be kept, if so."""
        return self._document_copy.problem or self._sound_copy.problem

    async def restore(self) -> Kept[VersionedDocument] | None:
        """Read the copies that an earlier process left, and return Redis's document of then."""
        sound = await asyncio.to_thread(_read, self._sound_copy)
        if sound is not None:
            self._sound = sound.content
        kept = await asyncio.to_thread(_read, self._document_copy)
        if kept is None:
            return None
        return Kept(VersionedDocument(kept.content.version, kept.content.document), kept.confirmed_at)

    async def replace(
        self, base: Payload | None, known: VersionedDocument | None, *, is_complete: bool
    ) -> None:
        """Put definitions to use; if they cannot be compiled, the last good ones stay.

        Args:
            base: of the file or GrowthBook.
            known: of Redis.
            is_complete: whether every place has been read. Before that nothing is kept on disk: what is missing
                might have a former version there to fall back on.
        """
        document = ExperimentDocument() if known is None else known.document
        try:
            overridden, result = await asyncio.to_thread(self._built, base, document)
        except Exception as error:  # noqa: BLE001 - whatever it is, the last good ones stay
            _log.exception("the experiments could not be compiled")
            self._complaints.note(
                "definitions", f"{type(error).__name__}: {error} (the last good ones stay in use)"
            )
            return
        self.policy, self.overridden = result.policy, overridden
        self._complaints.note("definitions", *result.problems)
        _log.info("%d experiments are in use", len(self.policy.experiments()))
        if known is not None and is_complete:
            self._sound = result.payload
            await asyncio.to_thread(self._keep, known, result.payload)

    def _built(
        self, base: Payload | None, document: ExperimentDocument
    ) -> tuple[tuple[str, ...], Reconciled]:
        def compiled(payload: Mapping[str, Any]) -> PolicyCompilation:
            return compile_policy(
                payload,
                switched_off=frozenset(document.switched_off),
                learning_traffic=self._learning_traffic,
            )

        combined = combine(base, document)
        former = without_experiments(self._sound, document.stopped)
        return combined.overridden, reconcile(former, combined.payload, compiled)

    def _keep(self, known: VersionedDocument, sound: Payload) -> None:
        now = self._clock()
        self._document_copy.keep(_DocumentCopy(known.version, known.document), at=now)
        self._sound_copy.keep(dict(sound), at=now)


def _read(copy: LastGoodCopy[C]) -> Kept[C] | None:
    try:
        return copy.read()
    except CopyDamaged as error:
        _log.warning("%s", error)
        return None
