"""A GrowthBook endpoint for whoever needs one."""

from collections.abc import Iterator

import pytest

from tests.service.experiments.endpoint import Endpoint, running_endpoint


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """An endpoint that tests turn as they like."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with running_endpoint() as endpoint:
        yield endpoint
