"""A model made ready to decide with: what every request needs of it, prepared once when it is taken over."""

from array import array
from typing import Final

from recommender.affinity import AffinityParameters
from recommender.catalog.catalog import Catalog
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
        calibration: of sizes; the documented prior where the model brings none.
        popular: item rows, most popular first.
    """

    __slots__ = (
        "_catalog", "_catalog_rows", "_rankers", "_settings", "calibration", "model", "popular", "ranker",
        "source",
    )  # fmt: skip

    def __init__(self, model: Model, *, source: str) -> None:
        """Prepare a model.

        Raises:
            ModelError: its blend or its calibration is of a format that this version cannot read.
        """
        self.model = model
        self._catalog: Catalog | None = None
        self._catalog_rows = array("i")
        self.popular: list[int] = model.popular.tolist()
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
        if source is None:
            return self.ranker
        return None if source == "popular" else self._ranker(self._source_for(source))

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

    def popular_in(self, category: str | None, department: int | None) -> list[int]:
        """Return popular rows of a category, then of a department; nothing where the model knows neither."""
        rows: list[int] = []
        if category is not None and category in self.model.popular_by_category:
            rows += self.model.popular_by_category[category].tolist()
        if department is not None and department in self.model.popular_by_department:
            rows += self.model.popular_by_department[department].tolist()
        return rows

    def catalog_row(self, row: int, catalog: Catalog) -> int:
        """Return the catalog's row of a model's item row, -1 for an item that the catalog does not have.

        Looking an identifier up costs 4 µs, so what was found is remembered as long as the catalog is the same
        object (rows keep their items, also through changes). What was not found may still be listed.
        """
        if catalog is not self._catalog:
            self._catalog = catalog
            self._catalog_rows = array("i", [-1]) * self.model.item_count
        known = self._catalog_rows[row]
        if known < 0:
            known = self._catalog_rows[row] = catalog.row(self.model.item_id(row))
        return known
