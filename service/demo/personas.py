"""Somebody else at once: visitors with a past that the panel's buttons turn the browser into.

What they did goes through the same use case as the events of real visitors, visit by visit and oldest first; no
state is written by hand. It is told by the shop's server, which may report any past.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from recommender.events import SECONDS_PER_DAY, Event, EventItem, EventName
from service.contract.wire import CheckedEvents
from service.demo.shop import DemoItem
from service.identity.tokens import Visitor, VisitorTokens
from service.personalization import Personalization

PersonaName = Literal["trend", "deal"]

LOOKS_A_VISIT: Final = 8
SECONDS_A_LOOK: Final = 40.0


@dataclass(frozen=True, slots=True)
class Persona:
    """Somebody with a habit.

    Attributes:
        gender: of what they look at, besides what is for everybody.
        discounted: whether they go for reduced items, or for new ones at full price.
        sizes: what they wear: garment family to size.
        visit_days: how many days ago they came.
    """

    gender: str
    discounted: bool
    sizes: dict[str, str]
    visit_days: tuple[int, ...] = (34, 21, 12, 6, 2)


PERSONAS: Final[dict[PersonaName, Persona]] = {
    "trend": Persona("female", False, {"tops": "M", "dresses": "38"}),
    "deal": Persona("male", True, {"tops": "L", "bottoms": "50"}),
}


class Impostor:
    """Makes up visitors with a past.

    Args:
        items: of the shop.
        personalization: keeps what they did.
        tokens: issues their ids.
        clock: Unix seconds now.
    """

    def __init__(
        self,
        items: Sequence[DemoItem],
        personalization: Personalization,
        tokens: VisitorTokens,
        clock: Callable[[], float],
    ) -> None:
        self._items = items
        self._personalization = personalization
        self._tokens = tokens
        self._clock = clock

    async def become(self, name: PersonaName) -> Visitor:
        """Return a new visitor who has done what the persona does.

        Raises:
            StoreUnavailable: what they did cannot be kept now.
        """
        visitor = self._tokens.issue()
        persona = PERSONAS[name]
        rng = Random(visitor.visitor_id)  # noqa: S311 - another past for each, no secrets
        past = _Past(persona, self._items, rng, visitor.visitor_id)
        now = self._clock()
        for days in persona.visit_days:
            events = list(past.visit(now - days * SECONDS_PER_DAY))
            # As of its last event: each visit is a session of its own, and the next page starts another.
            await self._personalization.keep(
                visitor.visitor_id, CheckedEvents(tuple(events), 0, ()), now=events[-1].timestamp
            )
        return visitor


class _Past:
    """What a persona did, visit by visit."""

    def __init__(self, persona: Persona, items: Sequence[DemoItem], rng: Random, visitor_id: str) -> None:
        self._persona = persona
        self._rng = rng
        self._visitor_id = visitor_id
        self._told = 0
        own = [
            item
            for item in items
            if item.garment.gender in (persona.gender, "unisex")
            and (item.sale_price is not None) == persona.discounted
        ]
        self._looked_at = own
        self._worn = {family: self._in_size(own, family, size) for family, size in persona.sizes.items()}

    def _in_size(self, items: Sequence[DemoItem], family: str, size: str) -> list[DemoItem]:
        """Return what is there in a size, shuffled: each visit takes another one, for sizes are learned from distinct items."""
        worn = [item for item in items if item.garment.family == family and size not in item.sold_out]
        self._rng.shuffle(worn)
        return worn

    def visit(self, start: float) -> Iterator[Event]:
        """Yield the events of one visit: looks, a size chosen in each department, and a purchase."""
        moments = iter(start + SECONDS_A_LOOK * step for step in range(4 * LOOKS_A_VISIT))
        if self._persona.discounted:
            yield self._event(EventName.SORT_ITEMS, next(moments), sort_by="price_asc")
        for item in self._rng.sample(self._looked_at, min(LOOKS_A_VISIT, len(self._looked_at))):
            yield self._event(EventName.VIEW_ITEM, next(moments), item)
        taken: list[tuple[DemoItem, str]] = []
        for family, size in self._persona.sizes.items():
            item = self._worn[family].pop()
            yield self._event(EventName.VIEW_ITEM, next(moments), item)
            yield self._event(EventName.SELECT_SIZE, next(moments), item, size=size)
            yield self._event(EventName.ADD_TO_CART, next(moments), item, size=size)
            taken.append((item, size))
        at = next(moments)
        yield Event(
            name=EventName.PURCHASE,
            event_id=self._event_id(),
            timestamp=at,
            source="server",
            currency="EUR",
            transaction_id=f"demo-{self._visitor_id}-{int(at)}",
            items=tuple(_entry(item, size) for item, size in taken),
        )

    def _event(
        self,
        name: EventName,
        at: float,
        item: DemoItem | None = None,
        *,
        size: str | None = None,
        sort_by: str | None = None,
    ) -> Event:
        return Event(
            name=name,
            event_id=self._event_id(),
            timestamp=at,
            source="server",
            currency="EUR",
            items=() if item is None else (_entry(item, size),),
            sort_by=sort_by,
        )

    def _event_id(self) -> str:
        self._told += 1
        return f"demo-{self._visitor_id}-{self._told}"


def _entry(item: DemoItem, size: str | None) -> EventItem:
    discount = None if item.sale_price is None else round(item.price - item.sale_price, 2)
    return EventItem(item_id=item.item_id, size=size, price=item.paid_price, discount=discount)
