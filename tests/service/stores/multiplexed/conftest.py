"""The loops that the shared connections are held on."""

from typing import Any

import pytest


@pytest.fixture(
    scope="session",
    params=[("asyncio", {"use_uvloop": True}), ("asyncio", {"use_uvloop": False})],
    ids=["uvloop", "asyncio"],
)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """The service's own loop, and the plain one."""
    return request.param
