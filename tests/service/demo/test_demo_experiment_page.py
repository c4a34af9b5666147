"""``/demo/experiment``: how to run an experiment, and its report once one has run."""

from pathlib import Path

import httpx
from starlette.applications import Starlette

from service.demo.assets import Assets
from service.demo.assortment import Assortment
from service.demo.experiment_page import PAGE_PATH, REPORT_FILE, ExperimentPage
from service.demo.rendering import Renderer
from service.demo.shop import simulate_shop
from tests.service.demo.shopper import BASE_URL, SNIPPET, InProcess


def enter(folder: Path) -> httpx.Client:
    """Return a client of a shop whose data are in ``folder``."""
    page = ExperimentPage(folder, Assortment(simulate_shop(7)), Renderer(Assets(), snippet=SNIPPET, panel={}))
    return httpx.Client(transport=InProcess(Starlette(routes=page.routes())), base_url=BASE_URL)


def test_without_an_experiment_the_page_says_how_to_run_one(tmp_path: Path) -> None:
    """A page of the shop, in friendly words, and no error."""
    answer = enter(tmp_path).get(PAGE_PATH)
    assert answer.status_code == 200
    assert "kabin demo --experiment" in answer.text
    assert "No experiment has run yet" in answer.text
    assert 'id="kabin-panel"' in answer.text


def test_the_last_report_is_shown_as_it_is(tmp_path: Path) -> None:
    """It has its style in itself, may load and run nothing, and is asked for anew each time."""
    client = enter(tmp_path)
    for text in ("<!doctype html><title>first</title>", "<!doctype html><title>second</title>"):
        (tmp_path / REPORT_FILE).write_text(text)
        answer = client.get(PAGE_PATH)
        assert answer.text == text
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'; style-src 'unsafe-inline'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"
