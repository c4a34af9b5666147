"""The requests of a recording: the same ones each time, as varied as a shop's pages, servers and attackers send them.

``@token:NAME`` and ``@decision:NAME`` in a body or cookie stand for what the service last answered to that visitor.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from tests.benchmarks.hot_path.recorded_events import BAD_BODIES, Shopper, events_of, page_of

SERVER_KEY: Final = "a-server-key-for-recordings"
VISITORS: Final = 260
FRESH: Final = 40

_BROWSER: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"
_CRAWLER: Final = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
_ODD_IDS: Final = ("recorded-kunde 4711/ä", "recorded-" + "x" * 119, "recorded-a.b~c%41")

_CONTENT_TYPES: Final = ("application/json", "text/plain;charset=UTF-8")
_TRUSTED: Final = {"authorization": f"Bearer {SERVER_KEY}"}
_COOKIE: Final = {"cookie": "a=b; kabin={}; c=d"}
_CALLERS: Final = (
    (0.08, _TRUSTED),
    (0.12, {"user-agent": _CRAWLER}),
    (0.15, {"sec-gpc": "1"}),
    (0.19, _COOKIE),
    (0.22, {"origin": "https://shop.example"}),
    (0.23, {"origin": "https://elsewhere.example"}),
    (0.235, {"authorization": "Bearer wrong"}),
    (0.24, {"content-type": "image/png"}),
    (0.25, {"user-agent": ""}),
)
"""What sets a caller apart from an ordinary page, up to which draw; an empty header is left out."""


class Request(NamedTuple):
    """One request: when it is (Unix seconds), whose, and whether experiments run then."""

    phase: str
    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: str | None
    visitor: str | None = None
    is_assigned: bool = False


@dataclass
class RequestStream:
    """Draws the requests of one phase after another; the same seed gives the same ones.

    Args:
        items: SKUs by item, as id and size label.
        sign: makes the token of a visitor id.
        at: Unix seconds of the first request.
        seed: of all draws.
    """

    items: dict[str, list[tuple[str, str | None]]]
    sign: Callable[[str], str]
    at: float
    seed: int = 1

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)
        names = [f"recorded-{number}" for number in range(VISITORS)]
        self._shoppers = [Shopper.draw(self._dice, name, self.items) for name in names]
        self._fresh = [Shopper.draw(self._dice, f"fresh-{number}", self.items) for number in range(FRESH)]

    def phase(
        self, name: str, count: int, *, fresh_share: float = 0.08, is_assigned: bool = False
    ) -> Iterator[Request]:
        """Yield ``count`` calls of ``/personalize``, and others between them.

        Args:
            name: of the phase.
            count: calls of ``/personalize``.
            fresh_share: share of calls by visitors to whom the service gave their id.
            is_assigned: whether experiments run, which tell such visitors apart by ids that are random.
        """
        dice = self._dice
        for _ in range(count):
            self._pass_time()
            if dice.random() < 0.12:
                yield self._other(name)
            yield self._page(name, 0.0 if is_assigned else fresh_share, is_assigned=is_assigned)

    def _pass_time(self) -> None:
        dice = self._dice
        draw = dice.random()
        pause = (
            dice.uniform(9_000, 50_000)
            if draw < 0.001
            else dice.uniform(600, 4_000)
            if draw < 0.005
            else dice.uniform(0.2, 4)
        )
        self.at = round(self.at + pause, 3)

    def _page(self, phase: str, fresh_share: float, *, is_assigned: bool) -> Request:
        dice = self._dice
        if dice.random() < 0.03:
            return self._request(phase, "/personalize", dice.choice(BAD_BODIES))
        shopper, claimed = self._visitor(fresh_share)
        body: dict[str, Any] = {} if claimed is None else {"visitor_id": claimed}
        body["page"] = page_of(dice, shopper, self.items)
        if dice.random() < 0.6:
            body["events"] = self._events(
                shopper, dice.choice((1, 1, 1, 2, 3, 8)), body["page"].get("item_id")
            )
        if dice.random() < 0.8:
            body["limit"] = dice.choice((12, 12, 12, 4, 0, 1, 20, 100, 6.0))
        headers = self._headers(shopper, body)
        if dice.random() < 0.3:
            body["consent"] = {"storage": dice.choice((True, True, True, None, False))}
        if dice.random() < 0.05:
            body["preview"] = dice.choice(
                (
                    {"homepage": "promo"},
                    {"homepage": "full_price"},
                    {"experiments": {"e0": 1, "e2": 0, "gone": 3}},
                    {"experiments": {"banner-test": 2}},
                )
            )
        if dice.random() < 0.2:
            body["attributes"] = {
                "country": dice.choice(("DE", "AT", None)),
                "visits": dice.randrange(9),
                "page_type": "faked",
                "vip": dice.random() < 0.5,
            }
        text = json.dumps(body, ensure_ascii=dice.random() < 0.5)
        return self._request(
            phase, "/personalize", text, headers, visitor=shopper.name, is_assigned=is_assigned
        )

    def _visitor(self, fresh_share: float) -> tuple[Shopper, str | None]:
        """Return who asks, and what the page sends as the visitor's id."""
        dice = self._dice
        draw = dice.random()
        if draw < fresh_share:
            shopper = dice.choice(self._fresh)
            return shopper, None if dice.random() < 0.2 else f"@token:{shopper.name}"
        # A few come often, and so have long histories.
        shopper = self._shoppers[int(VISITORS * dice.random() ** 2)]
        if draw > 0.98:
            return shopper, dice.choice(
                ("recorded-1", "recorded-2.forged", self.sign("recorded-3")[:-2] + "AA", "ü.x")
            )
        return shopper, self.sign(shopper.name)

    def _headers(self, shopper: Shopper, body: dict[str, Any]) -> dict[str, str]:
        """Return a caller's headers; some callers change the body's ``visitor_id``, too."""
        dice = self._dice
        draw = dice.random()
        deviation = next((headers for until, headers in _CALLERS if draw < until), {})
        headers = {"user-agent": _BROWSER, "content-type": dice.choice(_CONTENT_TYPES)} | deviation
        if deviation is _TRUSTED and dice.random() < 0.3:
            body["visitor_id"] = dice.choice((shopper.name, *_ODD_IDS))
        if deviation is _COOKIE:
            headers["cookie"] = _COOKIE["cookie"].format(body.pop("visitor_id", ""))
        return {name: value for name, value in headers.items() if value}

    def _other(self, phase: str) -> Request:
        """Return a call of another kind."""
        dice = self._dice
        shopper = self._shoppers[int(VISITORS * dice.random() ** 2)]
        draw = dice.random()
        if draw < 0.45:
            body = {
                "visitor_id": self.sign(shopper.name),
                "events": self._events(shopper, dice.randrange(12), None),
            }
            return self._request(
                phase, "/events", json.dumps(body), _TRUSTED if draw < 0.2 else None, visitor=shopper.name
            )
        if draw < 0.7:
            return self._request(phase, f"/visitors/{shopper.name}", None, _TRUSTED, method="GET")
        if draw < 0.85:
            item = dice.choice(list(self.items))
            return self._request(
                phase, f"/items/{item}/similar?limit={dice.choice((0, 1, 12, 100, 101))}", None, method="GET"
            )
        method, path = dice.choice(
            (
                ("OPTIONS", "/personalize"),
                ("GET", "/personalize"),
                ("HEAD", "/personalize"),
                ("POST", "/nothing"),
                ("POST", "/personalize/"),
                ("PUT", "/events"),
                ("HEAD", "/healthz"),
            )
        )
        preflight = {"origin": "https://shop.example", "access-control-request-method": "POST"}
        return self._request(phase, path, None, preflight if dice.random() < 0.5 else {}, method=method)

    def _events(self, shopper: Shopper, count: int, item: str | None) -> list[Any]:
        return list(events_of(self._dice, shopper, self.items, count, now=self.at, viewed=item))

    def _request(
        self,
        phase: str,
        path: str,
        body: str | None,
        headers: dict[str, str] | None = None,
        *,
        method: str = "POST",
        visitor: str | None = None,
        is_assigned: bool = False,
    ) -> Request:
        given = {"user-agent": _BROWSER} if headers is None else headers
        return Request(phase, self.at, method, path, given, body, visitor, is_assigned)
