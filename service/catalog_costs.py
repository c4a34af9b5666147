"""What SKUs cost the shop, from the stored catalog: no decision needs it, so no worker keeps it in memory."""

import asyncio
from collections.abc import Iterable
from typing import Final

from recommender.catalog.table import TableError, decode_table
from recommender.experiments.outcomes.prices import CostBook
from service.stores.catalog_source import CatalogSource

_ATTEMPTS: Final = 3


async def read_costs(source: CatalogSource, currency: str) -> CostBook:
    """Return ``cost_of_goods_sold`` of every SKU of the stored catalog that states it in ``currency``.

    Raises:
        StoreUnavailable: the store does not answer.
        TableError: the stored catalog is damaged, or replaced again and again while it is read.
    """

    def costs_in(segments: Iterable[bytes]) -> list[CostBook]:
        return [CostBook.of_table(decode_table(segment), currency) for segment in segments]

    for attempt in range(_ATTEMPTS):
        generation = (await source.state()).generation
        if generation is None:
            break
        books: list[CostBook] = []
        try:
            async for segments in source.segments(generation):
                books += await asyncio.to_thread(costs_in, segments)
        except TableError:
            # Most likely the catalog was replaced meanwhile; a damaged one fails again.
            if attempt == _ATTEMPTS - 1:
                raise
            continue
        return CostBook.joined(books)
    return CostBook.of({})
