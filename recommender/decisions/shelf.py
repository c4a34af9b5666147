"""The items chosen for one slot: several ways to add some, one filter for all of them."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from recommender.catalog.catalog import Catalog
from recommender.catalog.orders import CategoryPath, category_path, matches, paths_of
from recommender.catalog.shown import Shown
from recommender.catalog.stock import ANY
from recommender.decisions.fit import Fit, WantedBits
from recommender.decisions.served import ServedModel
from recommender.decisions.treatment import RecommendationSource
from recommender.homepage import HomepageVariant
from recommender.recommendations.ranking import ALS, COVISIT

POOL_FACTOR: Final = 3
"""A home page picks its order from this many times the items it shows."""

Source = Literal["als", "covisit", "popular", "newest", "on_sale"]

_SOURCES: Final[dict[int, Source]] = {COVISIT: "covisit", ALS: "als"}


_new_recommendation = tuple.__new__
"""Makes a named tuple in a third of the time of its own constructor: 3 µs a request."""


class Recommendation(NamedTuple):
    """One recommended item.

    ``score`` compares within one source only; lists that are not ranked for the visitor have 0.
    """

    item: Shown
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
        "_bits", "_catalog", "_category", "_excluded", "_ladders", "_model", "_path", "_ranker", "_wanted",
        "_within", "chosen",
    )  # fmt: skip

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
        self._ladders, self._bits, self._wanted = catalog.stock.ladders, catalog.stock.bits, WantedBits(fit)
        self._excluded = set(excluded)
        self._category = category
        self._path = None if category is None else category_path(category)
        self._within: dict[tuple[str | None, str | None], bool] = {}

    def add_neighbours(self, seeds: Sequence[int], *, limit: int) -> None:
        """Add what goes with ``seeds`` (item keys, newest first)."""
        model, ranker = self._model, self._ranker
        if model is None or ranker is None or len(self.chosen) >= limit:
            return
        rows, accepts = model.catalog_rows(self._catalog), self._accepts
        known, place_of = rows.known, rows.of

        def accept(row: int) -> bool:
            place = known[row]  # asked first, as a call costs 0.15 µs and a request makes 20 of them
            return accepts(place if place >= 0 else place_of(row))

        ranked = ranker.rank(_session(seeds, model), limit=limit - len(self.chosen), accept=accept)
        for row, score, source in ranked:
            self._add(known[row], score, _SOURCES[source])

    def add_popular(self, category: str | None, department: int | None, *, limit: int) -> None:
        """Add popular items of a category and a department, or of the whole shop if both are ``None``."""
        model = self._model
        if model is None or len(self.chosen) >= limit:
            return
        for place in filter(self._accepts, model.popular_in(category, department, self._catalog)):
            self._add(place, 0.0, "popular")
            if len(self.chosen) >= limit:
                return

    def add_newest(self, *, limit: int, now: float) -> None:
        """Add the newest items, whatever they cost."""
        catalog = self._catalog
        missing = limit - len(self.chosen)
        if missing > 0:
            rows = catalog.newest(now, limit=missing, accept=self._accepts, category=self._category)
            for row in rows:
                self._add(row, 0.0, "newest")

    def add_slot(self, variant: HomepageVariant, seeds: Sequence[int], *, limit: int, now: float) -> None:
        """Add what a homepage's variant shows: of its newest items those that go with ``seeds`` first."""
        catalog, model, ranker = self._catalog, self._model, self._ranker
        source: Source = "on_sale" if variant == "promo" else "newest"
        listed = catalog.on_sale if variant == "promo" else catalog.newest_full_price
        personal = ranker is not None and bool(seeds)
        pool = listed(now, limit=POOL_FACTOR * limit if personal else limit, accept=self._accepts)
        if model is not None and ranker is not None and seeds:
            keys = [catalog.key_at(place) for place in pool]
            place_of_row = dict(zip(model.model.rows_of_keys(keys), pool, strict=True))
            place_of_row.pop(-1, None)
            session = _session(seeds, model)
            for ranked in ranker.rank(session, limit=limit, accept=place_of_row.__contains__):
                self._add(place_of_row[ranked.row], ranked.score, source)
        for place in pool:
            if len(self.chosen) >= limit:
                return
            if catalog.key_at(place) not in self._excluded:
                self._add(place, 0.0, source)

    def _add(self, place: int, score: float, source: Source) -> None:
        catalog = self._catalog
        self._excluded.add(catalog.key_at(place))
        in_your_size = self._wanted[self._ladders[place]] != ANY
        self.chosen.append(
            _new_recommendation(Recommendation, (catalog.shown(place), score, source, in_your_size))
        )

    def _accepts(self, place: int) -> bool:
        """Tell whether the item in a row of the catalog may be shown: 0.4 µs, as most requests ask of 20 to 300."""
        if (
            place < 0
            or not self._bits[place] & self._wanted[self._ladders[place]]
            or self._catalog.key_at(place) in self._excluded
        ):
            return False
        return self._path is None or self._is_within(place, self._path)

    def _is_within(self, place: int, path: CategoryPath) -> bool:
        categories = self._catalog.categories_at(place)
        within = self._within.get(categories)
        if within is None:
            within = self._within[categories] = matches(path, paths_of(*categories))
        return within


def _session(seeds: Sequence[int], model: ServedModel) -> list[int]:
    """Return the model's rows of ``seeds``, oldest first, without items it does not know."""
    return [row for row in reversed(model.model.rows_of_keys(seeds)) if row >= 0]
