"""The items chosen for one slot: several ways to add some, one filter for all of them."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from recommender.catalog.catalog import Catalog
from recommender.catalog.item import Item
from recommender.catalog.orders import CategoryPath, category_path, matches, paths_of
from recommender.decisions.fit import Fit
from recommender.decisions.served import ServedModel
from recommender.decisions.treatment import RecommendationSource
from recommender.homepage import HomepageVariant
from recommender.recommendations.ranking import ALS, COVISIT

POOL_FACTOR: Final = 3
"""A home page picks its order from this many times the items it shows."""

Source = Literal["als", "covisit", "popular", "newest", "on_sale"]

_SOURCES: Final[dict[int, Source]] = {COVISIT: "covisit", ALS: "als"}


class Recommendation(NamedTuple):
    """One recommended item.

    ``score`` compares within one source only; lists that are not ranked for the visitor have 0.
    """

    item: Item
    score: float
    source: Source
    in_your_size: bool


class Shelf:
    """The items chosen so far for one slot; every way to add some goes through the same filter.

    Args:
        catalog: what can be shown.
        model: neighbours and popular items.
        fit: of the visitor.
        excluded: item keys never to show.
        category: if given, only its items are shown.
        source: of neighbours; ``None`` for the one that the model is served with.
    """

    __slots__ = (
        "_catalog",
        "_category",
        "_excluded",
        "_fit",
        "_fits",
        "_model",
        "_path",
        "_ranker",
        "_within",
        "chosen",
    )

    def __init__(
        self,
        catalog: Catalog,
        model: ServedModel | None,
        fit: Fit,
        *,
        excluded: frozenset[int],
        category: str | None,
        source: RecommendationSource | None = None,
    ) -> None:
        self.chosen: list[Recommendation] = []
        self._catalog = catalog
        self._model = model
        self._ranker = None if model is None else model.ranker_of(source)
        self._fit = fit
        self._excluded = set(excluded)
        self._category = category
        self._path = None if category is None else category_path(category)
        self._fits: dict[int, bool | None] = {}
        self._within: dict[tuple[str | None, str | None], bool] = {}

    def add_neighbours(self, seeds: Sequence[int], *, limit: int) -> None:
        """Add what goes with ``seeds`` (item keys, newest first)."""
        model, catalog, ranker = self._model, self._catalog, self._ranker
        if model is None or ranker is None or len(self.chosen) >= limit:
            return
        ranked = ranker.rank(
            _session(seeds, model),
            limit=limit - len(self.chosen),
            accept=lambda row: self._accepts(model.catalog_row(row, catalog)),
        )
        for row, score, source in ranked:
            self._add(catalog.item_at(model.catalog_row(row, catalog)), score, _SOURCES[source])

    def add_popular(self, category: str | None, department: int | None, *, limit: int) -> None:
        """Add popular items of a category and a department, or of the whole shop if both are ``None``."""
        model, catalog = self._model, self._catalog
        if model is None:
            return
        everywhere = category is None and department is None
        for row in model.popular if everywhere else model.popular_in(category, department):
            if len(self.chosen) >= limit:
                return
            place = model.catalog_row(row, catalog)
            if self._accepts(place):
                self._add(catalog.item_at(place), 0.0, "popular")

    def add_newest(self, *, limit: int, now: float) -> None:
        """Add the newest items, whatever they cost."""
        catalog = self._catalog
        missing = limit - len(self.chosen)
        if missing > 0:
            rows = catalog.newest(now, limit=missing, accept=self._accepts, category=self._category)
            for row in rows:
                self._add(catalog.item_at(row), 0.0, "newest")

    def add_slot(self, variant: HomepageVariant, seeds: Sequence[int], *, limit: int, now: float) -> None:
        """Add what a homepage's variant shows: of its newest items those that go with ``seeds`` first."""
        catalog, model, ranker = self._catalog, self._model, self._ranker
        source: Source = "on_sale" if variant == "promo" else "newest"
        listed = catalog.on_sale if variant == "promo" else catalog.newest_full_price
        personal = ranker is not None and bool(seeds)
        pool = listed(now, limit=POOL_FACTOR * limit if personal else limit, accept=self._accepts)
        items = [catalog.item_at(row) for row in pool]
        if model is not None and ranker is not None and seeds:
            item_of_row = dict(
                zip(model.model.rows_of_keys([item.key for item in items]), items, strict=True)
            )
            item_of_row.pop(-1, None)
            session = _session(seeds, model)
            for ranked in ranker.rank(session, limit=limit, accept=item_of_row.__contains__):
                self._add(item_of_row[ranked.row], ranked.score, source)
        for item in items:
            if len(self.chosen) >= limit:
                return
            if item.key not in self._excluded:
                self._add(item, 0.0, source)

    def _add(self, item: Item, score: float, source: Source) -> None:
        self._excluded.add(item.key)
        self.chosen.append(Recommendation(item, score, source, self._fits[item.key] is True))

    def _accepts(self, row: int) -> bool:
        """Tell whether the item in a catalog row may be shown; cheap reasons not to come first."""
        if row < 0 or not self._catalog.in_stock(row):
            return False
        item = self._catalog.item_at(row)
        if item.key in self._excluded or (self._path is not None and not self._is_within(item, self._path)):
            return False
        fit = self._fits[item.key] = self._fit.of(item)
        return fit is not False

    def _is_within(self, item: Item, path: CategoryPath) -> bool:
        categories = (item.product_type, item.google_product_category)
        within = self._within.get(categories)
        if within is None:
            within = self._within[categories] = matches(path, paths_of(*categories))
        return within


def _session(seeds: Sequence[int], model: ServedModel) -> list[int]:
    """Return the model's rows of ``seeds``, oldest first, without items it does not know."""
    return [row for row in reversed(model.model.rows_of_keys(seeds)) if row >= 0]
