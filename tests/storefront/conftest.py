"""Chromium, a scripted service and a page whose clock stands still."""

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from starlette.applications import Starlette
from starlette.routing import Route

from tests.storefront.fake_kabin import NOW, FakeKabin
from tests.storefront.shopper import PickerKind, Visit
from tests.storefront.watch import Watch, globals_of

DEVICES: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 2,
        "has_touch": True,
        "is_mobile": True,
    },
}


def _chromium() -> str | None:
    """Return Debian's Chromium; the binary itself before the wrapper, which is slower to start."""
    binary = Path("/usr/lib/chromium/chromium")
    return str(binary) if binary.is_file() else shutil.which("chromium") or shutil.which("chromium-browser")


def pytest_runtest_setup() -> None:
    """Skip this folder's tests where there is no Chromium; from here, so that the report says it in one line.

    With ``KABIN_REQUIRE_BROWSER`` in the environment they fail instead.
    """
    if _chromium() is not None:
        return
    reason = "Chromium is absent: apt-get install chromium"
    if os.environ.get("KABIN_REQUIRE_BROWSER"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


# Playwright keeps an event loop running in this thread, so it ends with this folder's tests: others call asyncio.run.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of this folder."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_chromium(), args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture(scope="package")
def served() -> Iterator[FakeKabin]:
    """The scripted service on two loopback ports, in a thread of its own."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    first, second = (bound.getsockname()[1] for bound in sockets)
    kabin = FakeKabin((first, second))
    app = Starlette(routes=[Route("/{path:path}", kabin.handle, methods=["GET", "POST", "OPTIONS"])])
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, args=(sockets,), name="fake-kabin")
    thread.start()
    deadline = time.monotonic() + 10
    while not server.started and thread.is_alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.started, "the scripted service did not start"
    yield kabin
    kabin.release_all()
    server.should_exit = True
    thread.join(timeout=10)
    assert not thread.is_alive(), "the scripted service did not stop"


@pytest.fixture
def kabin(served: FakeKabin) -> Iterator[FakeKabin]:
    """The scripted service, fresh; every body it got must be one that the real service would take."""
    served.reset()
    yield served
    served.release_all()
    assert not served.refused, "\n".join(served.refused)
    assert not served.rejected, "\n".join(served.rejected)
    assert not served.violations, "\n".join(served.violations)
    assert not served.pages.unused_edits, f"no page holds {served.pages.unused_edits}"


@pytest.fixture(scope="package")
def plain_globals(browser: Browser, served: FakeKabin) -> set[str]:
    """Names of the globals of a page without any script, as these devices and Playwright make them."""
    served.reset()
    names: set[str] = set()
    for options in DEVICES.values():
        with browser.new_context(**options) as context:
            page = context.new_page()
            page.clock.install(time=NOW)
            page.goto(served.url("blank.html"))
            names |= globals_of(page)
    return names


@pytest.fixture
def device() -> Literal["desktop", "phone"]:
    """Which width a test runs on; ``@both_widths`` runs it on both."""
    return "desktop"


@pytest.fixture
def kind() -> PickerKind:
    """Which form of the size picker a test runs on; ``@every_picker`` runs it on all three."""
    return "select"


@pytest.fixture
def context(browser: Browser, device: str, kabin: FakeKabin) -> Iterator[BrowserContext]:
    """A visitor's browser, new to the shop; its clock stands still until a test lets it run."""
    context = browser.new_context(**DEVICES[device], locale="en-GB", user_agent=kabin.user_agent)
    context.set_default_timeout(8_000)
    context.clock.install(time=NOW)
    context.clock.pause_at(NOW)
    yield context
    kabin.release_all()
    context.close()


@pytest.fixture(autouse=True)
def watch(context: BrowserContext, plain_globals: set[str]) -> Iterator[Watch]:
    """Nothing may go wrong on any page of any test."""
    watch = Watch(context)
    yield watch
    watch.check(context.pages, plain_globals)


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A tab."""
    return context.new_page()


@pytest.fixture
def visit(page: Page, kabin: FakeKabin) -> Visit:
    """Open a page of the test shop, until it is loaded, or so far as ``wait_until`` says."""

    def open_page(
        name: str = "product_select.html",
        wait_until: Literal["load", "domcontentloaded", "commit"] = "load",
    ) -> Page:
        page.goto(kabin.url(name), wait_until=wait_until)
        return page

    return open_page
