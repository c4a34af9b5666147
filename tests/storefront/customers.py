"""Pages of the test shop that say who signs in and out, and what the service and the browser hear of it."""

import base64
import json
from typing import Any

from playwright.sync_api import Page

from tests.storefront.decisions import CUSTOMER_TOKEN, FRESH_TOKEN
from tests.storefront.fake_kabin import CUSTOMER_COOKIE, FRESH_COOKIE, FakeKabin, Reply
from tests.storefront.shopper import act, stored

CUSTOMER = "jane@example.com"
AWAY = Reply.of_json({"status": 503}, 503)
IDENTIFIED = Reply.of_json(
    {"visitor_id": CUSTOMER_TOKEN, "is_customer": True, "merged": True},
    headers={"set-cookie": CUSTOMER_COOKIE},
)
SIGNED_OUT = Reply.of_json(
    {"visitor_id": FRESH_TOKEN, "is_customer": False, "merged": False}, headers={"set-cookie": FRESH_COOKIE}
)


def customer_token(customer: str = CUSTOMER, **claims: Any) -> str:
    """Return a JWT such as the shop's backend signs; nobody here looks at its signature."""
    payload = json.dumps({"sub": customer, "aud": "kabin"} | claims).encode()
    return f"eyJhbGciOiJIUzI1NiJ9.{base64.urlsafe_b64encode(payload).rstrip(b'=').decode()}.c2lnbmF0dXJl"


def identify(page: Page, customer: str = CUSTOMER, **claims: Any) -> None:
    """Let the shop's page say who is signed in."""
    act(page, f"kabin.identify('{customer_token(customer, **claims)}')")


def sign_out(page: Page) -> None:
    """Let the shop's page say that they sign out."""
    act(page, "kabin.signOut()")


def signed_in(kabin: FakeKabin, customer: str = CUSTOMER) -> None:
    """Serve pages that say who is signed in, in their head, each with a token of its own."""
    kabin.pages.edit(
        "<!-- kabin -->", f"<!-- kabin --><script>kabin.identify('{customer_token(customer)}')</script>"
    )


def identified(kabin: FakeKabin) -> list[dict[str, Any]]:
    """Return what /identify was told."""
    calls = kabin.calls("/identify")
    assert not any(asked.events for asked in calls)
    return [
        {name: told for name, told in asked.body.items() if name.startswith(("customer", "sign"))}
        for asked in calls
    ]


def senders(kabin: FakeKabin) -> list[tuple[str, str | None]]:
    """Return each call with the cookie's visitor that it was made for."""
    return [(asked.call, asked.cookie and asked.cookie.partition("=")[2]) for asked in kabin.received]


def of_us(page: Page) -> dict[str, str]:
    """Return what kabin.js keeps in the browser."""
    return {name: text for name, text in stored(page).items() if name.startswith("kabin")}
