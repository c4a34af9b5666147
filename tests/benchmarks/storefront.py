"""What the storefront script costs a product page: paint, layout shift, bytes, time until the decision.

    python -m tests.benchmarks.storefront --rounds 10

Starts `kabin demo`, becomes a visitor whose size is known, and opens a product page in Debian's Chromium with the
script and without it (``?script=off``), in turns and in changing order; each time first in a fresh browser context
(cold cache), then in a second tab of the same context (warm cache). The demonstration's own side panel is on both
pages. Ten rounds take two to three minutes; everything that is started is stopped.
"""

import argparse
import contextlib
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from service.demo.shop import product_path
from service.storefront.bundle import load_bundle

START_TIMEOUT_SECONDS: Final = 120.0
LOAD_TIMEOUT_MS: Final = 20_000
OBSERVED_MS: Final = 2_500
"""How long a page is watched after it was loaded: the script sends its events after a second of quiet."""

PERSONA: Final[dict[str, str | float | bool]] = {"persona": "trend", "back": "/"}
PARTS: Final = {
    "· Kabin's": ("/kabin", "/personalize", "/events"),
    "· pictures": ("/garments",),
    "· the panel's": ("/demo",),
}
"""How the paths begin; Kabin's are the script and its calls. The panel asks again after a decision."""

CACHES: Final = ("cold", "warm")
ITEM: Final = "K0001"
"""A women's shirt, whose size the demonstration's trend seeker has bought often."""

SLOW_4G: Final = {"latency": 150, "downloadThroughput": 1_638_400 / 8, "uploadThroughput": 750_000 / 8}
"""Milliseconds and bytes a second of Lighthouse's mobile preset."""

VIEWPORTS: Final = {"desktop": (1280, 800), "phone": (390, 844)}

_OBSERVE: Final = """
const seen = window.seenByBenchmark = {lcp: 0, shift: 0};
const observe = (type, note) => new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({type, buffered: true});
observe("largest-contentful-paint", (entry) => (seen.lcp = entry.startTime));
observe("layout-shift", (entry) => (seen.shift += entry.hadRecentInput ? 0 : entry.value));
"""

_READ: Final = """() => {
  const of = (name) => performance.getEntriesByType("resource").find((entry) => new URL(entry.name).pathname === name);
  const found = {
    "LCP, ms": seenByBenchmark.lcp,
    "FCP, ms": performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
    "layout shift": seenByBenchmark.shift,
    "kabin.js there, ms": of("/kabin.js")?.responseEnd,
    "question sent, ms": of("/personalize")?.startTime,
    "decision there, ms": of("/personalize")?.responseEnd,
    "preselected": document.querySelectorAll("[data-kabin-preselected]").length,
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}"""

Load = Mapping[str, float]


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark and print what it found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, choices=range(1, 101), default=10, metavar="1..100")
    parser.add_argument("--device", choices=VIEWPORTS, default="desktop")
    parser.add_argument("--slow", action="store_true", help="with the network of Lighthouse's mobile preset")
    options = parser.parse_args(arguments)
    bundle = load_bundle()
    for name, script in (("kabin.js", bundle.script), ("kabin-widgets.js", bundle.widgets)):
        print(f"{name:<18}{len(script.source):>7,} bytes, {len(script.packed):,} as gzip")
    width, height = VIEWPORTS[options.device]
    loads = {(cache, with_script): list[Load]() for cache in CACHES for with_script in (True, False)}
    with running_demo() as url, chromium() as browser:
        for number in range(options.rounds):
            for with_script in (True, False) if number % 2 else (False, True):
                address = url + product_path(ITEM) + ("" if with_script else "?script=off")
                with browser.new_context(viewport={"width": width, "height": height}) as context:
                    context.request.post(url + "/demo/persona", form=PERSONA, headers={"origin": url})
                    for cache in CACHES:
                        loads[cache, with_script].append(_load(context, address, slow=options.slow))
    network = "slow 4G" if options.slow else "loopback"
    print(f"{options.rounds} rounds, {options.device}, {network}; load average {os.getloadavg()[0]:.1f}")
    for cache in CACHES:
        _report(cache, loads[cache, True], loads[cache, False])


@contextlib.contextmanager
def running_demo() -> Iterator[str]:
    """Start the demonstration on a free port of this machine, yield its address, and stop it.

    Raises:
        RuntimeError: it did not start; the message is what it printed.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "service.cli", "demo", "--port", str(port)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KABIN_")}
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=said)  # noqa: S603 - our own interpreter
        try:
            if not _is_ready(url, process):
                said.seek(0)
                raise RuntimeError(said.read())
            yield url
        finally:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=60)
            process.kill()


def _is_ready(url: str, process: "subprocess.Popen[bytes]") -> bool:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url + "/readyz", timeout=2).status_code == 200:
                return True
        time.sleep(0.2)
    return False


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Start Debian's Chromium, and close it."""
    path = shutil.which("/usr/lib/chromium/chromium") or shutil.which("chromium")
    if path is None:
        sys.exit("Chromium is absent: apt-get install chromium")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=arguments)  # ends with Playwright


def _load(context: BrowserContext, address: str, *, slow: bool) -> Load:
    """Open a page in a new tab; return what was seen of it."""
    page = context.new_page()
    page.add_init_script(_OBSERVE)
    session = context.new_cdp_session(page)
    paths: dict[str, str] = {}
    received = dict.fromkeys(("bytes", *PARTS), 0.0)

    def remember(event: Mapping[str, Any]) -> None:
        paths[event["requestId"]] = urlsplit(event["request"]["url"]).path

    def note(event: Mapping[str, Any]) -> None:
        path = paths.get(event["requestId"], "")
        for part in ("bytes", *(part for part, starts in PARTS.items() if path.startswith(starts))):
            received[part] += event["encodedDataLength"]

    session.on("Network.requestWillBeSent", remember)
    session.on("Network.loadingFinished", note)
    session.send("Network.enable")
    if slow:
        session.send("Network.emulateNetworkConditions", {"offline": False, **SLOW_4G})
    page.goto(address, wait_until="load", timeout=LOAD_TIMEOUT_MS)
    page.wait_for_timeout(OBSERVED_MS)
    found = page.evaluate(_READ) | received
    page.close()
    return dict(found)


def _report(cache: str, with_script: Sequence[Load], without: Sequence[Load]) -> None:
    print(f"\n{cache + ' cache':<20}{'with':>9}{'min–max':>17}{'without':>11}{'min–max':>17}{'more':>10}")
    for name in dict.fromkeys(name for load in with_script for name in load):
        ours, others = ([load[name] for load in loads if name in load] for loads in (with_script, without))
        line = f"{name:<20}{_cell(ours)}"
        if others:
            line += f"  {_cell(others)}{_number(statistics.median(ours) - statistics.median(others)):>10}"
        print(line if len(ours) == len(with_script) else f"{line}  in {len(ours)} loads")


def _cell(values: Sequence[float]) -> str:
    return f"{_number(statistics.median(values)):>9}{_number(min(values)) + '–' + _number(max(values)):>17}"


def _number(value: float) -> str:
    return f"{value:.4f}" if 0 < abs(value) < 1 else f"{value:,.0f}"


if __name__ == "__main__":
    main()
