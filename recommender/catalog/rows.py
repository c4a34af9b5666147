"""Checked rows of a feed, one per SKU, and what is reported about the others."""

from enum import IntEnum
from typing import Any, Final

import msgspec

from recommender.catalog.money import Money


class Availability(IntEnum):
    """Merchant Center's ``availability``; one byte in the catalog."""

    OUT_OF_STOCK = 0
    IN_STOCK = 1
    PREORDER = 2
    BACKORDER = 3


class SalePeriod(msgspec.Struct, frozen=True, array_like=True):
    """When a sale price holds: Unix seconds, from the first one to before the second; ``None`` has no end."""

    start: float | None
    end: float | None


class Row(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One SKU as the feed describes it; ``item_group_id`` is ``None`` for an item that is its own only SKU."""

    id: str
    item_group_id: str | None
    title: str
    link: str
    image_link: str | None
    availability: int
    price: Money
    sale_price: Money | None
    sale_price_effective_date: SalePeriod | None
    brand: str | None
    product_type: str | None
    google_product_category: str | None
    gender: str | None
    age_group: str | None
    color: str | None
    size: str | None
    size_type: str | None
    size_system: str | None
    cost_of_goods_sold: Money | None
    first_seen: float | None

    @property
    def item_id(self) -> str:
        """The item the SKU belongs to."""
        return self.item_group_id or self.id


REQUIRED_FIELDS: Final = ("id", "title", "link", "price")
"""What a row cannot do without; a missing ``availability`` is reported and taken for in stock."""
OPTIONAL_FIELDS: Final = tuple(
    name for name in Row.__struct_fields__ if name not in {*REQUIRED_FIELDS, "availability"}
)
_NOTHING: Final[dict[str, Any]] = dict.fromkeys(OPTIONAL_FIELDS)


class RowPatch(msgspec.Struct, frozen=True):
    """Changes to one SKU: the fields that a row of ``PATCH`` names, checked; ``None`` clears an optional one."""

    line: int
    id: str
    fields: dict[str, Any]


class RowError(msgspec.Struct, frozen=True):
    """What is wrong with a line of the feed, and what to do about it.

    ``line`` counts from 1 and includes the header. ``rejected`` says whether the row is left out; otherwise it
    is kept without the field.
    """

    line: int
    field: str | None
    detail: str
    rejected: bool = True


def full_row(fields: dict[str, Any], line: int) -> Row | RowError:
    """Make a row of checked fields; what is missing is reported by name."""
    for name in REQUIRED_FIELDS:
        if fields.get(name) is None:
            return RowError(line, name, f"{name} is missing: every row needs {', '.join(REQUIRED_FIELDS)}")
    if fields.get("availability") is None:
        return Row(**{**_NOTHING, **fields, "availability": Availability.IN_STOCK})
    return Row(**{**_NOTHING, **fields})


def patched(row: Row | None, patch: RowPatch) -> Row | RowError:
    """Return the row after a patch; without a row, the patch must be a whole one."""
    if row is None:
        made = full_row({"id": patch.id, **patch.fields}, patch.line)
        if isinstance(made, RowError):
            detail = (
                f"{patch.id!r:.60} is not in the catalog yet and {made.field} is missing: send the whole row"
            )
            return RowError(patch.line, made.field, detail)
        return made
    needed = (*REQUIRED_FIELDS, "availability")
    cleared = next((name for name in needed if patch.fields.get(name, "") is None), None)
    if cleared is not None:
        return RowError(patch.line, cleared, f"{cleared} cannot be cleared: give it a value or leave it out")
    return full_row(msgspec.structs.asdict(row) | patch.fields, patch.line)


def with_valid_sale(row: Row, line: int) -> tuple[Row, RowError | None]:
    """Drop a sale price that is none: not below the price (reported if above it) or in another currency."""
    sale = row.sale_price
    if sale is None or (sale.currency == row.price.currency and sale.minor < row.price.minor):
        return row, None
    full_price = msgspec.structs.replace(row, sale_price=None)
    if sale.currency != row.price.currency:
        detail = f"the sale is in {sale.currency}, the price in {row.price.currency}: use one currency; sale ignored"
    elif sale.minor > row.price.minor:
        detail = "sale_price is above price: swap them or leave the sale out; sale ignored"
    else:
        return full_price, None
    return full_price, RowError(line, "sale_price", detail, rejected=False)
