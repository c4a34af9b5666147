"""The experiments' definitions in Redis: one document, replaced as a whole, and a journal of their phases.

A document is read and written in one piece under a version, and a write says which version it was made from
(:class:`DocumentChanged` if that is no longer the stored one), so no two writers can undo or mix each other's changes.
Workers poll the version. It grows with every write and is never below the writer's clock in milliseconds: a Redis
that has lost its last write, or everything, does not come to a version again that a worker knows with other content.
"""

import math
import time
from collections.abc import Callable, Collection
from typing import Any, Final, NamedTuple, Protocol

import msgspec
from msgspec import Struct

from recommender.decisions.running import ExperimentSummary
from recommender.decisions.treatment import DecisionName
from service.stores.connection import Client, Script, unavailable_on_error
from service.stores.keys import ExperimentKeys, Keyspace

MAX_PHASES: Final = 100
"""Phases kept of one experiment, the newest."""
MAX_EXPERIMENTS: Final = 1000
"""Experiments that the journal keeps; beyond it those go whose last phase began first."""


class DocumentChanged(Exception):  # noqa: N818 - what happened, like StoreUnavailable
    """Another writer was first: nothing was written; read again and decide anew."""


class DocumentDamaged(Exception):  # noqa: N818 - likewise
    """What Redis holds of experiments cannot be read, and is not overwritten.

    Attributes:
        version: of the stored document.
    """

    def __init__(self, version: int, reason: str) -> None:
        super().__init__(
            f"the experiments in Redis (version {version}) cannot be read: {reason}; "
            "`kabin experiment set --file FILE --force` replaces them"
        )
        self.version = version


class JournalDamaged(Exception):  # noqa: N818 - likewise
    """An experiment's phases in Redis cannot be read."""


class ExperimentDocument(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Everything that Redis holds of experiments.

    Attributes:
        features: features by id, in GrowthBook's JSON.
        saved_groups: GrowthBook's saved groups by id.
        stopped: ids of experiments that assign nobody, in order; also of such that come from elsewhere.
        switched_off: decisions that are not made, in order.
    """

    features: dict[str, Any] = {}
    saved_groups: dict[str, Any] = {}
    stopped: tuple[str, ...] = ()
    switched_off: tuple[DecisionName, ...] = ()

    def payload(self) -> dict[str, Any]:
        """Return features and groups as GrowthBook's SDK endpoint would answer them."""
        return {"features": self.features, "savedGroups": self.saved_groups}


class VersionedDocument(NamedTuple):
    """A document and its version; version 0 is the empty one before the first write."""

    version: int
    document: ExperimentDocument


class ExperimentPhase(Struct, frozen=True):
    """A time in which an experiment kept its variations and shares.

    Attributes:
        since: Unix seconds.
        variations: keys, in the order of their ids.
        weights: share of each variation among those who take part.
        coverage: share of the visitors in question who take part.
        feature_id: whose rule it is; None for a built-in one.
        slot: where it shows; None if anywhere.
        bucket_version: of the variations that stick to visitors.
    """

    since: float
    variations: tuple[str, ...]
    weights: tuple[float, ...]
    coverage: float
    feature_id: str | None
    slot: str | None
    bucket_version: int = 0


class ExperimentStore(Protocol):
    """What keeps definitions and phases; every method may raise StoreUnavailable."""

    async def version(self) -> int:
        """Return the version of the stored document; 0 before the first write.

        Raises:
            DocumentDamaged: it is no number.
        """
        ...

    async def read(self) -> VersionedDocument:
        """Return the document.

        Raises:
            DocumentDamaged: it cannot be read.
        """
        ...

    async def write(self, document: ExperimentDocument, *, expected_version: int) -> int:
        """Replace the document of ``expected_version`` and return the new version.

        Raises:
            DocumentChanged: another version is stored; nothing was written.
        """
        ...

    async def note_phases(
        self, experiments: Collection[ExperimentSummary], *, version: int, at: float
    ) -> None:
        """Begin a phase of each experiment that differs from its last one in the journal.

        Every worker may call this with what it has begun to use; the first one's time stands.

        Args:
            experiments: those that run.
            version: of the document that they come from; a call with an older one than the last is ignored, so a
                slow worker does not bring back what is over.
            at: Unix seconds.
        """
        ...

    async def phases(self, experiment_id: str) -> tuple[ExperimentPhase, ...]:
        """Return an experiment's phases, oldest first; at most the newest hundred.

        Raises:
            JournalDamaged: they cannot be read.
        """
        ...

    async def experiment_ids(self) -> frozenset[str]:
        """Return the experiments that the journal knows."""
        ...


class RedisExperimentStore:
    """An :class:`ExperimentStore` in Redis or a Cluster.

    Args:
        client: must not retry.
        keyspace: whose prefix the keys take.
        clock: Unix seconds.
    """

    def __init__(self, client: Client, keyspace: Keyspace, *, clock: Callable[[], float] = time.time) -> None:
        self._client = client
        self._keys = ExperimentKeys(keyspace)
        self._clock = clock
        self._write_script = Script("experiments_write")
        self._note_script = Script("experiments_note")

    async def version(self) -> int:
        """See :meth:`ExperimentStore.version`."""
        with unavailable_on_error():
            version = await self._client.execute_command("HGET", self._keys.definitions, "version")
        return _version_of(version)

    async def read(self) -> VersionedDocument:
        """See :meth:`ExperimentStore.read`."""
        with unavailable_on_error():
            version, document = await self._client.execute_command(
                "HMGET", self._keys.definitions, "version", "document"
            )
        return decoded_document(_version_of(version), document)

    async def write(self, document: ExperimentDocument, *, expected_version: int) -> int:
        """See :meth:`ExperimentStore.write`."""
        now_ms = math.floor(self._clock() * 1000)
        arguments: list[str | bytes | int] = [expected_version, msgspec.json.encode(document), now_ms]
        with unavailable_on_error():
            version = int(await self._write_script.run(self._client, [self._keys.definitions], arguments))
        if version < 0:
            raise DocumentChanged("the experiments were changed by another writer: nothing was written")
        return version

    async def note_phases(
        self, experiments: Collection[ExperimentSummary], *, version: int, at: float
    ) -> None:
        """See :meth:`ExperimentStore.note_phases`."""
        arguments: list[str | bytes | int] = [version, repr(float(at)), MAX_PHASES, MAX_EXPERIMENTS]
        for each in experiments:
            arguments += [each.experiment_id, _line_of(each)]
        with unavailable_on_error():
            await self._note_script.run(self._client, [self._keys.definitions, self._keys.phases], arguments)

    async def phases(self, experiment_id: str) -> tuple[ExperimentPhase, ...]:
        """See :meth:`ExperimentStore.phases`."""
        with unavailable_on_error():
            lines = await self._client.execute_command("HGET", self._keys.phases, experiment_id)
        try:
            return () if lines is None else tuple(map(_phase_in, bytes(lines).split(b"\n")))
        except (ValueError, msgspec.MsgspecError) as error:
            raise JournalDamaged(
                f"the phases of {experiment_id!r} in Redis cannot be read: {error}"
            ) from error

    async def experiment_ids(self) -> frozenset[str]:
        """See :meth:`ExperimentStore.experiment_ids`."""
        with unavailable_on_error():
            ids = await self._client.execute_command("HKEYS", self._keys.phases)
        return frozenset(bytes(id_).decode() for id_ in ids)


def decoded_document(version: int, stored: bytes | None) -> VersionedDocument:
    """Return a document from its JSON.

    Raises:
        DocumentDamaged: this is none.
    """
    if stored is None:
        return VersionedDocument(version, ExperimentDocument())
    try:
        return VersionedDocument(version, msgspec.json.decode(stored, type=ExperimentDocument))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DocumentDamaged(version, str(error)) from error


def _version_of(stored: bytes | None) -> int:
    try:
        return int(stored or 0)
    except ValueError as error:
        # To the script that writes, no number is 0.
        raise DocumentDamaged(0, "its version is no number") from error


def phase_of(experiment: ExperimentSummary, since: float) -> ExperimentPhase:
    """Return the phase that an experiment is in from ``since`` on."""
    return ExperimentPhase(
        since,
        tuple(experiment.variations),
        tuple(map(float, experiment.weights)),
        float(experiment.coverage),
        experiment.feature_id,
        experiment.slot,
        experiment.bucket_version,
    )


class _Undated(Struct, array_like=True):
    """A phase without its beginning, as the journal compares it."""

    variations: tuple[str, ...]
    weights: tuple[float, ...]
    coverage: float
    feature_id: str | None
    slot: str | None
    bucket_version: int


def _line_of(experiment: ExperimentSummary) -> bytes:
    _, *definition = msgspec.structs.astuple(phase_of(experiment, 0.0))
    return msgspec.json.encode(_Undated(*definition))


def _phase_in(line: bytes) -> ExperimentPhase:
    since, _, definition = line.partition(b"\t")
    undated = msgspec.json.decode(definition, type=_Undated)
    return ExperimentPhase(float(since), *msgspec.structs.astuple(undated))
