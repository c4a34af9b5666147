"""Fixtures and settings that every test shares."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.demo_server import run_demo

settings.register_profile(
    "kabin",
    deadline=None,  # the machines that run this are shared: a slow example is no failure
    suppress_health_check=[HealthCheck.too_slow],
)
# Continuous integration judges a change by the same examples each time; new ones are looked for at the desk.
settings.register_profile("kabin-ci", settings.get_profile("kabin"), derandomize=True)
settings.load_profile("kabin-ci" if os.environ.get("CI") else "kabin")

PROJECT_ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the real data sets (``KABIN_DATA``); tests that need it are skipped without it."""
    folder = Path(os.environ.get("KABIN_DATA", str(PROJECT_ROOT.parent / "shared" / "data")))
    if not folder.is_dir():
        pytest.skip("real data sets are absent: set KABIN_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, the loop that the service uses."""
    return "asyncio"


@pytest.fixture(scope="session")
def demo_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the running demonstration, one for every test that visits it."""
    with run_demo(tmp_path_factory.mktemp("demo")) as url:
        yield url
