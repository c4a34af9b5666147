"""A client of the real demonstration, for the tests that look at what its visitors see."""

from collections.abc import Iterator

import httpx
import pytest


@pytest.fixture
def browser(demo_url: str) -> Iterator[httpx.Client]:
    """A client with cookies that nobody knows yet, at home in the demonstration's shop."""
    with httpx.Client(base_url=demo_url, headers={"origin": demo_url}, timeout=20) as client:
        yield client
