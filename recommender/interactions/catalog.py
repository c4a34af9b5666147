"""What reading and training ask of the catalog; :class:`recommender.catalog.catalog.Catalog` answers to it."""

from collections.abc import Sequence
from typing import Protocol

from recommender.sizes.ladder import Ladder
from recommender.sizes.size import Size


class CatalogSku(Protocol):
    """One size and colour of an item."""

    @property
    def label(self) -> str:
        """The feed's ``size``, as the shop writes it."""

    @property
    def size(self) -> Size | None:
        """The parsed size, None where the label has no meaning."""

    def on_sale(self, now: float, /) -> bool:
        """Whether the sale price held at ``now`` (Unix seconds)."""


class CatalogItem(Protocol):
    """An item."""

    @property
    def item_id(self) -> str:
        """The identifier under which interactions know it."""

    @property
    def key(self) -> int:
        """:func:`recommender.identifiers.key_of` the identifier."""

    @property
    def department(self) -> int:
        """Code of :mod:`recommender.departments`."""

    @property
    def product_type(self) -> str | None:
        """The shop's own category, whose popular items a category page falls back to."""

    @property
    def skus(self) -> Sequence[CatalogSku]:
        """Every size and colour."""

    def ladder(self) -> Ladder | None:
        """The item's ordered sizes, None where they cannot be read."""


class ResolvedItem(Protocol):
    """What an identifier stands for."""

    @property
    def item(self) -> CatalogItem:
        """The item."""

    @property
    def sku(self) -> CatalogSku | None:
        """The SKU, if the identifier was one's."""


class ItemCatalog(Protocol):
    """Resolves identifiers of interactions."""

    def resolve(self, identifier: str, /) -> ResolvedItem | None:
        """Return the item of an item or SKU id, None if neither is known."""
