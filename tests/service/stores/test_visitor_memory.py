"""Memory of a million visitors, measured on real servers; the dedupe ring, orders and the log are apart."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from redis import Redis

from recommender.visitor.codec import ARRIVAL_BYTES, encode_state
from recommender.visitor.ledger import ledger_of
from service.stores.embedded import EmbeddedValkey
from service.stores.keys import Keyspace
from service.stores.visitors import Lifetimes
from tests.redis_servers import debian_server
from tests.visitor_events import effect, reference_visitor

VISITORS = 62_000
"""Just under a power of two, as a million is: hash tables are then as full as they will be."""
LIMIT_BYTES = 0.50 * 2**30 / 1e6
SETTLING_SECONDS = 10.0


@contextmanager
def _embedded(folder: Path) -> Iterator[str]:
    with EmbeddedValkey(folder, append_only=False) as server:
        yield server.url


@pytest.mark.slow
@pytest.mark.parametrize("server", [_embedded, debian_server], ids=["embedded valkey", "debian redis"])
def test_a_million_visitors_take_half_a_gibibyte(
    server: Callable[[Path], AbstractContextManager[str]],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """A visitor of 30 events, key and expiry included, takes at most 0.50 GiB of ``used_memory`` a million."""
    state = ledger_of(effect(event)[1] for event in reference_visitor(0)).state(
        last_seen=1, session_started=1
    )
    assert [
        len(part) for part in (state.evidence, state.cart_lines, state.recently_viewed, state.exposures)
    ] == [13, 3, 8, 3]
    assert {record.department for record in state.evidence} == {1, 2}
    # With the visitor's arrival, as a service that limits rates leaves it.
    stored = encode_state(state) + bytes(ARRIVAL_BYTES)
    keyspace, life = Keyspace(), Lifetimes().state_seconds
    with server(tmp_path) as url, Redis.from_url(url) as client:
        before = int(client.info("memory")["used_memory"])
        for start in range(0, VISITORS, 1000):
            pipeline = client.pipeline(transaction=False)
            for number in range(start, start + 1000):
                # 22 characters, as the ids that the service issues.
                pipeline.set(keyspace.of_visitor(f"{number:022d}").state, stored, ex=life)
            pipeline.execute()
        # A hash table that grows exists twice for a while; the server moves it in its own time.
        deadline = time.monotonic() + SETTLING_SECONDS
        bytes_each = float("inf")
        while bytes_each > LIMIT_BYTES and time.monotonic() < deadline:
            bytes_each = (int(client.info("memory")["used_memory"]) - before) / VISITORS
    record_property("bytes_per_visitor", round(bytes_each))
    assert bytes_each <= LIMIT_BYTES
