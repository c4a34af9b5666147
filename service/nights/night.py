"""One night: what happened goes into the archive, the archive into a model, and the model past the gate.

Training is what a night is for. What comes before it, archiving and compacting, may fail without costing the shop its new
model: training reads what is still in the log too, so nothing is missing from it, and the next night makes up for what
was left undone. Such a failure is logged, and told again at the night's end.
"""

import logging
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from service.logs import fields
from service.stores.connection import StoreUnavailable
from service.stores.leases import HeldLease, LeaseStore, held
from service.stores.nights import Night, NightResult, Nights

LEASE: Final = "nightly"
LEASE_TTL_SECONDS: Final = 300.0
"""Patience with a holder that no longer renews. Long, since one call of a numeric library may keep the interpreter to
itself for a minute with 10 million events, and a night that begins five minutes late after a crash is none the worse."""

MOST_AHEAD_SECONDS: Final = 86_400.0
"""A night that is noted as later than this from now was noted by a clock that was wrong: it counts as none, for else no
night would be done until that time comes."""

TRAIN: Final = "train"

Facts: TypeAlias = Mapping[str, object]
"""What a step's log line says besides its name and duration."""
Checkpoint: TypeAlias = Callable[[], None]
"""Called wherever a night may end, from any thread; raises :class:`NightEnded`."""

_log = logging.getLogger(__name__)


class NightEnded(Exception):  # noqa: N818 - what happened, like StoreUnavailable
    """The night must not go on: it was asked to stop, or another machine may have begun it."""


class NightDone(Exception):  # noqa: N818 - likewise
    """Another process has completed this night."""


class StopRequest:
    """Asks a night to end; set by a signal, looked at from the thread that trains."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.by = ""

    def set(self, by: str) -> None:
        """Ask; the first to do so is remembered."""
        self.by = self.by or by
        self._event.set()

    @property
    def is_set(self) -> bool:
        """Whether the night was asked to end."""
        return self._event.is_set()


@dataclass(frozen=True, slots=True)
class Step:
    """What a night does before training.

    Attributes:
        name: one word, for the log.
        run: does it, and returns what to say of it.
        fatal: failures after which training makes no sense; all others are logged, and the night goes on.
    """

    name: str
    run: Callable[[], Awaitable[Facts]]
    fatal: tuple[type[Exception], ...] = ()


@dataclass(frozen=True, slots=True)
class Trained:
    """What became of a night's training.

    Attributes:
        result: what the gate said.
        version: of the model that was written.
        reasons: why it was refused, a sentence each.
        facts: for the log.
    """

    result: NightResult
    version: str
    reasons: tuple[str, ...] = ()
    facts: Facts = field(default_factory=dict)


Train: TypeAlias = Callable[[int, Checkpoint], Awaitable[Trained]]
"""Trains, lets the gate decide and publishes: shows the fence (the lease's token) where it publishes, and calls the
checkpoint between its stages and right before."""


async def keep_night(
    steps: Sequence[Step],
    train: Train,
    *,
    leases: LeaseStore,
    nights: Nights,
    holder: str,
    stop: StopRequest,
    unless_since: float | None = None,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
) -> Trained:
    """Do one night under its lease, and note it as completed once the gate has spoken.

    Args:
        steps: before training, in order.
        train: makes the model.
        leases: where machines agree on who does the night.
        nights: where completed nights are noted.
        holder: this process, for those who come second.
        stop: looked at between steps, and between stages of training.
        unless_since: Unix seconds; a night that began then or later is this one, and is not done twice.
        clock: Unix seconds.
        monotonic: seconds that only grow, for the lease.

    Raises:
        LeaseTaken: another process is at it.
        NightDone: another process has done it.
        NightEnded: it was stopped or lost its lease before anything was published.
        StoreUnavailable: nobody can tell who may do it.
        Exception: whatever training failed of, or a step fatally.
    """
    async with held(leases, LEASE, holder=holder, ttl_seconds=LEASE_TTL_SECONDS, clock=monotonic) as lease:
        last = await nights.last()
        if last is not None and _is_done(last, unless_since, clock()):
            raise NightDone(f"the night was {last.result} by {last.holder}")

        def checkpoint() -> None:
            _check(lease, stop)

        _log.info("night begins", extra=fields(holder=holder, fence=lease.token))
        started_at = clock()
        failed = [step.name for step in steps if not await _succeeds(step, checkpoint)]
        trained = await _train(train, lease.token, checkpoint)
        night = Night(
            started_at=started_at,
            finished_at=clock(),
            result=trained.result,
            version=trained.version,
            holder=holder,
        )
        await _note(nights, night)
    _say_end(night, failed)
    return trained


def _is_done(last: Night, since: float | None, now: float) -> bool:
    return since is not None and since <= last.started_at <= now + MOST_AHEAD_SECONDS


async def _succeeds(step: Step, checkpoint: Checkpoint) -> bool:
    """Do a step; return whether it succeeded.

    Raises:
        NightEnded: it must not begin.
        Exception: it failed fatally.
    """
    checkpoint()
    _log.info("step begins", extra=fields(step=step.name))
    started = time.monotonic()
    try:
        facts = await step.run()
    except step.fatal:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it does not cost the shop its model
        said = fields(step=step.name, seconds=_since(started), reason=reason_of(error))
        _log.warning("step failed, the night goes on", extra=said)
        return False
    _log.info("step done", extra=fields(**{"step": step.name, "seconds": _since(started), **facts}))
    return True


async def _train(train: Train, fence: int, checkpoint: Checkpoint) -> Trained:
    checkpoint()
    _log.info("step begins", extra=fields(step=TRAIN))
    started = time.monotonic()
    trained = await train(fence, checkpoint)
    outcome = {"result": trained.result, "version": trained.version}
    for reason in trained.reasons:
        _log.warning(
            "model refused, the current one stays", extra=fields(version=trained.version, reason=reason)
        )
    said = fields(**{"step": TRAIN, "seconds": _since(started), **outcome, **trained.facts})
    _log.info("step done", extra=said)
    return trained


async def _note(nights: Nights, night: Night) -> None:
    try:
        await nights.complete(night)
    except StoreUnavailable as error:
        # What was published stays so; at worst another machine does this night once more.
        _log.warning("the night is done but could not be noted", extra=fields(reason=reason_of(error)))


def _say_end(night: Night, failed: list[str]) -> None:
    went_well = night.result == "published" and not failed
    said = fields(
        result=night.result,
        version=night.version,
        seconds=round(night.finished_at - night.started_at, 1),
        failed_steps=failed or None,
    )
    _log.log(logging.INFO if went_well else logging.WARNING, "night ends", extra=said)


def _check(lease: HeldLease, stop: StopRequest) -> None:
    if stop.is_set:
        raise NightEnded(f"stopped by {stop.by}")
    if not lease.is_held:
        raise NightEnded("the lease is lost: Redis was away for minutes, or this process stood still")


def _since(started: float) -> float:
    return round(time.monotonic() - started, 1)


def reason_of(error: BaseException) -> str:
    """Return what an exception says, on one line; its type if it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__
