"""The demo shop's cart: a cookie of SKUs and quantities, believed only as far as the shelves agree."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from service.demo.assortment import Assortment, DemoSku

MAX_LINES: Final = 20
MAX_QUANTITY: Final = 9
MAX_COOKIE_CHARACTERS: Final = 2_000

_LINE: Final = re.compile(r"([a-z0-9_-]{1,64}):([1-9])")


class CartError(Exception):
    """Something cannot go into the cart; ``reason`` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class CartLine:
    """One SKU in the cart, and how many of it."""

    sku: DemoSku
    quantity: int

    @property
    def total(self) -> float:
        """What the line costs now."""
        return round(self.sku.item.paid_price * self.quantity, 2)

    @property
    def full_total(self) -> float:
        """What it would cost at full price."""
        return round(self.sku.item.price * self.quantity, 2)


@dataclass(frozen=True, slots=True)
class Cart:
    """What a shopper means to buy, in the order in which it was chosen; a changed cart is another one."""

    lines: tuple[CartLine, ...] = ()

    @classmethod
    def parse(cls, cookie: str | None, assortment: Assortment) -> "Cart":
        """Read a cookie (``sku:quantity`` joined by dots); whatever is no line of this shop's is left out."""
        lines: dict[str, CartLine] = {}
        for line in _lines_in(cookie or "", assortment):
            lines.setdefault(line.sku.sku_id, line)
        return cls(tuple(lines.values())[:MAX_LINES])

    def cookie(self) -> str:
        """Return what :meth:`parse` reads."""
        return ".".join(f"{line.sku.sku_id}:{line.quantity}" for line in self.lines)

    @property
    def count(self) -> int:
        """How many pieces there are."""
        return sum(line.quantity for line in self.lines)

    @property
    def total(self) -> float:
        """What it costs now, in euros."""
        return round(sum(line.total for line in self.lines), 2)

    @property
    def full_total(self) -> float:
        """What it would cost without discounts."""
        return round(sum(line.full_total for line in self.lines), 2)

    @property
    def saved(self) -> float:
        """What discounts take off."""
        return round(self.full_total - self.total, 2)

    def line(self, sku_id: str) -> CartLine | None:
        """Return the line of a SKU."""
        return next((line for line in self.lines if line.sku.sku_id == sku_id), None)

    def added(self, sku: DemoSku) -> "Cart":
        """Return the cart with one more of a SKU.

        Raises:
            CartError: ``sold_out``, or ``full`` if the cart takes no more lines or no more of this SKU.
        """
        if not sku.in_stock:
            raise CartError("sold_out")
        line = self.line(sku.sku_id)
        if line is not None:
            if line.quantity >= MAX_QUANTITY:
                raise CartError("full")
            return self.changed(sku.sku_id, line.quantity + 1)
        if len(self.lines) >= MAX_LINES:
            raise CartError("full")
        return Cart((*self.lines, CartLine(sku, 1)))

    def changed(self, sku_id: str, quantity: int) -> "Cart":
        """Return the cart with another quantity of a SKU, 1 to ``MAX_QUANTITY``; others leave it as it is."""
        if not 1 <= quantity <= MAX_QUANTITY:
            return self
        return Cart(
            tuple(CartLine(line.sku, quantity) if line.sku.sku_id == sku_id else line for line in self.lines)
        )

    def without(self, sku_id: str) -> "Cart":
        """Return the cart without a SKU."""
        return Cart(tuple(line for line in self.lines if line.sku.sku_id != sku_id))


def _lines_in(cookie: str, assortment: Assortment) -> Iterator[CartLine]:
    if len(cookie) > MAX_COOKIE_CHARACTERS:
        return
    for part in cookie.split("."):
        match = _LINE.fullmatch(part)
        sku = assortment.sku(match[1]) if match else None
        if match and sku is not None and sku.in_stock:
            yield CartLine(sku, int(match[2]))
