"""The visitors' store as a plain model: tests hold the one in Redis against it, and routes run on it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from recommender.events import Event
from recommender.homepage import HomepageVariant
from recommender.visitor.codec import encode_pin
from recommender.visitor.effects import Effects
from recommender.visitor.holdings import NOTHING, Holdings
from recommender.visitor.ledger import VisitorLedger
from recommender.visitor.state import EMPTY_STATE, HomepagePin, VisitorState, second_of
from service.stores.rates import MICROSECONDS, Rate, early_us, microsecond_of, next_arrival
from service.stores.visitors import Applied, Lifetimes, RateLimited


@dataclass(slots=True)
class _Remembered:
    ledger: VisitorLedger
    last_seen: int
    session_started: int
    homepage: HomepagePin | None = None
    logged: list[Event] = field(default_factory=list)

    def state(self) -> VisitorState:
        return self.ledger.state(
            last_seen=self.last_seen, session_started=self.session_started, homepage=self.homepage
        )


class MemoryVisitorStore:
    """Keeps everything of every visitor for as long as the process lives; time to live is ignored."""

    def __init__(self, lifetimes: Lifetimes | None = None) -> None:
        self._lifetimes = lifetimes or Lifetimes()
        self._visitors: dict[str, _Remembered] = {}
        self._arrivals_us: dict[str, int] = {}

    async def apply(
        self,
        visitor_id: str,
        batch: Sequence[tuple[Event, Effects]],
        *,
        now: float,
        ttl_seconds: int | None = None,  # noqa: ARG002 - the protocol's; nothing expires here
        rate: Rate | None = None,
    ) -> Applied:
        """See :meth:`service.stores.visitors.VisitorStore.apply`."""
        if rate is not None:
            self._admit(visitor_id, microsecond_of(now), rate)
        second = second_of(now)
        known = self._visitors.get(visitor_id)
        if known is None:
            if not batch:
                return Applied(EMPTY_STATE, ())
            known = self._visitors[visitor_id] = _Remembered(VisitorLedger(), second, second)
        is_new = tuple(known.ledger.apply(effects) for _, effects in batch)
        known.logged.extend(event for (event, _), new in zip(batch, is_new, strict=True) if new)
        silence = second - known.last_seen
        if silence > self._lifetimes.session_gap_seconds:
            known.session_started = second
        if any(is_new) or silence >= 60 or silence > self._lifetimes.session_gap_seconds:
            known.last_seen = max(known.last_seen, second)
        return Applied(known.state(), is_new)

    async def read(self, visitor_id: str) -> VisitorState:
        """See :meth:`service.stores.visitors.VisitorStore.read`."""
        known = self._visitors.get(visitor_id)
        return EMPTY_STATE if known is None else known.state()

    async def pin_homepage(self, visitor_id: str, variant: HomepageVariant, *, at: float) -> bool:
        """See :meth:`service.stores.visitors.VisitorStore.pin_homepage`."""
        known = self._visitors.get(visitor_id)
        if known is None:
            return False
        pin = HomepagePin(second_of(at), variant)
        if known.homepage is None or encode_pin(pin) > encode_pin(known.homepage):
            known.homepage = pin
        return True

    def holdings(self, visitor_id: str) -> Holdings:
        """Return everything held of a visitor."""
        known = self._visitors.get(visitor_id)
        if known is None:
            return NOTHING
        return known.ledger.holdings(
            last_seen=known.last_seen, session_started=known.session_started, homepage=known.homepage
        )

    def put(self, visitor_id: str, held: Holdings) -> None:
        """Hold this of a visitor, in the place of everything before."""
        state, ledger = held.state, VisitorLedger()
        ledger.absorb(held)
        known = self._visitors.get(visitor_id)
        logged = [] if known is None else known.logged
        self._visitors[visitor_id] = _Remembered(
            ledger, state.last_seen, state.session_started, state.homepage, logged
        )

    def drop(self, visitor_id: str) -> tuple[Event, ...] | None:
        """Forget a visitor; return the events that had counted, ``None`` if nothing was known."""
        known = self._visitors.pop(visitor_id, None)
        self._arrivals_us.pop(visitor_id, None)
        return None if known is None else tuple(known.logged)

    def _admit(self, visitor_id: str, now_us: int, rate: Rate) -> None:
        arrival_us = next_arrival(self._arrivals_us.get(visitor_id, 0), now_us, rate)
        too_early_us = early_us(arrival_us, now_us, rate)
        if too_early_us > 0:
            raise RateLimited(too_early_us / MICROSECONDS)
        self._arrivals_us[visitor_id] = arrival_us

    def logged(self, visitor_id: str) -> tuple[Event, ...]:
        """Return the events that counted, in order of arrival."""
        known = self._visitors.get(visitor_id)
        return () if known is None else tuple(known.logged)
