"""Which visitors turned out to be customers, as log and archive tell it, and what of their stories is the customers'.

A visitor's events until the millisecond at which they were recognised belong to the customer, whichever day they are
archived under; what follows is a story of its own. So the moments must be known before events are read.
"""

from bisect import bisect_left, insort
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from recommender.events import LINKS, Event, EventName
from recommender.visitor.codec import (
    decode_orders,
    decode_ring,
    decode_state,
    encode_orders,
    encode_ring,
    encode_state,
)
from recommender.visitor.holdings import NOTHING, Holdings

LINK_NAMES: Final = tuple(sorted(name.value for name in LINKS))
"""Values of the archive's column ``name`` in rows that say who became whom."""

LINK_MARK: Final = b'"link":'
"""In no entry's JSON but theirs: in any text of an event the quotes would be escaped."""

_decode_event = msgspec.json.Decoder(Event).decode


class Part(NamedTuple):
    """What a visitor did until a moment (Unix ms of their log) at which they became a customer."""

    visitor_id: str
    until_ms: int


class _Packed(NamedTuple):
    """Holdings as a store has them: a tenth of the memory of their objects."""

    state: bytes
    ring: bytes
    orders: bytes


@dataclass(slots=True)
class Transfers:
    """The parts of visitors' stories that moved to customers.

    Attributes:
        merged: by customer, which parts arrived.
        identified: by part, the customer whom it was meant for.
    """

    merged: dict[str, set[Part]] = field(default_factory=dict)
    identified: dict[Part, str] = field(default_factory=dict)
    _moments: dict[str, list[int]] = field(default_factory=dict)
    _held: dict[Part, _Packed] = field(default_factory=dict)

    def note_entry(self, visitor_id: str, json: bytes) -> None:
        """Take in an entry of log or archive that may say who became whom; any other says nothing here."""
        if LINK_MARK in json:
            with suppress(msgspec.MsgspecError):
                self.note(visitor_id, _decode_event(json))

    def note(self, visitor_id: str, event: Event) -> bool:
        """Take in an event that may say who became whom; return whether it does and was not known."""
        at_ms, link = moment_of(event), event.link
        if event.name is EventName.IDENTIFIED and link is not None:
            part = Part(visitor_id, at_ms)
            if part in self.identified:
                return False
            insort(self._moments.setdefault(visitor_id, []), at_ms)
            self.identified[part] = link
            return True
        if event.name is EventName.MERGED and link is not None:
            part, parts = Part(link, at_ms), self.merged.setdefault(visitor_id, set())
            is_news = part not in parts
            parts.add(part)
            return is_news
        return False

    def part_of(self, visitor_id: str, received_at: float) -> Part | None:
        """Return the part to which what arrived then (Unix seconds) belongs; ``None`` for the visitor's own story."""
        moments = self._moments.get(visitor_id)
        if moments is None:
            return None
        place = bisect_left(moments, round(received_at * 1000))
        return Part(visitor_id, moments[place]) if place < len(moments) else None

    def keep(self, part: Part, held: Holdings) -> None:
        """Keep what a part comes to, until its customer's story is told."""
        self._held[part] = _Packed(
            encode_state(held.state), encode_ring(held.ring), encode_orders(held.orders)
        )

    def knows(self, part: Part) -> bool:
        """Return whether it has been told what a part comes to."""
        return part in self._held

    def held_of(self, part: Part) -> Holdings:
        """Return what a part comes to; nothing, if it has been erased or its time is over."""
        packed = self._held.get(part)
        if packed is None:
            return NOTHING
        return Holdings(decode_state(packed.state), decode_ring(packed.ring), decode_orders(packed.orders))

    def unfinished(self) -> dict[Part, str]:
        """Return the parts that never arrived, with whom they are meant for."""
        arrived = {part for parts in self.merged.values() for part in parts}
        return {part: customer for part, customer in self.identified.items() if part not in arrived}


def moment_of(event: Event) -> int:
    """Return the moment of one of :data:`recommender.events.LINKS`, in Unix milliseconds of the visitor's log."""
    return round(event.timestamp * 1000)
