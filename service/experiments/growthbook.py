"""Definitions from a GrowthBook SDK endpoint: asked now and then, and never waited for by a visitor."""

import asyncio
import random
import re
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

import httpx

from service.experiments.last_good import MOST_BYTES, Kept, LastGoodCopy
from service.experiments.sources import (
    Payload,
    SourceCopy,
    SourceFailed,
    SourceKind,
    parse_payload,
    too_large,
)

DEADLINE_SECONDS: Final = 10.0
"""For one look, from the connection to the last byte: an endpoint that drips is as good as down."""

LONGEST_PAUSE: Final = 8
"""Refresh intervals between two looks at an endpoint that keeps failing."""

_FIRST_PAUSE_SECONDS: Final = 1.0
_JITTER: Final = 0.25
"""Share by which pauses vary, so that workers that started or failed together do not go on together."""

_MOST_REDIRECTS: Final = 3
_CLIENT_KEY: Final = re.compile(r"(?<=/)(sdk-|key_)[^/]+")


class GrowthBookSource:
    """Asks GrowthBook's SDK endpoint for definitions.

    The request is conditional (``If-None-Match``), and an entity tag is only remembered together with a payload
    that was taken over, so a refused answer is never mistaken for the present one. Workers share the copy on
    disk: what one has fetched, the others adopt at their next look, so a machine's workers agree.

    Args:
        url: of the endpoint.
        copy: where the last good definitions are kept.
        clock: Unix seconds.
        refresh_seconds: between two looks.
        client: for tests.
        deadline_seconds: for one look.
        rng: for jitter.

    Raises:
        ValueError: the URL makes no sense.
    """

    kind: SourceKind = "growthbook"

    def __init__(
        self,
        url: str,
        copy: LastGoodCopy[SourceCopy],
        clock: Callable[[], float],
        *,
        refresh_seconds: float,
        client: httpx.AsyncClient | None = None,
        deadline_seconds: float = DEADLINE_SECONDS,
        rng: random.Random | None = None,
    ) -> None:
        try:
            given = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ValueError(str(error)) from error
        if not given.host:
            raise ValueError("it names no host")
        # User and password go into a header: the client logs the addresses that it asks.
        self._url = given.copy_with(userinfo=b"")
        self._auth = httpx.BasicAuth(given.username, given.password) if given.userinfo else None
        # What is shown to anybody who asks for readiness has no key in it.
        self._shown = _CLIENT_KEY.sub(r"\1…", str(self._url.copy_with(query=None)))
        self._copy = copy
        self._clock = clock
        self._refresh_seconds = refresh_seconds
        self._client = client
        self._deadline_seconds = deadline_seconds
        self._rng = rng or random.Random()  # noqa: S311 - spreads requests, guards nothing
        self._etag: str | None = None
        self._asked_for_seconds = 0.0
        self.payload: Payload | None = None
        self.fresh_at: float | None = None

    async def restore(self) -> None:
        """See :meth:`service.experiments.sources.PayloadSource.restore`."""
        self._take_copy(await asyncio.to_thread(self._copy.read))

    async def look(self) -> bool:
        """See :meth:`service.experiments.sources.PayloadSource.look`."""
        try:
            async with asyncio.timeout(self._deadline_seconds):
                answer = await self._fetch()
        except TimeoutError:
            raise SourceFailed(
                f"{self._shown} did not answer within {self._deadline_seconds:g} s: is it up, and near?"
            ) from None
        except httpx.DecodingError as error:
            raise SourceFailed(f"{self._shown} answers what cannot be unpacked ({error}): check it") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise SourceFailed(f"{self._shown} cannot be reached ({reason}): is it up?") from error
        if answer is None:
            self.fresh_at = self._clock()
            await asyncio.to_thread(self._copy.confirm, at=self.fresh_at)
            return False
        content, etag = answer
        payload = await asyncio.to_thread(parse_payload, content, self._shown)
        before = self.payload, self._etag
        self.payload, self._etag, self.fresh_at = payload, etag, self._clock()
        if (payload, etag) == before:
            await asyncio.to_thread(self._copy.confirm, at=self.fresh_at)
        else:
            await asyncio.to_thread(self._copy.keep, SourceCopy(dict(payload), etag), at=self.fresh_at)
        return payload != before[0]

    async def adopt(self) -> bool:
        """See :meth:`service.experiments.sources.PayloadSource.adopt`."""
        return self._take_copy(await asyncio.to_thread(self._copy.read_if_others_wrote))

    def pause_seconds(self, failures: int) -> float:
        """See :meth:`service.experiments.sources.PayloadSource.pause_seconds`."""
        pause = self._refresh_seconds
        if failures:
            pause = max(_FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 20), self._asked_for_seconds)
        return min(pause, LONGEST_PAUSE * self._refresh_seconds) * self._rng.uniform(1 - _JITTER, 1)

    async def close(self) -> None:
        """See :meth:`service.experiments.sources.PayloadSource.close`."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _fetch(self) -> tuple[bytes, str | None] | None:
        """Return the endpoint's answer and its entity tag, ``None`` if nothing has changed."""
        headers = {"accept": "application/json", "accept-encoding": "gzip"}
        if self._etag is not None:
            headers["if-none-match"] = self._etag
        self._asked_for_seconds = 0.0
        client = await self._connected()
        request = client.build_request("GET", self._url, headers=headers)
        for _ in range(_MOST_REDIRECTS + 1):
            response = await client.send(request, stream=True, auth=self._auth, follow_redirects=False)
            async with aclosing(response):
                if response.next_request is None:
                    return await self._answer(response)
            request = response.next_request
            self._check_redirect(request.url)
        raise SourceFailed(f"{self._shown} redirects over {_MOST_REDIRECTS} times: check it")

    def _check_redirect(self, url: httpx.URL) -> None:
        """Raise if a redirect leaves the host: it could lead into the shop's own network, or out of TLS."""
        if url.scheme != "https" and (self._url.scheme == "https" or url.scheme != "http"):
            raise SourceFailed(f"{self._shown} redirects to an address without TLS: it is not followed")
        if url.host != self._url.host:
            raise SourceFailed(
                f"{self._shown} redirects to another host, {url.host}: it is not followed; "
                "if that one is right, set KABIN_GROWTHBOOK_URL to it"
            )

    async def _answer(self, response: httpx.Response) -> tuple[bytes, str | None] | None:
        if response.status_code == 304 and self._etag is not None:
            return None
        if response.status_code != 200:
            self._asked_for_seconds = _seconds(response.headers.get("retry-after", ""))
            raise SourceFailed(
                f"{self._shown} answers {response.status_code} {response.reason_phrase}".rstrip()
                + (
                    ": it is asked again"
                    if response.status_code >= 500 or response.status_code == 429
                    else ": check the address and its client key"
                )
            )
        return await _body(response, self._shown), response.headers.get("etag")

    async def _connected(self) -> httpx.AsyncClient:
        if self._client is None:
            # In a thread, because certificates are read: some 50 ms that requests need not wait for.
            self._client = await asyncio.to_thread(httpx.AsyncClient, timeout=self._deadline_seconds)
        return self._client

    def _take_copy(self, kept: Kept[SourceCopy] | None) -> bool:
        if kept is None or (self.fresh_at is not None and kept.confirmed_at <= self.fresh_at):
            return False
        is_new = kept.content.payload != self.payload
        self.payload, self._etag, self.fresh_at = kept.content.payload, kept.content.etag, kept.confirmed_at
        return is_new


async def _body(response: httpx.Response, shown: str) -> bytes:
    """Read an answer, unpacked, up to the limit."""
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > MOST_BYTES:
            raise SourceFailed(too_large(shown))
    return bytes(body)


def _seconds(retry_after: str) -> float:
    """Return the seconds of a ``Retry-After`` header; 0 without one, or for the form with a date."""
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
