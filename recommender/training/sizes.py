"""What interactions teach about sizes: the calibration of how often the size vote is right in this shop."""

from collections.abc import Iterator
from typing import Final, NamedTuple, Self

import numpy as np

from recommender.events import SECONDS_PER_DAY
from recommender.interactions import InteractionKind, Interactions, ItemCatalog
from recommender.interactions.catalog import CatalogItem
from recommender.interactions.table import FIT_CODES, UNKNOWN
from recommender.sizes.calibration import KINDS, SizeCalibration, fit_calibration
from recommender.sizes.labels import parse_size
from recommender.sizes.ladder import Ladder
from recommender.sizes.outcomes import outcomes_of
from recommender.sizes.size import EvidenceKind, Size, SizeEvidence
from recommender.training.calibration_curve import CalibrationBin, calibration_curve

_KIND: Final = {
    InteractionKind.SIZE: EvidenceKind.CLICK,
    InteractionKind.CART: EvidenceKind.CART,
    InteractionKind.PURCHASE: EvidenceKind.PURCHASE,
    InteractionKind.REFUND: EvidenceKind.REFUND,
    InteractionKind.DESELECT: EvidenceKind.DESELECT,
}
_PRESELECTED: Final = {
    InteractionKind.PURCHASE: EvidenceKind.PURCHASE_PRESELECTED,
    InteractionKind.REFUND: EvidenceKind.REFUND,
}
"""A click or a cart on a size that Kabin had preselected is no evidence; that it was sent back is."""
_FIT: Final = {
    FIT_CODES["small"]: EvidenceKind.TOO_SMALL,
    FIT_CODES["true"]: EvidenceKind.TRUE_TO_SIZE,
    FIT_CODES["large"]: EvidenceKind.TOO_LARGE,
}


class SizeRecords:
    """Every visitor's size evidence in time order, and the ladders that it is read on.

    Attributes:
        histories: one list a visitor.
    """

    def __init__(self, interactions: Interactions, catalog: ItemCatalog) -> None:
        """Read the evidence in interactions, in the sizes of the catalog."""
        self._sizes = _Sizes(interactions, catalog)
        self.histories = list(_histories(interactions, self._sizes))

    @classmethod
    def of(cls, interactions: Interactions, catalog: ItemCatalog | None) -> Self | None:
        """Return the records; None without times, sizes or a catalog."""
        if catalog is None or not interactions.timed or not interactions.size_labels:
            return None
        return cls(interactions, catalog)

    def ladder_of(self, item_key: int) -> Ladder | None:
        """Return an item's ladder."""
        return self._sizes.ladder_of(item_key)

    def before(self, day: int) -> Iterator[list[SizeEvidence]]:
        """Yield the histories as they stood when ``day`` (since 1970-01-01 UTC) began."""
        for history in self.histories:
            yield [record for record in history if record.day < day]


def learn_sizes(records: SizeRecords | None) -> tuple[SizeCalibration | None, dict[str, object]]:
    """Return the shop's size calibration and what it rests on; None without records."""
    if records is None:
        return None, {"outcomes": 0, "right": None, "fitted": []}
    outcomes = outcomes_of(records.histories, records.ladder_of)
    calibration = fit_calibration(outcomes)
    right = round(sum(outcome.is_correct for outcome in outcomes) / len(outcomes), 4) if outcomes else None
    pairs = zip(KINDS, calibration.coefficients, strict=True)
    fitted = [kind for kind, coefficients in pairs if coefficients is not None]
    return calibration, {"outcomes": len(outcomes), "right": right, "fitted": fitted}


def held_out_calibration(records: SizeRecords | None, since: float | None) -> tuple[CalibrationBin, ...]:
    """Return how often sizes held out were right, by the probability that earlier purchases alone would have given.

    Args:
        records: of the whole time; None without sizes.
        since: Unix seconds from which on interactions are held out, with the whole of that day; None if none are.
    """
    if records is None or since is None:
        return ()
    from_day = int(since // SECONDS_PER_DAY)
    calibration = fit_calibration(outcomes_of(records.before(from_day), records.ladder_of))
    return calibration_curve(records.histories, records.ladder_of, calibration, from_day=from_day)


class _SizedItem(NamedTuple):
    """What is needed of an item, without holding on to the catalog's object."""

    key: int
    department: int
    sizes: dict[str, Size]


class _Sizes:
    """Items and parsed sizes by code, each resolved once."""

    def __init__(self, interactions: Interactions, catalog: ItemCatalog) -> None:
        self._labels = [label.strip() for label in interactions.size_labels]
        self._items: list[_SizedItem | None] = []
        self._ladders: dict[int, Ladder] = {}
        self._parsed: dict[tuple[int, int], Size | None] = {}
        for item_id in interactions.item_ids:
            resolved = catalog.resolve(item_id)
            self._items.append(None if resolved is None else self._sized(resolved.item))

    def item(self, code: int) -> _SizedItem | None:
        """Return the item of an item code, None if the catalog does not know it."""
        return self._items[code]

    def ladder_of(self, item_key: int) -> Ladder | None:
        """Return an item's ladder."""
        return self._ladders.get(item_key)

    def size(self, item: _SizedItem, label: int) -> Size | None:
        """Return what a size label means on an item: as its SKU so labelled says, else as parsed."""
        text = self._labels[label]
        size = item.sizes.get(text.casefold())
        if size is not None:
            return size
        known = (item.department, label)
        if known not in self._parsed:
            self._parsed[known] = parse_size(
                text, department=item.department, size_system=None, size_type=None
            )
        return self._parsed[known]

    def _sized(self, item: CatalogItem) -> _SizedItem:
        ladder = item.ladder()
        if ladder is not None:
            self._ladders[item.key] = ladder
        sizes: dict[str, Size] = {}
        for sku in item.skus:
            if sku.size is not None:
                sizes.setdefault(sku.label.strip().casefold(), sku.size)
        return _SizedItem(item.key, item.department, sizes)


def _histories(interactions: Interactions, sizes: _Sizes) -> Iterator[list[SizeEvidence]]:
    """Yield each visitor's evidence in time order."""
    rows = interactions.take(interactions.size != UNKNOWN)
    rows = rows.take(np.lexsort((rows.timestamp, rows.visitor)))
    days = np.floor_divide(rows.timestamp, SECONDS_PER_DAY).astype(np.int64)
    columns = (rows.visitor, days, rows.kind, rows.item, rows.size, rows.fit, rows.preselected)
    history: list[SizeEvidence] = []
    last = UNKNOWN
    for visitor, day, kind, code, label, fit, preselected in zip(
        *(column.tolist() for column in columns), strict=True
    ):
        if visitor != last:
            if history:
                yield history
            history, last = [], visitor
        item = sizes.item(code)
        size = None if item is None else sizes.size(item, label)
        if item is None or size is None:
            continue
        for evidence in ((_PRESELECTED if preselected else _KIND).get(kind), _FIT.get(fit)):
            if evidence is not None:
                history.append(SizeEvidence(day, int(evidence), item.key, item.department, size))
    if history:
        yield history
