"""The visitors' store: one atomic round trip applies a request's events and returns the state."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import msgspec

from recommender.events import Event
from recommender.homepage import HomepageVariant
from recommender.visitor.codec import StateFormatError, decode_state, encode_effects, encode_pin
from recommender.visitor.effects import Effects
from recommender.visitor.state import EMPTY_STATE, HomepagePin, VisitorState, second_of
from service.stores.connection import Client, Script, StoreUnavailable, unavailable_on_error
from service.stores.keys import Keyspace

_DAY_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long things about a visitor are kept, all in seconds.

    Attributes:
        state_seconds: from the last event until the visitor is forgotten.
        ring_seconds: from the last event until repetitions are no longer recognised.
        orders_seconds: from the last order until another report of an order would count again.
        session_gap_seconds: silence after which a new session starts.
    """

    state_seconds: int = 400 * _DAY_SECONDS
    ring_seconds: int = 2 * _DAY_SECONDS
    orders_seconds: int = 30 * _DAY_SECONDS
    session_gap_seconds: int = 30 * 60


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


class VisitorStore(Protocol):
    """What the service needs of a store; every method raises :class:`StoreUnavailable` if it cannot be done."""

    async def apply(
        self,
        visitor_id: str,
        batch: Sequence[tuple[Event, Effects]],
        *,
        now: float,
        ttl_seconds: int | None = None,
    ) -> Applied:
        """Apply a request's events, log those that are new, and return the state, all or nothing.

        Without events an unknown visitor stays unknown (:data:`EMPTY_STATE`), a known one is marked as seen.

        Args:
            visitor_id: any text of up to 128 characters.
            batch: each event with what :func:`recommender.visitor.effects.effects_of` made of it.
            now: Unix seconds.
            ttl_seconds: how long to keep the visitor from now on; the store's default if not given.
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

    def __init__(self, client: Client, keyspace: Keyspace, lifetimes: Lifetimes | None = None) -> None:
        self._client = client
        self._keyspace = keyspace
        self._lifetimes = lifetimes or Lifetimes()
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
    ) -> Applied:
        """See :meth:`VisitorStore.apply`."""
        lifetimes = self._lifetimes
        arguments: list[str | bytes | int] = [
            second_of(now),
            lifetimes.session_gap_seconds,
            (lifetimes.state_seconds if ttl_seconds is None else ttl_seconds) * 1000,
            lifetimes.ring_seconds * 1000,
            lifetimes.orders_seconds * 1000,
            visitor_id,
        ]
        for event, effects in batch:
            arguments.append(encode_effects(effects))
            arguments.append(self._encode_event(event))
        with unavailable_on_error():
            reply = await self._apply.run(self._client, self._keyspace.of_visitor(visitor_id), arguments)
        return Applied(_decoded(reply[0]), tuple(flag == ord("1") for flag in reply[1]))

    async def read(self, visitor_id: str) -> VisitorState:
        """See :meth:`VisitorStore.read`."""
        with unavailable_on_error():
            stored = await self._client.execute_command("GET", self._keyspace.of_visitor(visitor_id).state)
        return _decoded(stored)

    async def pin_homepage(self, visitor_id: str, variant: HomepageVariant, *, at: float) -> bool:
        """See :meth:`VisitorStore.pin_homepage`."""
        pin = encode_pin(HomepagePin(second_of(at), variant))
        with unavailable_on_error():
            known = await self._pin.run(self._client, [self._keyspace.of_visitor(visitor_id).state], [pin])
        return bool(known)


def _decoded(stored: bytes | None) -> VisitorState:
    if stored is None:
        return EMPTY_STATE
    try:
        return decode_state(stored)
    except StateFormatError as error:
        raise StoreUnavailable(str(error)) from error
