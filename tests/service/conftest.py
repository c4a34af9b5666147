"""One embedded Valkey for the tests that need a server."""

from collections.abc import AsyncIterator, Iterator

import pytest

from service.stores.connection import Client, connected
from service.stores.embedded import EmbeddedValkey


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a running server."""
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey"), append_only=False) as server:
        yield server.url


@pytest.fixture
async def client(valkey_url: str) -> AsyncIterator[Client]:
    """A connection with the patience of a command."""
    async with connected(valkey_url, timeout_seconds=20) as client:
        yield client
