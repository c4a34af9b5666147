"""Events that tests track themselves, numbered, and how they arrived."""

import json
from collections.abc import Sequence
from typing import Any

from playwright.sync_api import Page

from tests.storefront.fake_kabin import FakeKabin, Received
from tests.storefront.shopper import Visit, decided, let_pass


def track(page: Page, count: int = 1, **params: Any) -> None:
    """Track ``sort_items`` so often; the parameter ``sort_by`` numbers them."""
    page.evaluate(
        f"""() => {{
            for (let number = 0; number < {count}; number++)
                kabin.track("sort_items", {{sort_by: `n${{number}}`, ...{json.dumps(params)}}});
        }}"""
    )


def numbers(events: Sequence[dict[str, Any]]) -> list[str]:
    """Return the numbers of tracked events; those of one millisecond have no order."""
    found = [event for event in events if event["name"] == "sort_items"]
    return [event["params"]["sort_by"] for event in sorted(found, key=_moment)]


def _moment(event: dict[str, Any]) -> tuple[float, str]:
    return event["timestamp"], event["params"]["sort_by"]


def idle(kabin: FakeKabin, visit: Visit) -> Page:
    """Open a page that was answered and has nothing of its own to tell."""
    page = visit("plain.html")
    decided(page)
    let_pass(page, 3)
    kabin.received.clear()
    return page


def well_formed(kabin: FakeKabin) -> list[dict[str, Any]]:
    """Return the ``sort_items`` that have parameters at all."""
    return [event for event in kabin.events("sort_items") if isinstance(event.get("params"), dict)]


def with_events(kabin: FakeKabin) -> list[Received]:
    """Return the requests that carried events."""
    return [received for received in list(kabin.received) if received.events]
