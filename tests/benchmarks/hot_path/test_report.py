"""The README's tables are made of the results, and capacity follows from them."""

from typing import Any
from xml.etree.ElementTree import fromstring

import pytest

from tests.benchmarks.hot_path.capacity import HEADROOM, NODE_GIB, Costs, capacity
from tests.benchmarks.hot_path.latency_plot import latency_plot
from tests.benchmarks.hot_path.report import END, START, markdown, replaced


def _usage(service_us: float, redis_us: float, ratio: float) -> dict[str, Any]:
    return {
        name: {"median": value, "rounds": [value]}
        for name, value in (("service_us", service_us), ("redis_us", redis_us), ("ratio", ratio))
    }


def _figures(milliseconds: float) -> dict[str, Any]:
    names = ("p50_ms", "p90_ms", "p99_ms", "p999_ms")
    return {name: milliseconds * (place + 1) for place, name in enumerate(names)} | {
        "errors": 0,
        "degraded": 3,
    }


CPU = {"saturated": {"bare": _usage(120, 0, 1), "kabin": _usage(240, 35, 2), "naive": _usage(2400, 150, 20)}}
LATENCY = {"250": _figures(1.25), "1000": _figures(2.5)}
MEMORY = [
    {"server": "Valkey 9", "visitors": 1_000_000, "state": 484.0, "ring": 516.0},
    {"server": "Redis 7", "visitors": 1_000_000, "state": 529.0, "ring": 593.0},
]


def test_the_tables_show_what_was_measured() -> None:
    """Medians stand beside their names, and capacity rests on the server that needs more memory."""
    text = markdown({"cpu": CPU, "latency": LATENCY, "memory": MEMORY})
    assert "| `POST /personalize`, saturated | 240 µs | 35 µs | 2.00 |" in text
    assert "| 1,000 | 2.5 | 5.0 | 7.5 | 10.0 | 0 | 3 |" in text
    assert "| Redis 7 | 1,000,000 | 529 bytes | 0.49 GiB | 593 bytes |" in text
    assert "visitors × 529 bytes" in text


def test_parts_that_were_not_measured_are_left_out() -> None:
    """A look at latency alone gives its table alone."""
    text = markdown({"latency": LATENCY})
    assert "latency.svg" in text
    assert "CPU of one request" not in text
    assert "Page views" not in text


def test_only_what_stands_between_the_markers_is_replaced() -> None:
    """A second report takes the place of the first."""
    readme = f"before\n{START}\nold\n{END}\nafter\n"
    once = replaced(readme, "new")
    assert once == f"before\n{START}\nnew\n{END}\nafter\n"
    assert replaced(once, "newer") == f"before\n{START}\nnewer\n{END}\nafter\n"
    with pytest.raises(ValueError, match="put them where the tables belong"):
        replaced("no markers", "new")


def test_the_plot_is_an_image_of_its_own() -> None:
    """It parses as XML, brings its colors along, and has a line for each percentile that is drawn."""
    svg = latency_plot(LATENCY)
    root = fromstring(svg)  # noqa: S314 - we have just written it
    assert root.tag.endswith("svg")
    assert "color:#1f2328" in svg
    assert all(name in svg for name in ("p50", "p90", "p99"))


def test_capacity_grows_with_what_runs_out_first() -> None:
    """Workers follow CPU; Redis nodes follow memory, or CPU where requests are dear and visitors small."""
    costs = Costs(service_us=250.0, redis_us=40.0, state_bytes=500.0, ring_bytes=600.0)
    busy = capacity(10_000, costs)
    assert busy.workers == 5
    assert busy.redis_nodes == -(-busy.redis_gib // (NODE_GIB * HEADROOM))
    light = capacity(100_000, Costs(250.0, 40.0, state_bytes=0.1, ring_bytes=0.1))
    assert light.redis_nodes == 8
    assert capacity(100, costs).workers == 1
