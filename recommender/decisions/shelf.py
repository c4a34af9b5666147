"""The items chosen for one slot: several ways to add some, one filter for all of them."""

from collections.abc import Callable, Sequence
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
        excluded: item keys never to show; what is chosen is added to it.
        category: if given, only its items are shown.
        source: of neighbours; ``None`` for the one that the model is served with.
    """

    __slots__ = (
        "_catalog", "_category", "_excluded", "_model", "_path", "_ranker", "_stock", "_wanted",
        "_within", "chosen",
    )  # fmt: skip

    def __init__(
        self,
        catalog: Catalog,
        model: ServedModel | None,
        fit: Fit,
        *,
        excluded: set[int],
        category: str | None,
        source: RecommendationSource | None = None,
    ) -> None:
        self.chosen: list[Recommendation] = []
        self._catalog = catalog
        self._model = model
        self._ranker = None if model is None else model.ranker_of(source)
        self._stock, self._wanted = catalog.stock, WantedBits(fit)
        self._excluded = excluded
        self._category = category
        self._path = None if category is None else category_path(category)
        self._within: dict[tuple[str | None, str | None], bool] = {}

    def add_neighbours(self, seeds: Sequence[int], *, limit: int) -> None:
        """Add what goes with ``seeds`` (item keys, newest first)."""
        model, ranker, chosen, excluded = self._model, self._ranker, self.chosen, self._excluded
        if model is None or ranker is None or len(chosen) >= limit:
            return
        rows, shown = model.catalog_rows(self._catalog), self._catalog.shown
        known, path, wanted, stock = rows.known, self._path, self._wanted, self._stock
        bits, ladders, keys = stock.bits, stock.ladders, stock.keys
        # What `_shows` asks, without its calls: most pages come here, and look at 15 to 300 items. 7 µs less.
        for row, score, source in ranker.proposals(_session(seeds, model)):
            place = known[row]
            if place < 0 and (place := rows.of(row)) < 0:
                continue
            wanted_bits, key = wanted[ladders[place]], keys[place]
            if not bits[place] & wanted_bits or key in excluded:
                continue
            if path is not None and not self._is_within(place, path):
                continue
            excluded.add(key)
            chosen.append(
                _new_recommendation(
                    Recommendation, (shown[place], score, _SOURCES[source], wanted_bits != ANY)
                )
            )
            if len(chosen) >= limit:
                return

    def add_popular(self, category: str | None, department: int | None, *, limit: int) -> None:
        """Add popular items of a category and a department, or of the whole shop if both are ``None``."""
        model = self._model
        if model is None or len(self.chosen) >= limit:
            return
        for place in filter(self._shows(), model.popular_in(category, department, self._catalog)):
            self._add(place, 0.0, "popular")
            if len(self.chosen) >= limit:
                return

    def add_newest(self, *, limit: int, now: float) -> None:
        """Add the newest items, whatever they cost."""
        catalog = self._catalog
        missing = limit - len(self.chosen)
        if missing > 0:
            rows = catalog.newest(now, limit=missing, accept=self._shows(), category=self._category)
            for row in rows:
                self._add(row, 0.0, "newest")

    def add_slot(self, variant: HomepageVariant, seeds: Sequence[int], *, limit: int, now: float) -> None:
        """Add what a homepage's variant shows: of its newest items those that go with ``seeds`` first."""
        catalog, model, ranker = self._catalog, self._model, self._ranker
        source: Source = "on_sale" if variant == "promo" else "newest"
        listed = catalog.on_sale if variant == "promo" else catalog.newest_full_price
        personal = ranker is not None and bool(seeds)
        pool = listed(now, limit=POOL_FACTOR * limit if personal else limit, accept=self._shows())
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
        self._excluded.add(self._stock.keys[place])
        in_your_size = self._wanted[self._stock.ladders[place]] != ANY
        self.chosen.append(Recommendation(self._catalog.shown[place], score, source, in_your_size))

    def _shows(self) -> Callable[[int], bool]:
        """Return what tells whether the item in a row of the catalog may be shown."""
        stock, wanted, excluded, path = self._stock, self._wanted, self._excluded, self._path
        bits, ladders, keys = stock.bits, stock.ladders, stock.keys

        def shows(place: int) -> bool:
            if not bits[place] & wanted[ladders[place]] or keys[place] in excluded:
                return False
            return path is None or self._is_within(place, path)

        return shows

    def _is_within(self, place: int, path: CategoryPath) -> bool:
        categories = self._catalog.categories_at(place)
        within = self._within.get(categories)
        if within is None:
            within = self._within[categories] = matches(path, paths_of(*categories))
        return within


def _session(seeds: Sequence[int], model: ServedModel) -> list[int]:
    """Return the model's rows of ``seeds``, oldest first, without items it does not know."""
    rows = model.rows
    return [row for key in reversed(seeds) if (row := rows[key]) >= 0]
