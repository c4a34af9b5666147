"""From the results of ``make bench`` to the README's tables and the plot of latency.

    python -m tests.benchmarks.hot_path.report var/bench.json [--write]

Prints the tables; ``--write`` puts them between the README's markers, and draws ``latency.svg`` beside this file.
"""

import argparse
import json
import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.hot_path.capacity import HEADROOM, NODE_GIB, RATES, Costs, capacity
from tests.benchmarks.hot_path.latency_plot import PERCENTILES, latency_plot

README: Final = Path(__file__).parents[3] / "README.md"
PLOT: Final = Path(__file__).with_name("latency.svg")
START: Final = "<!-- from make bench: do not edit -->"
END: Final = "<!-- end of make bench -->"

_DIMENSIONS: Final = {
    "visitors": "visitors in Redis",
    "items": "items in model and catalog",
    "history": "events of each visitor's history",
    "workers": "workers",
}
_GIB: Final = 2**30
_MIB: Final = 2**20

Results = dict[str, Any]


def main(arguments: list[str] | None = None) -> None:
    """Print the tables, or write them down."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--write", action="store_true", help="into README.md and latency.svg")
    options = parser.parse_args(arguments)
    results: Results = json.loads(options.results.read_text())
    text = markdown(results)
    if not options.write:
        print(text)
        return
    README.write_text(replaced(README.read_text(), text))
    if "latency" in results:
        PLOT.write_text(latency_plot(results["latency"]))


def replaced(readme: str, text: str) -> str:
    """Return the README with ``text`` between its markers.

    Raises:
        ValueError: the markers are not there.
    """
    before, _, rest = readme.partition(START)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"README.md has no {START} … {END}: put them where the tables belong")
    return f"{before}{START}\n{text}\n{END}{after}"


def markdown(results: Results) -> str:
    """Return the tables of whatever parts were measured."""
    parts = (
        ("cpu", _cpu_table),
        ("latency", _latency_table),
        ("growth", _growth_table),
        ("memory", _memory_table),
    )
    tables = ["\n".join(table(results[name])) for name, table in parts if name in results]
    if "startup" in results:
        tables.append(_startup_text(results["startup"]))
    if "cpu" in results and "memory" in results:
        tables.append("\n".join(_capacity_table(costs_of(results))))
    return "\n\n".join([*tables, machine()])


def costs_of(results: Results) -> Costs:
    """Return what capacity is worked out from: of the servers measured the one that takes most memory."""
    usage = next(iter(results["cpu"].values()))["kabin"]
    return Costs(
        usage["service_us"]["median"],
        usage["redis_us"]["median"],
        max(each["state"] for each in results["memory"]),
        max(each["ring"] for each in results["memory"]),
    )


def machine() -> str:
    """Return what this machine is, in a sentence."""
    names = ("uvicorn", "uvloop", "starlette", "redis", "hiredis", "orjson", "msgspec")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    cores = _cores()
    return f"Machine: {cores}, {platform.system()} {platform.release().partition('-')[0]}, Python {platform.python_version()}, {versions}."


def _cores() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(models)} × {models[0]}" if models else platform.processor() or platform.machine()


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join(['---'] + ['---:'] * (len(head) - 1))} |"
    for row in rows:
        yield f"| {' | '.join(row)} |"


_SERVERS: Final = {
    "kabin": "`POST /personalize`",
    "bare": "a bare Starlette route on the same server",
    "naive": "the same work by FastAPI, redis-py and `implicit.similar_items`",
}
"""What a reader is told of; another checkout's figures are for the notes."""


def _cpu_table(cpu: Results) -> Iterator[str]:
    rows = [
        (
            f"{name}, {rate}",
            f"{by_server[server]['service_us']['median']:,.0f} µs",
            f"{by_server[server]['redis_us']['median']:,.0f} µs" if server != "bare" else "",
            f"{by_server[server]['ratio']['median']:.2f}",
        )
        for rate, by_server in cpu.items()
        for server, name in _SERVERS.items()
    ]
    yield from _table(("CPU of one request", "service", "Redis", "times bare"), rows)


def _latency_table(latency: Results) -> Iterator[str]:
    rows = [
        (
            f"{int(rate):,}",
            *(f"{figures[name]:.1f}" for name in PERCENTILES),
            f"{figures['errors']:,}",
            f"{figures['degraded']:,}",
        )
        for rate, figures in latency.items()
    ]
    head = ("Requests a second", *(f"{name}, ms" for name in PERCENTILES.values()), "errors", "degraded")
    yield from _table(head, rows)
    yield ""
    yield f"![Latency by rate]({PLOT.relative_to(README.parent)})"


def _growth_table(growth: Sequence[Results]) -> Iterator[str]:
    rows = [
        (
            f"{_DIMENSIONS[each['dimension']]}, {each['from_size']:,} → {each['size']:,}",
            f"{each['variant']['service_us']:.0f} µs, ×{each['ratios']['service_us']:.2f}",
            f"{each['variant']['redis_us']:.0f} µs, ×{each['ratios']['redis_us']:.2f}",
            f"{each['variant']['p50_ms']:.1f} ms, ×{each['ratios']['p50_ms']:.2f}",
            f"{each['variant']['p99_ms']:.1f} ms, ×{each['ratios']['p99_ms']:.2f}",
        )
        for each in growth
    ]
    yield from _table(("As the shop grows", "service", "Redis", "p50", "p99"), rows)
    large = [each for each in growth if each["dimension"] == "items"]
    if large:
        most = max(large, key=lambda each: int(each["size"]))
        own, shared = most["footprint"]["own"] / _MIB, most["footprint"]["shared"] / _MIB
        yield ""
        yield (
            f"A worker with model and catalog of {most['size']:,} items: {own:,.0f} MiB of its own; {shared:,.0f} MiB of "
            "files that all workers of a machine share."
        )


def _memory_table(memory: Sequence[Results]) -> Iterator[str]:
    rows = [
        (
            each["server"],
            f"{each['visitors']:,}",
            f"{each['state']:.0f} bytes",
            f"{each['state'] * 1e6 / _GIB:.2f} GiB",
            f"{each['ring']:.0f} bytes",
        )
        for each in memory
    ]
    head = (
        "Memory of visitors (30 events)",
        "visitors",
        "each",
        "a million",
        "and for two days after a visit",
    )
    yield from _table(head, rows)


def _startup_text(startup: Results) -> str:
    return (
        f"Ready {startup['ready_seconds']:.1f} s after the start of the process, with {startup['items']:,} items and "
        f"{startup['skus']:,} SKUs ({startup['ready_cpu_seconds']:.1f} s of CPU). A new model is taken up while it answers: the slowest answer around a swap takes "
        f"{startup['swap_slowest_ms']:.1f} ms at the median of {startup['swaps']} swaps ({startup['swap_most_ms']:.1f} at most), "
        f"in as long a time without one {startup['quiet_slowest_ms']:.1f} ({startup['quiet_most_ms']:.1f})."
    )


def _capacity_table(costs: Costs) -> Iterator[str]:
    found = [capacity(rate, costs) for rate in RATES]
    rows = [
        (
            f"{each.rate:,}",
            _millions(each.visitors),
            f"{each.workers:,}",
            f"{each.redis_gib:,.0f} GiB" if each.redis_gib >= 10 else f"{each.redis_gib:.1f} GiB",
            f"{each.redis_nodes:,}",
        )
        for each in found
    ]
    nodes = f"Redis nodes of {NODE_GIB} GiB"
    yield from _table(
        ("Page views a second at the peak", "visitors remembered", "workers (cores)", "Redis memory", nodes),
        rows,
    )
    yield ""
    yield (
        f"Worked out from the tables above with {HEADROOM * 100:.0f} % of each core and of each node's memory in use: workers = rate × "
        f"{costs.service_us:.0f} µs ÷ {HEADROOM}, memory = visitors × {costs.state_bytes:.0f} bytes + those of the last two days × "
        f"{costs.ring_bytes:.0f} bytes + two minutes of events, nodes = the greater of memory ÷ ({NODE_GIB} GiB × {HEADROOM}) and rate × "
        f"{costs.redis_us:.0f} µs ÷ {HEADROOM}. Visitors: 115 pages each in 400 days, with a peak of three times the mean."
    )


def _millions(count: int) -> str:
    return f"{count / 1e6:,.0f} million"


if __name__ == "__main__":
    main()
