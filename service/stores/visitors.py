"""The visitors' store: one atomic round trip applies a request's events and returns the state."""

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Final, NamedTuple, Protocol

import msgspec

from recommender.events import Event
from recommender.homepage import HomepageVariant
from recommender.visitor.codec import StateFormatError, decode_state, encode_effects, encode_pin
from recommender.visitor.effects import Effects
from recommender.visitor.state import EMPTY_STATE, HomepagePin, VisitorState, second_of
from service.stores.connection import Script, StoreUnavailable
from service.stores.keys import Keyspace
from service.stores.rates import MICROSECONDS, Rate, microsecond_of
from service.stores.script_runners import ScriptRunner

_DAY_SECONDS: Final = 86_400
_MOMENT: Final = Struct(">QIQQ")
"""What the script needs to know of a request's time and rate; numbers as text would cost it 1 µs to read."""
_UNLIMITED: Final = (0, 0)
_ACCEPTED: Final = ord("1")


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long things about a visitor are kept, all in seconds.

    Attributes:
        state_seconds: from the last event until the visitor is forgotten.
        ring_seconds: from the last event until repetitions are no longer recognised.
        orders_seconds: from the last order until another report of an order would count again.
        session_gap_seconds: silence after which a new session starts.
        first_visit_seconds: how long everything of a visitor is kept who has not come back with their id yet.
    """

    state_seconds: int = 400 * _DAY_SECONDS
    ring_seconds: int = 2 * _DAY_SECONDS
    orders_seconds: int = 30 * _DAY_SECONDS
    session_gap_seconds: int = 30 * 60
    first_visit_seconds: int = 60 * 60


class Applied(NamedTuple):
    """The state after a request's events, and which of them were new (in the batch's order)."""

    state: VisitorState
    is_new: tuple[bool, ...]

    @property
    def accepted(self) -> int:
        """How many events counted."""
        return sum(self.is_new)

    @property
    def duplicate(self) -> int:
        """How many events had been seen before."""
        return len(self.is_new) - sum(self.is_new)


class RateLimited(Exception):  # noqa: N818 - what happened, as callers and users call it
    """A visitor asks more often than they may; nothing was read, applied or logged.

    Args:
        retry_after_seconds: from when on a request is taken again.
    """

    def __init__(self, retry_after_seconds: float) -> None:
        super().__init__(f"too many requests: try again in {retry_after_seconds:.1f} s")
        self.retry_after_seconds = retry_after_seconds


class VisitorStore(Protocol):
    """What the service needs of a store; every method raises :class:`StoreUnavailable` if it cannot be done."""

    async def apply(
        self,
        visitor_id: str,
        batch: Sequence[tuple[Event, Effects]],
        *,
        now: float,
        ttl_seconds: int | None = None,
        rate: Rate | None = None,
    ) -> Applied:
        """Apply a request's events, log those that are new, and return the state, all or nothing.

        Without events an unknown visitor stays unknown (:data:`EMPTY_STATE`), a known one is marked as seen.

        Args:
            visitor_id: any text of up to 128 characters.
            batch: each event with what :func:`recommender.visitor.effects.effects_of` made of it.
            now: Unix seconds.
            ttl_seconds: how long to keep everything of the visitor, if anything of the batch is new; the store's
                defaults if not given.
            rate: how often the visitor may ask; not given, as often as they like.

        Raises:
            RateLimited: the visitor asks too often; nothing was applied.
        """
        ...

    async def read(self, visitor_id: str) -> VisitorState:
        """Return a visitor's state, :data:`EMPTY_STATE` if unknown; changes nothing."""
        ...

    async def pin_homepage(self, visitor_id: str, variant: HomepageVariant, *, at: float) -> bool:
        """Remember the variant of a known visitor's session as of ``at``; return whether they are known."""
        ...


class RedisVisitorStore:
    """The store in Redis or Valkey."""

    def __init__(self, scripts: ScriptRunner, keyspace: Keyspace, lifetimes: Lifetimes | None = None) -> None:
        self._scripts = scripts
        self._keyspace = keyspace
        lifetimes = lifetimes or Lifetimes()
        # As text already: writing numbers into the command took 4 µs of every request with cold caches.
        self._lives_ms = tuple(
            b"%d" % (seconds * 1000)
            for seconds in (lifetimes.state_seconds, lifetimes.ring_seconds, lifetimes.orders_seconds)
        )
        self._gap_seconds = lifetimes.session_gap_seconds
        self._apply = Script("apply")
        self._pin = Script("pin")
        self._encode_event = msgspec.json.Encoder().encode

    async def apply(
        self,
        visitor_id: str,
        batch: Sequence[tuple[Event, Effects]],
        *,
        now: float,
        ttl_seconds: int | None = None,
        rate: Rate | None = None,
    ) -> Applied:
        """See :meth:`VisitorStore.apply`."""
        lives_ms = self._lives_ms if ttl_seconds is None else self._lives_ms_within(ttl_seconds)
        arguments: list[str | bytes | int] = [
            _MOMENT.pack(microsecond_of(now), self._gap_seconds, *(rate or _UNLIMITED)),
            *lives_ms,
            visitor_id,
        ]
        for event, effects in batch:
            arguments.append(encode_effects(effects))
            arguments.append(self._encode_event(event))
        reply = await self._scripts.run(self._apply, self._keyspace.of_visitor(visitor_id), arguments)
        if isinstance(reply, int):
            raise RateLimited(reply / MICROSECONDS)
        return Applied(_decoded(reply[0]), tuple([flag == _ACCEPTED for flag in reply[1]]))

    def _lives_ms_within(self, ttl_seconds: int) -> tuple[bytes, ...]:
        return tuple(b"%d" % min(int(life), ttl_seconds * 1000) for life in self._lives_ms)

    async def read(self, visitor_id: str) -> VisitorState:
        """See :meth:`VisitorStore.read`."""
        return _decoded(await self._scripts.get(self._keyspace.of_visitor(visitor_id).state))

    async def pin_homepage(self, visitor_id: str, variant: HomepageVariant, *, at: float) -> bool:
        """See :meth:`VisitorStore.pin_homepage`."""
        pin = encode_pin(HomepagePin(second_of(at), variant))
        known = await self._scripts.run(self._pin, [self._keyspace.of_visitor(visitor_id).state], [pin])
        return bool(known)


def _decoded(stored: bytes | None) -> VisitorState:
    if stored is None:
        return EMPTY_STATE
    try:
        return decode_state(stored)
    except StateFormatError as error:
        raise StoreUnavailable(str(error)) from error
