"""A model made ready to decide with: what every request needs of it, prepared once when it is taken over."""

from collections.abc import Sequence
from typing import Final

from recommender.affinity import AffinityParameters
from recommender.catalog.catalog import Catalog
from recommender.decisions.catalog_rows import CatalogRows
from recommender.decisions.model_rows import ModelRows
from recommender.decisions.treatment import RecommendationSource
from recommender.model import Model, ModelError
from recommender.recommendations.blend import BlendSettings
from recommender.recommendations.ranking import ALS, COVISIT, Ranker
from recommender.sizes.calibration import SizeCalibration

SOURCES: Final = ("blend", "covisit", "als")
"""Sources of neighbours; one that the model lacks is replaced by the first of these that it has."""


class ServedModel:
    """A published model with its rankers and its calibration.

    Rankers have a work array, so a served model belongs to one thread. Those of other sources than the configured
    one are made when an experiment first asks: the lists are memory-mapped, so each adds 4 bytes an item.

    Attributes:
        model: as published.
        source: where the neighbours come from, ``None`` if the model has none at all.
        ranker: over the neighbours of ``source``, ``None`` without any.
        rows: of the model by item key.
        calibration: of sizes; the documented prior where the model brings none.
    """

    __slots__ = (
        "_catalog_rows", "_ranker_by_wish", "_rankers", "_settings", "calibration", "model", "ranker", "rows",
        "source",
    )  # fmt: skip

    def __init__(self, model: Model, *, source: str) -> None:
        """Prepare a model.

        Raises:
            ModelError: its blend or its calibration is of a format that this version cannot read.
        """
        self.model = model
        self.rows = ModelRows(model)
        self._catalog_rows: CatalogRows | None = None
        try:
            self.calibration = (
                SizeCalibration()
                if model.size_calibration is None
                else SizeCalibration.from_dict(model.size_calibration)
            )
            self._settings = BlendSettings.from_json(dict(model.blend))
            self._rankers: dict[str, Ranker] = {}
            self.source = self._source_for(source)
            self.ranker = self._ranker(self.source)
            self._ranker_by_wish: dict[RecommendationSource | None, Ranker | None]
            self._ranker_by_wish = {None: self.ranker, "popular": None}
        except (ValueError, TypeError) as error:
            raise ModelError(f"model {model.version}: {error}") from error

    @property
    def version(self) -> str:
        """The version under which it was published."""
        return self.model.version

    @property
    def created_at(self) -> float:
        """When it was trained, Unix seconds."""
        return self.model.created_at

    @property
    def affinity(self) -> AffinityParameters:
        """What discounts look like in this shop."""
        return self.model.affinity

    def ranker_of(self, source: RecommendationSource | None) -> Ranker | None:
        """Return the ranker over the neighbours of a source, ``None`` where there are to be none.

        Args:
            source: ``None`` for the configured one; ``popular`` has no neighbours. One that the model lacks is
                replaced as a configured one would be.
        """
        rankers = self._ranker_by_wish
        if source is not None and source not in rankers:
            rankers[source] = self._ranker(self._source_for(source))
        return rankers[source]

    def _source_for(self, source: str) -> str | None:
        return next((name for name in (source, *SOURCES) if name in self.model.neighbours), None)

    def _ranker(self, source: str | None) -> Ranker | None:
        if source is None:
            return None
        ranker = self._rankers.get(source)
        if ranker is None:
            ranker = self._rankers[source] = self._settings.ranker(
                self.model.neighbours[source], default_source=ALS if source == "als" else COVISIT
            )
        return ranker

    def popular_in(self, category: str | None, department: int | None, catalog: Catalog) -> Sequence[int]:
        """Return the catalog's rows of popular items of a category, then of a department, most popular first.

        Those of the whole shop if both are ``None``; nothing where the model knows neither.
        """
        rows, model = self.catalog_rows(catalog), self.model
        if category is None and department is None:
            return rows.of_list(("shop",), model.popular)
        places: list[int] = []
        if category is not None and category in model.popular_by_category:
            places += rows.of_list(("category", category), model.popular_by_category[category])
        if department is not None and department in model.popular_by_department:
            places += rows.of_list(("department", department), model.popular_by_department[department])
        return places

    def catalog_rows(self, catalog: Catalog) -> CatalogRows:
        """Return the catalog's rows of the model's items, remembered as long as the catalog is the same object."""
        rows = self._catalog_rows
        if rows is None or rows.catalog is not catalog:
            rows = self._catalog_rows = CatalogRows(self.model, catalog)
        return rows

    def is_joined(self, catalog: Catalog) -> bool:
        """Tell whether :meth:`join` has nothing to do."""
        rows = self._catalog_rows
        return rows is not None and rows.catalog is catalog and rows.is_joined

    def join(self, catalog: Catalog) -> None:
        """Find all items in a new catalog before requests ask one by one; may run in another thread."""
        self._catalog_rows = CatalogRows.joined(self.model, catalog)
