"""The soak's own parts: what it asks, and when it calls something growth."""

from collections import Counter

from tests.benchmarks.hot_path.shop import ReferenceShop
from tests.benchmarks.soak.requests import requests
from tests.benchmarks.soak.resources import look_at, trend


def test_growth_is_what_comes_after_the_warming_up() -> None:
    """A quantity that settles has not grown; one that rises to the end has."""
    settled = trend([min(number, 20.0) for number in range(100)])
    assert (settled.early, settled.late, settled.growth, settled.highest) == (20.0, 20.0, 0.0, 20.0)
    assert trend([float(number) for number in range(100)]).growth == 40.0
    assert trend([5.0]).growth == 0.0


def test_a_soak_asks_for_everything_that_strangers_ask() -> None:
    """Whole requests: pages above all, events, exports, and what is refused."""
    asked = requests(ReferenceShop(items=200, visitors=20, history=3), 400, stream=1)
    calls = Counter(b" ".join(each.split(b" ")[:2]).partition(b"/")[2].split(b"/")[0] for each in asked)
    assert calls.most_common(1)[0][0] == b"personalize"
    assert {b"events", b"items", b"visitors"} <= calls.keys()
    assert all(
        int(head.partition(b"Content-Length: ")[2].split(b"\r\n")[0]) == len(body)
        for head, _, body in (each.partition(b"\r\n\r\n") for each in asked)
    )


def test_a_process_that_is_gone_has_no_looks() -> None:
    """And is no error."""
    assert look_at(2**22 + 1, 0) is None
