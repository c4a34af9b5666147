"""An order of the demo shop: a cookie, so that its confirmation can be shown and is reported once."""

import re
import secrets
from dataclasses import dataclass, replace
from typing import Final

from service.demo.assortment import Assortment
from service.demo.cart import Cart

_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Without the letters and digits that people mistake for each other."""
_TRANSACTION_ID: Final = re.compile(r"S-[2-9A-Z]{10}")
_COOKIE: Final = re.compile(r"(S-[2-9A-Z]{10})~(\d{1,10})~(new|told)~(.*)")


@dataclass(frozen=True, slots=True)
class Order:
    """What was bought, and when.

    Attributes:
        transaction_id: GA4's name of it.
        placed_at: Unix seconds, whole ones.
        cart: what was in it.
        is_told: whether a page has already reported the purchase; a reload must not do it again.
    """

    transaction_id: str
    placed_at: int
    cart: Cart
    is_told: bool = False

    @classmethod
    def parse(cls, cookie: str | None, assortment: Assortment) -> "Order | None":
        """Read a cookie; ``None`` if it is none of this shop's."""
        match = _COOKIE.fullmatch(cookie or "")
        if match is None:
            return None
        cart = Cart.parse(match[4], assortment)
        return cls(match[1], int(match[2]), cart, match[3] == "told") if cart.lines else None

    def cookie(self) -> str:
        """Return what :meth:`parse` reads."""
        told = "told" if self.is_told else "new"
        return f"{self.transaction_id}~{self.placed_at}~{told}~{self.cart.cookie()}"

    def told(self) -> "Order":
        """Return the order as one whose purchase has been reported."""
        return replace(self, is_told=True)


def new_transaction_id() -> str:
    """Return an id that no other order has: 50 random bits, readable aloud."""
    return "S-" + "".join(secrets.choice(_ALPHABET) for _ in range(10))


def is_transaction_id(text: str) -> bool:
    """Tell whether a form may bring this id."""
    return _TRANSACTION_ID.fullmatch(text) is not None
