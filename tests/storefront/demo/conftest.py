"""Visitors of the running demonstration, each with a browser of their own, and what holds on all its pages."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.storefront.conftest import DEVICES
from tests.storefront.demo.visitor import HEAR_DECISIONS, PATIENCE_MS, DemoVisitor, Traffic
from tests.storefront.watch import Watch


@pytest.fixture
def scripting() -> bool:
    """Whether the visitor's browser runs scripts."""
    return True


@pytest.fixture
def context(browser: Browser, device: str, scripting: bool) -> Iterator[BrowserContext]:
    """A browser that is new to the shop; its clock is the real one."""
    options: dict[str, Any] = {**DEVICES[device], "locale": "en-GB", "reduced_motion": "reduce"}
    expect.set_options(timeout=PATIENCE_MS)
    with browser.new_context(**options, java_script_enabled=scripting) as context:
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(HEAR_DECISIONS)
        yield context
        for page in context.pages:
            # A handler that is still fetching would find its answer disposed of with the context.
            page.unroute_all(behavior="wait")


@pytest.fixture
def traffic(context: BrowserContext, demo_url: str) -> Traffic:
    """What the visitor's browser asks for, and from whom."""
    return Traffic(context, demo_url)


@pytest.fixture(autouse=True)
def watch(context: BrowserContext, traffic: Traffic) -> Iterator[Watch]:
    """No page of any test has an error, needs another origin, or asks for what is not there."""
    watch = Watch(context)
    yield watch
    watch.check([], set())
    traffic.check()


@pytest.fixture
def visitor(context: BrowserContext, traffic: Traffic, demo_url: str) -> DemoVisitor:
    """Somebody nobody knows yet."""
    return DemoVisitor(context.new_page(), demo_url)
