"""The stages of a training and their times."""

from recommender.training.stages import Stages, peak_memory_bytes


class Clock:
    """Seconds that pass when they are told to."""

    now = 100.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


def test_a_stage_lasts_until_the_next_one_and_may_come_again() -> None:
    """Times add up to the whole, in the order in which stages began."""
    clock, told = Clock(), list[tuple[str, int, int]]()
    stages = Stages(lambda *step: told.append(step), clock)
    stages("one")
    clock.now += 2
    stages("two", 0, 2)
    clock.now += 3
    stages("two", 1, 2)
    stages("one")
    clock.now += 4
    assert stages.finished() == {"one": 6, "two": 3}
    assert list(stages.finished()) == ["one", "two"]
    assert stages.total_seconds == 9
    assert told == [("one", 0, 1), ("two", 0, 2), ("two", 1, 2), ("one", 0, 1)]


def test_work_that_occurs_twice_has_two_names() -> None:
    """The candidate's ALS is not the published model's; what is no such work keeps its name."""
    stages = Stages()
    tell = stages.renamed("training", "candidate")
    tell("training: ALS", 1, 4)
    tell("tuning: decay", 1, 4)
    stages("training: ALS")
    assert list(stages.seconds) == ["candidate: ALS", "tuning: decay", "training: ALS"]


def test_memory_is_that_of_this_process() -> None:
    """In bytes: an interpreter with numpy takes over 20 MB and under 100 GB."""
    assert 20 * 2**20 < peak_memory_bytes() < 100 * 2**30
