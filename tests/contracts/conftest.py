"""The servers that the store's contract is held on."""

from collections.abc import AsyncIterator, Iterator
from itertools import count

import pytest

from service.stores.connection import Client, connected
from service.stores.embedded import EmbeddedValkey
from service.stores.keys import Keyspace
from service.stores.script_runners import ClientScripts
from service.stores.visitors import RedisVisitorStore
from tests.redis_servers import cluster, debian_server

TIMEOUT_SECONDS = 20.0

_numbers = count()


@pytest.fixture(
    scope="session",
    params=["embedded valkey", "debian redis", pytest.param("cluster", marks=pytest.mark.slow)],
)
def redis_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of one running server, or of a Cluster."""
    folder = tmp_path_factory.mktemp("redis")
    if request.param == "embedded valkey":
        with EmbeddedValkey(folder) as server:
            yield server.url
    elif request.param == "debian redis":
        with debian_server(folder) as url:
            yield url
    else:
        with cluster(folder) as url:
            yield url


@pytest.fixture
def keyspace() -> Keyspace:
    """A prefix that no other test uses."""
    return Keyspace(f"test-{next(_numbers)}")


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Client]:
    """A connection to the server under test."""
    async with connected(redis_url, timeout_seconds=TIMEOUT_SECONDS) as client:
        yield client


@pytest.fixture
def store(client: Client, keyspace: Keyspace) -> RedisVisitorStore:
    """An empty store of visitors."""
    return RedisVisitorStore(ClientScripts(client), keyspace)
