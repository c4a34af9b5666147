"""Items as answers show them: an id and a card, a fifth of the memory of an item with its SKUs."""

from typing import Any, Protocol

import msgspec

from recommender.catalog.cards import Card, card_of
from recommender.catalog.frame import Frame


class Shown(Protocol):
    """An item as an answer shows it; an :class:`~recommender.catalog.item.Item` is one, too."""

    @property
    def item_id(self) -> str:
        """The shop's id."""

    def card_json(self, now: float) -> bytes:
        """Return the JSON of the item's card at ``now`` (Unix seconds), see :class:`~recommender.catalog.cards.Card`."""

    def card(self, now: float) -> dict[str, Any]:
        """Return what the card says."""


class ShownRow(msgspec.Struct, eq=False, gc=False):
    """A row of a frame, whose card is made from the columns: 8 µs where the item and its SKUs cost 15 more."""

    item_id: str
    _row: int
    _frame: Frame
    _card: Card | None = None

    def card_json(self, now: float) -> bytes:
        """Return the JSON of the item's card at ``now`` (Unix seconds)."""
        return self._card_at(now).json

    def card(self, now: float) -> dict[str, Any]:
        """Return what the card says."""
        return self._card_at(now).content()

    def _card_at(self, now: float) -> Card:
        card = self._card
        if card is None or not card.holds(now):
            frame, row = self._frame, self._row
            card = self._card = card_of(frame.text(row), frame.offers(row), now)
        return card
