"""Looking for changes of the catalog while Redis is silent."""

import asyncio
import time

import pytest

from service.stores.catalog_source import RedisCatalogSource
from service.stores.connection import StoreUnavailable, connected
from service.stores.keys import Keyspace
from tests.scripted_redis import OK, always, scripted_redis

pytestmark = pytest.mark.anyio


async def test_a_silent_connection_keeps_no_replica_waiting_for_as_long_as_a_catalog_may_take() -> None:
    """A look is given up soon, and the idle connections with the greater patience are not used again."""
    async with (
        scripted_redis() as server,
        connected(server.url, timeout_seconds=60) as patient,
        connected(server.url, timeout_seconds=0.05) as impatient,
    ):
        source = RedisCatalogSource(patient, Keyspace(), impatient=impatient)
        server.answer = always(OK)
        await patient.execute_command("ECHO", "idle from here on")
        assert server.open_connections == 2
        server.answer = always(None)
        with pytest.raises(StoreUnavailable):
            await asyncio.wait_for(source.state(), timeout=30)
        deadline = time.monotonic() + 30
        while server.open_connections:
            assert time.monotonic() < deadline, "a connection that may be half-open would be used again"
            await asyncio.sleep(0.01)
