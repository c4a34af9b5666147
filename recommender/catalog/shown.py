"""Items as answers show them: an id and a card, a fifth of the memory of an item with its SKUs."""

from typing import Any, Protocol

import msgspec
import orjson

from recommender.catalog.cards import BEGINNING, END, card_of
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
    _json: bytes = b""
    _valid_from: float = END
    _valid_until: float = BEGINNING

    def card_json(self, now: float) -> bytes:
        """Return the JSON of the item's card at ``now`` (Unix seconds)."""
        # The card's fields are kept here, sparing two calls for each of twelve.
        if not self._valid_from <= now < self._valid_until:
            frame, row = self._frame, self._row
            card = card_of(frame.text(row), frame.offers(row), now)
            self._json, self._valid_from, self._valid_until = card
        return self._json

    def card(self, now: float) -> dict[str, Any]:
        """Return what the card says."""
        content: dict[str, Any] = orjson.loads(self.card_json(now))
        return content
