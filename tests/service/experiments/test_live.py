"""The watch in the service as it really runs: policy, readiness, metrics and the API's own refresh."""

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from service.app import create_app, live_services
from service.experiments.live import source_of
from service.settings import Settings, SettingsError
from tests.service.experiments.endpoint import (
    BANNER,
    BROKEN,
    Endpoint,
    feature,
    payload,
    says,
    serves,
)

SERVER_KEY = "a-server-key-for-tests"


def settings_of(folder: Path, redis_url: str, prefix: str, **others: Any) -> Settings:
    """Return the settings of a service."""
    given: dict[str, Any] = {"data_dir": folder, "redis_url": SecretStr(redis_url), "redis_prefix": prefix}
    given |= {"server_key": SecretStr(SERVER_KEY), "redis_timeout_ms": 5000}
    return Settings(**(given | others))


def call(settings: Settings, scenario: Callable[[httpx.AsyncClient], Any]) -> None:
    """Run a scenario against a service that is up."""

    async def running() -> None:
        services = live_services(settings)
        app = create_app(settings, services)
        transport = httpx.ASGITransport(app)
        headers = {"authorization": f"Bearer {SERVER_KEY}"}
        async with (
            services.running(),
            httpx.AsyncClient(
                transport=transport, base_url="http://kabin.example", headers=headers
            ) as client,
        ):
            await scenario(client)

    asyncio.run(asyncio.wait_for(running(), 60))


async def experiments_of(client: httpx.AsyncClient) -> dict[str, Any]:
    """Return what readiness says of experiments."""
    answer: dict[str, Any] = (await client.get("/readyz")).json()["experiments"]
    return answer


async def assigned(client: httpx.AsyncClient) -> list[str]:
    """Return the experiments that a visitor takes part in."""
    body = {"visitor_id": "v", "page": {"type": "home"}}
    answer = (await client.post("/personalize", json=body)).json()
    return [each["experiment_id"] for each in answer["experiments"]]


def test_definitions_of_a_file_and_of_redis_reach_the_visitors(tmp_path: Path, valkey_url: str) -> None:
    """The file's from the first request, the API's with the answer that says so."""
    path = tmp_path / "experiments.json"
    path.write_text(json.dumps(payload(banner=BANNER)))

    async def scenario(client: httpx.AsyncClient) -> None:
        assert await assigned(client) == ["banner"]
        body = {"feature": "kabin-homepage", "variations": ["personalized", "promo"]}
        answer = await client.put("/experiments/promo-page", json=body)
        assert answer.is_success, answer.text
        assert set(await assigned(client)) == {"banner", "promo-page"}
        assert (await client.patch("/experiments/banner", json={"status": "stopped"})).is_success
        assert await assigned(client) == ["promo-page"]
        status = await experiments_of(client)
        assert (status["source"], status["problems"], status["overridden"]) == ("file", [], [])
        assert status["version"] > 0
        assert status["age_seconds"] < 60

    call(settings_of(tmp_path, valkey_url, "live-file", experiments_file=path), scenario)


def test_problems_of_experiments_are_told_and_leave_the_service_ready(
    tmp_path: Path, valkey_url: str, endpoint: Endpoint
) -> None:
    """Taking a service out for a slip in an experiment would make a small trouble a big one."""
    endpoint.answer = serves(payload(banner=BROKEN, other=feature("a", "b", key="other")))

    async def scenario(client: httpx.AsyncClient) -> None:
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "ready")
        (problem,) = ready.json()["experiments"]["problems"]
        assert "banner: /features/banner/rules/0/weights" in problem
        assert await assigned(client) == ["other"]
        metrics = (await client.get("/metrics")).text
        assert "kabin_experiments_problems 1.0" in metrics
        assert "kabin_experiments_version " in metrics
        assert "kabin_experiments_updated_timestamp_seconds " in metrics

    settings = settings_of(tmp_path, valkey_url, "live-problems", growthbook_url=endpoint.url)
    call(settings, scenario)


def test_a_start_with_redis_and_endpoint_down_goes_on_as_before(
    tmp_path: Path, valkey_url: str, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever was in an experiment yesterday is in it today, and readiness says how old that is."""
    caplog.set_level(logging.CRITICAL)
    endpoint.answer = serves(payload(banner=BANNER))

    async def yesterday(client: httpx.AsyncClient) -> None:
        assert (await client.patch("/switches", json={"size": False})).is_success
        assert await assigned(client) == ["banner"]

    async def today(client: httpx.AsyncClient) -> None:
        async with asyncio.timeout(30):
            while len((status := await experiments_of(client))["problems"]) < 2:  # noqa: ASYNC110 - readiness calls nobody
                await asyncio.sleep(0.01)
        assert status["version"] > 0
        assert status["age_seconds"] >= 0
        told = " ".join(status["problems"])
        assert "the last known experiments stay in use" in told
        assert "answers 503" in told
        assert (await client.get("/metrics")).text.count("kabin_experiments_problems 2.0") == 1

    call(settings_of(tmp_path, valkey_url, "live-down", growthbook_url=endpoint.url), yesterday)
    endpoint.answer = says(b"", 503)
    call(settings_of(tmp_path, "redis://127.0.0.1:1/0", "live-down", growthbook_url=endpoint.url), today)


def test_a_change_of_address_does_not_bring_up_the_old_ones_definitions(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    """The copy on disk belongs to one address."""

    async def scenario() -> None:
        endpoint.answer = serves(payload(banner=BANNER))
        for url, expected in (
            (endpoint.url, True),
            (endpoint.url, True),
            (endpoint.url.replace("sdk-test", "sdk-other"), False),
        ):
            source = source_of(Settings(data_dir=tmp_path, growthbook_url=url), lambda: 1000.0)
            assert source is not None
            await source.restore()
            if expected and source.payload is None:
                await source.look()
            assert (source.payload == payload(banner=BANNER)) is expected
            await source.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("url", ["http://[::1", "http://a:port/", "https:///features"])
def test_an_address_that_makes_no_sense_is_named_before_the_service_starts(tmp_path: Path, url: str) -> None:
    """It would be wrong tomorrow, too."""
    with pytest.raises(SettingsError, match="KABIN_GROWTHBOOK_URL"):
        live_services(Settings(data_dir=tmp_path, growthbook_url=url))


def test_without_a_file_or_an_endpoint_there_is_redis_alone(tmp_path: Path) -> None:
    """The ordinary installation asks nobody else."""
    assert source_of(Settings(data_dir=tmp_path), lambda: 1000.0) is None
