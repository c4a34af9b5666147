"""Definitions from an endpoint that is slow, down, dripping, too large, or something else altogether."""

import asyncio
import gzip
import logging
import random
import socket
from base64 import b64encode
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from service.experiments.growthbook import LONGEST_PAUSE, GrowthBookSource
from service.experiments.last_good import LastGoodCopy
from service.experiments.sources import SourceCopy, SourceFailed
from tests.service.experiments.endpoint import (
    BANNER,
    HOMEPAGE,
    Answer,
    Endpoint,
    drips,
    hangs,
    payload,
    redirects_for_ever,
    says,
    serves,
)

T = TypeVar("T")


def run(folder: Path, url: str, scenario: Callable[[GrowthBookSource], Awaitable[T]], **options: Any) -> T:
    """Run a scenario with the source of one worker, which is closed in the end."""

    async def running() -> T:
        copy = LastGoodCopy(folder / "source.json", SourceCopy)
        settings: dict[str, Any] = {"clock": lambda: 1000.0, "refresh_seconds": 60.0} | options
        source = GrowthBookSource(url, copy, **settings)
        try:
            return await scenario(source)
        finally:
            await source.close()

    return asyncio.run(running())


async def failure(source: GrowthBookSource) -> str:
    """Look once, in vain, and return why."""
    with pytest.raises(SourceFailed) as raised:
        await source.look()
    return str(raised.value)


@pytest.mark.parametrize("packed", [False, True])
def test_definitions_are_fetched_once_and_then_only_asked_about(
    tmp_path: Path, endpoint: Endpoint, packed: bool
) -> None:
    """The second question names the entity tag; 304 means that what is in use is fresh."""
    endpoint.answer = serves(payload(banner=BANNER), etag='"one"', packed=packed)
    times = iter((10.0, 70.0))

    async def scenario(source: GrowthBookSource) -> None:
        assert await source.look()
        assert source.payload == payload(banner=BANNER)
        assert not await source.look()
        assert source.fresh_at == 70.0

    run(tmp_path, endpoint.url, scenario, clock=lambda: next(times))
    assert [call.get("if-none-match") for call in endpoint.calls] == [None, '"one"']
    assert endpoint.calls[0]["accept-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (says(b"<html>Sign in</html>", Content_Type="text/html"), "web page (HTML)"),
        (says(b"not found", 404), "answers 404"),
        (says(b"sorry", 500), "answers 500"),
        (says(b"", 304), "answers 304"),
        (says(b"{"), "holds no JSON"),
        (says(b'{"status": 200}'), "there are no features"),
        (says(b'{"features": {}, "encryptedFeatures": "abc"}'), "switch encryption off"),
        (says(b" " * (8 * 1024 * 1024 + 1)), "over 8 MiB"),
        (says(gzip.compress(b" " * (64 * 1024 * 1024)), Content_Encoding="gzip"), "over 8 MiB"),
        (says(b"no gzip", Content_Encoding="gzip"), "cannot be unpacked"),
        (redirects_for_ever, "redirects over 3 times"),
    ],
)
def test_an_unusable_answer_leaves_the_last_good_definitions(
    tmp_path: Path, endpoint: Endpoint, answer: Answer, reason: str
) -> None:
    """The message names the address (without the client key) and the reason; the next good answer is used."""

    async def scenario(source: GrowthBookSource) -> None:
        endpoint.answer = answer
        complaint = await failure(source)
        assert source.payload is None
        assert reason in complaint
        assert endpoint.url.replace("sdk-test", "sdk-…") in complaint
        endpoint.answer = serves(payload(banner=BANNER))
        assert await source.look()
        endpoint.answer = answer
        await failure(source)
        assert source.payload == payload(banner=BANNER)

    run(tmp_path, endpoint.url, scenario)


@pytest.mark.parametrize("answer", [drips, hangs])
def test_an_endpoint_is_given_up_at_a_deadline_for_the_whole_answer(
    tmp_path: Path, endpoint: Endpoint, answer: Answer
) -> None:
    """One that drips is as good as down, though a byte comes in time again and again."""
    endpoint.answer = answer
    complaint = run(tmp_path, endpoint.url, failure, deadline_seconds=0.2)
    assert "did not answer within 0.2 s" in complaint


def test_an_endpoint_that_is_down_is_no_end(tmp_path: Path) -> None:
    """Nothing listens there, or the name is unknown: a reason, and the last good definitions."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    complaint = run(tmp_path, f"http://user:secret@127.0.0.1:{port}/features?token=secret", failure)
    assert "cannot be reached" in complaint
    assert f"127.0.0.1:{port}/features" in complaint
    assert "secret" not in complaint


def test_user_and_password_reach_the_endpoint_and_no_log(
    tmp_path: Path, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    """A proxy in front of GrowthBook may want them; the client logs every address that it asks."""
    caplog.set_level(logging.DEBUG)
    endpoint.answer = serves(payload(banner=BANNER))
    url = endpoint.url.replace("http://", "http://user:secret@")
    assert run(tmp_path, url, lambda source: source.look())
    assert endpoint.calls[0]["authorization"] == "Basic " + b64encode(b"user:secret").decode()
    assert "secret" not in caplog.text


def test_an_answer_that_was_refused_is_never_taken_for_the_present_one(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    """Its entity tag is forgotten with it, or 304 would keep the old definitions for ever."""
    endpoint.answer = says(b"<html>", ETag='"new"')

    async def scenario(source: GrowthBookSource) -> None:
        await failure(source)
        endpoint.answer = serves(payload(banner=BANNER), etag='"new"')
        assert await source.look()

    run(tmp_path, endpoint.url, scenario)


def test_a_redirect_is_followed(tmp_path: Path, endpoint: Endpoint) -> None:
    """Content delivery networks move."""
    good = serves(payload(banner=BANNER))
    endpoint.answer = lambda call: (
        good(call) if call.path == "/moved" else call.reply(b"", 302, Location="/moved")
    )
    assert run(tmp_path, endpoint.url, lambda source: source.look())


def test_a_redirect_that_leaves_tls_is_not_followed_on(tmp_path: Path) -> None:
    """Whoever sits between could decide what visitors see; also if the last address has TLS again."""

    def answer(request: httpx.Request) -> httpx.Response:
        next_hop = {"/a": "http://gb.example/b", "/b": "https://gb.example/c"}.get(request.url.path)
        if next_hop is None:
            return httpx.Response(200, json=payload(banner=BANNER))
        return httpx.Response(302, headers={"location": next_hop})

    client = httpx.AsyncClient(transport=httpx.MockTransport(answer), follow_redirects=True)
    complaint = run(tmp_path, "https://gb.example/a", failure, client=client)
    assert "without TLS" in complaint


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://localhost/inside", "redirects to another host, localhost"),
        ("file:///etc/passwd", "it is not followed"),
    ],
)
def test_a_redirect_that_leaves_the_host_is_not_even_asked(
    tmp_path: Path, location: str, reason: str
) -> None:
    """Whoever holds the endpoint must not reach what only this machine can."""
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(302, headers={"location": location})

    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    assert reason in run(tmp_path, "http://gb.example/a", failure, client=client)
    assert asked == ["http://gb.example/a"]


def test_an_endpoint_without_entity_tags_costs_no_disk_while_nothing_changes(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    """The copy is confirmed, not written again."""
    endpoint.answer = serves(payload(banner=BANNER))
    times = iter((10.0, 70.0))

    async def scenario(source: GrowthBookSource) -> None:
        assert await source.look()
        inode = (tmp_path / "source.json").stat().st_ino
        assert not await source.look()
        assert (tmp_path / "source.json").stat().st_ino == inode
        assert (tmp_path / "source.json").stat().st_mtime == 70.0

    run(tmp_path, endpoint.url, scenario, clock=lambda: next(times))


def test_a_restart_while_the_endpoint_is_down_goes_on_with_the_last_good_definitions(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    """Also their age and entity tag are known, so an unchanged endpoint says 304."""
    endpoint.answer = serves(payload(banner=BANNER), etag='"one"')
    run(tmp_path, endpoint.url, lambda source: source.look())

    async def restarted(source: GrowthBookSource) -> None:
        await source.restore()
        assert (source.payload, source.fresh_at) == (payload(banner=BANNER), 1000.0)
        endpoint.answer = says(b"", 503)
        await failure(source)
        assert (source.payload, source.fresh_at) == (payload(banner=BANNER), 1000.0)
        endpoint.answer = serves(payload(banner=BANNER), etag='"one"')
        assert not await source.look()
        assert source.fresh_at == 2000.0

    run(tmp_path, endpoint.url, restarted, clock=lambda: 2000.0)
    assert endpoint.calls[-1]["if-none-match"] == '"one"'


def test_what_one_worker_has_fetched_the_others_adopt(tmp_path: Path, endpoint: Endpoint) -> None:
    """A visitor's requests reach all workers; they agree without waiting for each one's own look."""
    endpoint.answer = serves(payload(banner=BANNER), etag='"one"')

    async def other(source: GrowthBookSource) -> None:
        assert await source.look()
        endpoint.answer = serves(payload(kabin_homepage=HOMEPAGE), etag='"two"')
        copy = LastGoodCopy(tmp_path / "source.json", SourceCopy)
        worker = GrowthBookSource(endpoint.url, copy, lambda: 1030.0, refresh_seconds=60)
        await worker.look()
        await worker.close()
        assert await source.adopt()
        assert source.payload == payload(kabin_homepage=HOMEPAGE)
        assert source.fresh_at == 1030.0
        assert not await source.adopt()
        assert not await source.look()

    run(tmp_path, endpoint.url, other)
    assert [call.get("if-none-match") for call in endpoint.calls] == [None, None, '"two"']


def test_what_is_older_than_ones_own_is_not_adopted(tmp_path: Path, endpoint: Endpoint) -> None:
    """A worker that was slow to write must not turn the others back."""
    endpoint.answer = serves(payload(banner=BANNER))

    async def scenario(source: GrowthBookSource) -> None:
        await source.look()
        old = SourceCopy(payload(kabin_homepage=HOMEPAGE))
        LastGoodCopy(tmp_path / "source.json", SourceCopy).keep(old, at=900.0)
        assert not await source.adopt()
        assert source.payload == payload(banner=BANNER)

    run(tmp_path, endpoint.url, scenario)


def test_failures_are_followed_by_ever_longer_pauses_up_to_eight_intervals(tmp_path: Path) -> None:
    """Soon again at first, and never in step with other workers."""

    async def scenario(source: GrowthBookSource) -> list[float]:
        return [source.pause_seconds(failures) for failures in (0, 1, 2, 3, 20, 5000)]

    longest = [
        max(pauses)
        for pauses in zip(
            *(
                run(tmp_path, "http://127.0.0.1:1/", scenario, rng=random.Random(seed), refresh_seconds=60)
                for seed in range(200)
            ),
            strict=True,
        )
    ]
    for pause, limit in zip(longest, (60, 1, 2, 4, LONGEST_PAUSE * 60, LONGEST_PAUSE * 60), strict=True):
        assert 0.95 * limit < pause <= limit


def test_an_endpoint_that_asks_for_patience_gets_it(tmp_path: Path, endpoint: Endpoint) -> None:
    """Retry-After is heeded as far as eight intervals."""

    async def scenario(source: GrowthBookSource) -> None:
        endpoint.answer = says(b"", 429, Retry_After="100")
        await failure(source)
        assert 75 <= source.pause_seconds(1) <= 100
        endpoint.answer = says(b"", 429, Retry_After="100000")
        await failure(source)
        assert source.pause_seconds(1) <= 480
        endpoint.answer = says(b"", 503, Retry_After="Fri, 31 Dec 2027 23:59:59 GMT")
        await failure(source)
        assert source.pause_seconds(1) <= 1

    run(tmp_path, endpoint.url, scenario)
