"""The servers that the store's contract is held on."""

from collections.abc import Iterator
from itertools import count

import pytest

from service.stores.embedded import EmbeddedValkey
from service.stores.keys import Keyspace
from tests.redis_servers import cluster, debian_server

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
