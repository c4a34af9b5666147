"""What callers see when things fail: short forms of every row of the README's table.

`python -m tests.faults --seconds 10` prints the table itself.
"""

from collections.abc import Iterator

import pytest

from tests.faults.faults import FAULTS
from tests.faults.row import Row
from tests.faults.scene import Scene, scene
from tests.faults.staging import Fault, stage

SLOWEST_MS = 2000.0
"""Of anything while Redis or the network fails: POST /events waits 1 s for it, pages 30 ms."""
SHORT = {"killed", "frozen", "full", "slow", "half-open", "reset", "noscript"}
"""Faults that are over within a second; the others need seconds of their own, or the whole of both cores."""
UNSEEN = {"noscript", "clock", "connections", "slow-clients", "worker", "drain"}
"""Faults of which callers need not see anything."""

pytestmark = [
    # A caller's thread may be cut off in the middle of a connection when its loop ends.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One scene for all rows: each finds it as the one before has left it."""
    with scene(tmp_path_factory.mktemp("faults")) as made:
        yield made


def _check(fault: Fault, row: Row) -> None:
    assert row.broken == [], fault.title
    assert row.acknowledged > 0
    assert row.recovery_seconds < float("inf"), "it has not recovered"
    if fault.name not in UNSEEN:
        assert row.degraded + row.unavailable > 0, (
            "nobody saw anything of it: the harness has not made it happen"
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault", [fault for fault in FAULTS if fault.name in SHORT], ids=lambda fault: fault.name
)
def test_every_caller_has_an_answer_and_what_was_acknowledged_is_there(shop: Scene, fault: Fault) -> None:
    """200 (degraded or not) or 503 in time, nobody else's data, no 5xx, and each acknowledged event is found once."""
    row = stage(fault, shop, before=0.2, seconds=0.6, after=0.1)
    _check(fault, row)
    assert row.slowest_ms < SLOWEST_MS


@pytest.mark.proof
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_the_same_holds_for_longer(shop: Scene, fault: Fault) -> None:
    """The rows of the README's table, half as long."""
    _check(fault, stage(fault, shop, before=2.0, seconds=5.0, after=2.0))
