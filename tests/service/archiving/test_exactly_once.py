"""Exactly once, by enumeration: an archiver is interrupted at every call that it makes, before and after it took effect."""

from collections import Counter
from contextlib import suppress

import pytest

from service.stores.archive import ArchiveConflict, ArchiveError
from tests.archive_world import Killed, World, at_step, every_step, kill, meanwhile


def _world() -> World:
    """Return a world in which some events are archived and others wait."""
    world = World()
    world.arrive(5)
    world.drain()
    world.arrive(9)
    return world


def _once(world: World) -> None:
    """Drain what is left, and check that everything accepted is archived once, and nothing else is anywhere."""
    world.drain()
    assert world.archived() == Counter(world.accepted)
    assert world.archive().count() == len(world.accepted)
    assert world.waiting() == 0
    assert world.unlisted() == set()


def test_killed_at_any_call_it_loses_nothing_and_writes_nothing_twice() -> None:
    """Whatever an archiver was at when it was killed, the next one makes good, and events that came in between are kept."""

    def run(step: int) -> list[int]:
        world = _world()
        told, reached = at_step(step, kill)
        try:
            world.drain(told)
        except Killed:
            world.arrive(2)
        _once(world)
        return reached

    steps = list(every_step(run))
    assert len(steps) > 50


@pytest.mark.slow
def test_killed_again_and_again_it_gets_there() -> None:
    """Archivers that are killed one after the other, each a call later than the one before, end with everything archived."""
    world = _world()
    for step in range(3, 120):
        told, reached = at_step(step, kill)
        world.arrive(1)
        try:
            world.drain(told)
        except Killed:
            assert reached
    _once(world)


def test_the_very_first_drain_may_be_killed_too() -> None:
    """An archive that was begun and not yet recorded, or recorded and empty, is gone on with."""

    def run(step: int) -> list[int]:
        world = World()
        world.arrive(3)
        told, reached = at_step(step, kill)
        with suppress(Killed):
            world.drain(told)
        _once(world)
        return reached

    assert list(every_step(run))


@pytest.mark.slow
def test_two_archivers_at_once_do_not_harm_each_other() -> None:
    """One that was paused anywhere (its lease has gone), while another drained and swept, either goes on rightly or gives up."""
    outcomes = Counter[str]()

    def run(step: int) -> list[int]:
        world = _world()

        def overtake() -> None:
            world.arrive(2)
            meanwhile(world.drain)

        told, reached = at_step(step, overtake)
        try:
            world.drain(told)
            outcomes["went on"] += 1
        except ArchiveConflict:
            outcomes["gave up"] += 1
        except ArchiveError:  # Its half-written file was swept.
            outcomes["failed"] += 1
        world.arrive(1)
        _once(world)
        return reached

    assert list(every_step(run))
    assert min(outcomes["went on"], outcomes["gave up"]) > 5


@pytest.mark.slow
@pytest.mark.parametrize("lost", [0, 4])
def test_a_redis_that_lost_its_last_second_loses_nothing_more(lost: int) -> None:
    """Redis killed at any moment, back without its last writes and with its clock behind: what it takes then is archived."""

    def run(step: int) -> list[int]:
        world = _world()

        def restart() -> None:
            world.log.restart(lost=lost, clock_ms=world.log.clock_ms - 3000)
            world.arrive(6)

        told, reached = at_step(step, restart)
        world.drain(told)
        afterwards = world.accepted[-6:]
        world.drain()
        archived = world.archived()
        assert set(archived.values()) == {1}
        assert archived.keys() >= {*world.accepted[:5], *afterwards}
        assert archived.keys() <= set(world.accepted)
        assert world.waiting() == 0
        if not lost:
            assert archived == Counter(world.accepted)
        return reached

    assert list(every_step(run))


@pytest.mark.slow
def test_compaction_killed_at_any_call_leaves_every_row_once() -> None:
    """Before its commit the small files count, after it the large one; no reader sees both or neither."""

    def run(step: int) -> list[int]:
        world = _world()
        world.drain()
        told, reached = at_step(step, kill)
        try:
            world.compact(told)
        except Killed:
            assert world.archived() == Counter(world.accepted)
        world.compact()
        world.arrive(1)
        _once(world)
        return reached

    assert list(every_step(run))
