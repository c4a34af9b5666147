"""What an event's items are: entries resolved by the catalog, and the size that was acted on."""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from recommender.events import EventItem
from recommender.identifiers import key_of
from recommender.sizes.labels import parse_size
from recommender.sizes.size import Size

LARGEST_SIZE: Final = Size(scale=0xFF, value=0xFFF, second=0xFF)
"""What a record of evidence can hold: a value up to 2047, in half units."""


class SkuLike(Protocol):
    """What effects need of a SKU of the catalog."""

    @property
    def sku_id(self) -> str:
        """The feed's ``id``."""

    @property
    def label(self) -> str:
        """The feed's ``size``, as the shop writes it."""

    @property
    def size(self) -> Size | None:
        """The parsed size, ``None`` where the label has no meaning to Kabin."""

    def on_sale(self, now: float, /) -> bool:
        """Whether the sale price held at ``now`` (Unix seconds)."""


class ItemLike(Protocol):
    """What effects need of an item of the catalog."""

    @property
    def key(self) -> int:
        """:func:`recommender.identifiers.key_of` the item's id."""

    @property
    def department(self) -> int:
        """Code of :mod:`recommender.departments`."""

    @property
    def skus(self) -> Sequence[SkuLike]:
        """Every size and colour of the item."""


class ResolvedLike(Protocol):
    """What an id stands for."""

    @property
    def item(self) -> ItemLike:
        """The item."""

    @property
    def sku(self) -> SkuLike | None:
        """The SKU, if the id was one's."""


class CatalogLike(Protocol):
    """What effects need of the catalog."""

    def resolve(self, identifier: str, /) -> ResolvedLike | None:
        """Return the item (and SKU) of an item or SKU id, ``None`` if neither is known."""


class ItemLine(NamedTuple):
    """An entry of an event's ``items``, resolved; ``item`` is None where the catalog does not know it."""

    item_key: int
    item: ItemLike | None
    sku: SkuLike | None
    entry: EventItem


def line_of(entry: EventItem, catalog: CatalogLike) -> ItemLine:
    """Return an entry with its item and SKU; ``item_variant`` names the SKU where it is one of the same item."""
    resolved = catalog.resolve(entry.item_id)
    variant = None if entry.item_variant is None else catalog.resolve(entry.item_variant)
    if resolved is None and variant is not None and variant.sku is not None:
        resolved = variant
    if resolved is None:
        return ItemLine(key_of(entry.item_id), None, None, entry)
    sku = resolved.sku
    if variant is not None and variant.sku is not None and variant.item.key == resolved.item.key:
        sku = variant.sku
    return ItemLine(resolved.item.key, resolved.item, sku, entry)


def size_of(line: ItemLine) -> Size | None:
    """Return the size acted on: the SKU's, else that of the item's SKU so labelled, else the label parsed."""
    if line.item is None:
        return None
    if line.sku is not None:
        return line.sku.size
    label = line.entry.size
    if label is None:
        return None
    wanted = label.strip().casefold()
    for sku in line.item.skus:
        if sku.size is not None and sku.label.strip().casefold() == wanted:
            return sku.size
    return parse_size(label, department=line.item.department, size_system=None, size_type=None)


def fits_record(size: Size) -> bool:
    """Tell whether a record of evidence can hold a size; an absurd one leaves none."""
    return all(0 <= part <= largest for part, largest in zip(size, LARGEST_SIZE, strict=True))
