"""`kabin demo --experiment`: a short live run that ends with a report in which everybody is counted once."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.demo_server import run_demo

pytestmark = pytest.mark.slow

TIMEOUT_SECONDS = 180.0
VISITORS, DAYS = 120, 2
USER_AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
_COUNTED = re.compile(r"([\d,]+) visitors? took part as (\w+), and ([\d,]+) of them ordered")
_CONVERSION = re.compile(r"\(([\d,]+)\)")


class LiveRun(NamedTuple):
    """A demonstration whose experiment has ended."""

    url: str
    said: str


@pytest.fixture(scope="module")
def live_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveRun]:
    """A demonstration whose small crowd has been through two days."""
    folder = tmp_path_factory.mktemp("experiment")
    arguments = ("--experiment", "--visitors", str(VISITORS), "--days", str(DAYS))
    with run_demo(folder, *arguments) as url:
        yield LiveRun(url, wait_for(folder / "said.txt", "Ctrl-C ends"))


def wait_for(file: Path, words: str) -> str:
    """Return what a file says once it says these words."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while words not in (said := file.read_text()):
        assert time.monotonic() < deadline, said
        time.sleep(0.1)
    return said


def row(said: str, label: str) -> list[str]:
    """Return the cells of the report's first row of this label."""
    line = next(line for line in said.splitlines() if line.strip().startswith(label))
    return re.split(r"\s{2,}", line.strip())[1:]


def number(text: str) -> int:
    """Read a count."""
    return int(text.replace(",", ""))


def test_the_report_counts_whom_the_crowd_counted(live_run: LiveRun) -> None:
    """Visitors and buyers of every variation, each once; with so few of them no verdict is asked for."""
    counted = {name: (number(took), number(bought)) for took, name, bought in _COUNTED.findall(live_run.said)}
    assert counted.keys() == {"personalized", "full_price", "promo"}
    variations = ["personalized", "full_price", "promo"]
    assert [number(cell) for cell in row(live_run.said, "exposed visitors")] == [
        counted[name][0] for name in variations
    ]
    assert [number(cell) for cell in row(live_run.said, "compared")] == [
        counted[name][0] for name in variations
    ]
    buyers = [
        number(found[1]) if (found := _CONVERSION.search(cell)) else 0
        for cell in row(live_run.said, "conversion")
    ]
    assert buyers == [counted[name][1] for name in variations]
    assert "cost_of_goods_sold, known for all revenue" in live_run.said
    assert "Traceback" not in live_run.said


def test_the_report_is_served_as_a_page(live_run: LiveRun) -> None:
    """With its plots, beside the shop, which goes on; the lines at the end lead there."""
    assert f"- {live_run.url}/demo/experiment is the experiment's report" in live_run.said
    answer = httpx.get(live_run.url + "/demo/experiment", timeout=20)
    assert "<title>promo-page: " in answer.text
    assert "<svg" in answer.text
    assert httpx.get(live_run.url + "/", timeout=20).status_code == 200


def test_the_panel_tells_what_the_browsers_visitor_takes_part_in(live_run: LiveRun) -> None:
    """A newcomer is assigned by the running experiment; once their page was seen it is on record."""
    for _ in range(200):
        with browser_of(live_run) as browser:
            answer = browser.post("/personalize", json={"page": {"type": "home"}}).json()
            experiments = {one["experiment_id"]: one["variation"] for one in answer["experiments"]}
            if experiments.get("promo-page") != "promo":
                continue
            assert answer["slots"]["homepage"] == {"variant": "promo", "reason": "experiment"}
            shown = {"decision_id": answer["decision_id"], "slot": "homepage"}
            report = {"name": "decision_shown", "event_id": "seen-1", "params": shown}
            assert browser.post("/events", json={"events": [report]}).json()["accepted"] == 1
            words: dict[str, Any] = browser.get("/demo/visitor").json()["words"]
            break
    else:
        pytest.fail("of 200 newcomers none is in the experiment as promo")
    assert set(words["seen"]) == {"promo-page", "kabin-holdout"}
    assert words["switched_off"] == []
    assert words["homepage"].startswith("The sale, because the experiment promo-page")


def browser_of(live_run: LiveRun) -> httpx.Client:
    """Return somebody new, who does not look like a program: those are in no experiment."""
    return httpx.Client(base_url=live_run.url, headers={"user-agent": USER_AGENT}, timeout=20)
