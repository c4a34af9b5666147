"""What the shop's pages ask while something fails, and whether each answer is one that Kabin promises.

The callers behave as the storefront script does: events that were not acknowledged wait in an outbox and are sent again,
under the same ids.
"""

import json
import math
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.faults.shop import SOLD_OUT, Visitor, item_id

EVENTS_SHARE: Final = 4
"""Every fourth request is a POST /events, the others are pages."""
EVENTS_A_CALL: Final = 2
MOST_EVENTS_A_CALL: Final = 50
HOME_SHARE: Final = 5
"""Every fifth page is the homepage, the others show an item."""

_HEAD: Final = (
    "POST {path} HTTP/1.1\r\nHost: shop.example\r\nOrigin: http://shop.example\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
    "Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\n"
)


@dataclass(slots=True)
class Asked:
    """One request and what became of it.

    Attributes:
        path: that was asked.
        visitor: who asked.
        event_ids: that it brought.
        is_product: whether the page shows an item, so that the visitor's size is asked for.
        due: when it was to be sent, by ``time.monotonic()``.
        latency_ms: from then to the end of the answer; infinite without one.
        status: of the answer; 0 without one.
        is_degraded: whether the answer says so.
        sent_again: how often a connection broke under it, before any answer, and it was sent again.
        complaint: what is wrong with the answer; empty if it is as promised.
    """

    path: str
    visitor: Visitor
    event_ids: tuple[str, ...]
    is_product: bool = False
    due: float = 0.0
    latency_ms: float = math.inf
    status: int = 0
    is_degraded: bool = False
    sent_again: int = 0
    complaint: str = ""

    @property
    def is_page(self) -> bool:
        """Whether a shopper waits for the answer."""
        return self.path == "/personalize"

    @property
    def is_settled(self) -> bool:
        """Whether there is an answer, or none will come."""
        return bool(self.status or self.complaint)

    @property
    def is_failed(self) -> bool:
        """Whether the caller got what Kabin promises nobody gets: nothing, an error, a wrong answer."""
        return bool(self.complaint)

    @property
    def is_healthy(self) -> bool:
        """Whether the caller got all of what they asked for."""
        return not self.is_failed and not self.is_degraded and self.status != 503


@dataclass
class Traffic:
    """Requests of known visitors, one after the other, and what has been acknowledged to them.

    Args:
        name: goes into the event ids, so that runs on the same Redis can be told apart.
        visitors: who ask, in turn.

    Attributes:
        asked: every request so far, in the order in which they were due.
        acknowledged: ids of events that Kabin said it has kept, and whose they are.
        sent: ids of all events that were ever sent, and whose they are.
        forgotten: from when until when visitors are rightly unknown, because Redis has lost its data.
        excused: acknowledged events that went with the data.
    """

    name: str
    visitors: list[Visitor]
    asked: list[Asked] = field(default_factory=list)
    acknowledged: dict[str, str] = field(default_factory=dict)
    sent: dict[str, str] = field(default_factory=dict)
    forgotten: tuple[float, float] = (math.inf, -math.inf)
    excused: frozenset[str] = frozenset()
    _outbox: Mapping[Visitor, deque[str]] = field(default_factory=lambda: defaultdict(deque))

    @property
    def waiting(self) -> int:
        """Events that have not been acknowledged and wait to be sent again."""
        return sum(len(ids) for ids in self._outbox.values())

    def next(self, due: float) -> tuple[Asked, bytes]:
        """Return the next request, as it is noted and as it goes over the wire."""
        number = len(self.asked)
        visitor = self.visitors[number % len(self.visitors)]
        if number % EVENTS_SHARE:
            return self._noted(self._page(number, visitor), due)
        return self._noted(self._kept_back() or self._events(number, visitor), due)

    def next_waiting(self, due: float) -> tuple[Asked, bytes] | None:
        """Return a request that brings what waits, if anything does."""
        asked = self._kept_back()
        return None if asked is None else self._noted(asked, due)

    def answered(self, asked: Asked, status: int, head: bytes, body: bytes) -> None:
        """Note an answer and judge it."""
        asked.latency_ms = (time.monotonic() - asked.due) * 1e3
        asked.status = status
        try:
            asked.complaint = self._judged(asked, head, body)
        except (ValueError, KeyError, TypeError) as error:
            asked.complaint = f"{status} that cannot be understood: {error!r}"
        if asked.complaint or asked.status == 503:
            self._outbox[asked.visitor].extend(asked.event_ids)

    def unanswered(self, asked: Asked, reason: str) -> None:
        """Note that there was no answer."""
        asked.complaint = f"no answer: {reason}"
        self._outbox[asked.visitor].extend(asked.event_ids)

    def _noted(self, asked: Asked, due: float) -> tuple[Asked, bytes]:
        number = len(self.asked)
        asked.due = due
        self.asked.append(asked)
        self.sent.update(dict.fromkeys(asked.event_ids, asked.visitor.visitor_id))
        return asked, _request(asked, number)

    def _kept_back(self) -> Asked | None:
        for visitor, ids in self._outbox.items():
            if ids:
                some = tuple(ids.popleft() for _ in range(min(len(ids), MOST_EVENTS_A_CALL)))
                return Asked("/events", visitor, some)
        return None

    def _events(self, number: int, visitor: Visitor) -> Asked:
        return Asked(
            "/events", visitor, tuple(f"{self.name}-{number}-{place}" for place in range(EVENTS_A_CALL))
        )

    def _page(self, number: int, visitor: Visitor) -> Asked:
        is_product = number % HOME_SHARE != 0
        return Asked("/personalize", visitor, (f"{self.name}-{number}-0",), is_product)

    def _judged(self, asked: Asked, head: bytes, body: bytes) -> str:
        if asked.status == 503:
            return "" if b"\r\nretry-after:" in head.lower() else "503 without Retry-After"
        expected = 200 if asked.is_page else 202
        if asked.status != expected:
            return f"{asked.status}: {body[:200].decode(errors='replace')}"
        answer = json.loads(body)
        if answer["visitor_id"] != asked.visitor.token:
            return "the token of another visitor"
        complaint = self._judged_events(asked, answer["events"] if asked.is_page else answer)
        if complaint or not asked.is_page:
            return complaint
        asked.is_degraded = answer["degraded"]
        return self._judged_page(asked, answer)

    def _judged_events(self, asked: Asked, counts: Mapping[str, Any]) -> str:
        kept = counts["accepted"] + counts["duplicate"]
        if kept == len(asked.event_ids) and not counts["retry"]:
            self.acknowledged.update(dict.fromkeys(asked.event_ids, asked.visitor.visitor_id))
            return ""
        if counts["retry"] and not kept:
            self._outbox[asked.visitor].extend(asked.event_ids)
            return ""
        return f"events neither kept nor to be sent again: {counts}"

    def _judged_page(self, asked: Asked, answer: Mapping[str, Any]) -> str:
        size, shown = answer["size"], answer["recommendations"]
        if size["action"] != "none" and size["size"] != asked.visitor.size:
            return f"another visitor's size: {size}, not {asked.visitor.size}"
        if not shown or any(one["item_id"] == SOLD_OUT for one in shown):
            return "no recommendations, or one that is sold out"
        if answer["degraded"]:
            is_default = size["action"] == "none" and answer["slots"]["homepage"]["variant"] == "full_price"
            return "" if is_default else "degraded, and not the default"
        if asked.is_product and size["action"] != "preselect" and not self._may_have_forgotten(asked):
            return f"a known visitor was not recognised: {size}"
        return ""

    def _may_have_forgotten(self, asked: Asked) -> bool:
        start, end = self.forgotten
        return asked.due <= end and asked.due + asked.latency_ms / 1e3 >= start


def _request(asked: Asked, number: int) -> bytes:
    item = item_id(number)
    events = [_event(event_id, item) for event_id in asked.event_ids]
    body: dict[str, Any] = {"visitor_id": asked.visitor.token, "events": events}
    if asked.is_page:
        body["page"] = {"type": "product", "item_id": item} if asked.is_product else {"type": "home"}
    content = json.dumps(body).encode()
    return _HEAD.format(path=asked.path, length=len(content)).encode() + content


def _event(event_id: str, item: str) -> dict[str, Any]:
    return {"name": "view_item", "event_id": event_id, "params": {"items": [{"item_id": item}]}}
