"""Staging one fault: callers before, during and after it, and then the count of what is left."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.faults.callers import Callers
from tests.faults.found import events_found
from tests.faults.operators import Operators
from tests.faults.row import STREAK, Row, row_of
from tests.faults.scene import Scene
from tests.faults.traffic import Traffic

RATE: Final = 150.0
"""Requests a second: a tenth of what the service can do on two cores, which callers, archiver and Redis share."""
RECOVERY_SECONDS: Final = 30.0
"""After which a service that has not recovered by itself never will."""


@dataclass
class Stage:
    """What a fault may touch.

    Attributes:
        scene: Redis, network and service.
        traffic: of the row.
        callers: who ask meanwhile.
        notes: what the fault has to say besides the table.
        complaints: promises that it has seen broken.
    """

    scene: Scene
    traffic: Traffic
    callers: Callers
    notes: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong, and is put right in the end.

    Attributes:
        name: on the command line.
        title: in the table.
        act: makes it happen for about so many seconds, and removes its cause.
        prepare: what must be there before.
        may_send_again: whether connections may break under requests: of a process that was killed they do.
    """

    name: str
    title: str
    act: Callable[[Stage, float], None]
    prepare: Callable[[Scene], None] = lambda _scene: None
    may_send_again: bool = False


def stage(
    fault: Fault, scene: Scene, *, before: float, seconds: float, after: float, rate: float = RATE
) -> Row:
    """Let a fault happen under load, and return what was seen.

    Args:
        fault: that happens.
        scene: to which it does.
        before: seconds of ordinary load.
        seconds: of the fault.
        after: seconds of ordinary load once nothing is seen of it any more.
        rate: requests a second.
    """
    fault.prepare(scene)
    log_before = len(scene.service.log)
    watched = scene.service
    traffic = Traffic(f"{fault.name}-{uuid.uuid4().hex[:8]}", scene.visitors)
    callers = Callers(traffic, rate, scene.target)
    operators = Operators(scene.target)
    staged = Stage(scene, traffic, callers)
    with callers.calling(), operators.calling():
        time.sleep(before)
        began = time.monotonic()
        fault.act(staged, seconds)
        ended = time.monotonic()
        _wait_until_recovered(traffic, ended)
        time.sleep(after)
    found = events_found(scene.redis.url, scene.archive_folder)
    tracebacks = watched.log[log_before:].count("Traceback (most recent call last)")
    return row_of(
        fault.title,
        traffic,
        found,
        began=began,
        ended=ended,
        tracebacks=tracebacks,
        may_send_again=fault.may_send_again,
        notes=staged.notes,
        complaints=staged.complaints,
        operators=operators,
    )


def _wait_until_recovered(traffic: Traffic, ended: float) -> None:
    """Wait until requests get all they asked for again, or give up."""
    deadline = ended + RECOVERY_SECONDS
    while time.monotonic() < deadline:
        last = [asked for asked in traffic.asked[-4 * STREAK :] if asked.is_settled][-STREAK:]
        if len(last) == STREAK and all(asked.due >= ended and asked.is_healthy for asked in last):
            return
        time.sleep(0.02)
