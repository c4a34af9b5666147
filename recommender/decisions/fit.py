"""Whether an item can be bought in the visitor's size, as far as we are sure of it."""

from collections.abc import Sequence
from typing import Final

from recommender.catalog.catalog import Catalog
from recommender.catalog.item import Item
from recommender.sizes.calibration import SizeCalibration
from recommender.sizes.decision import preferred_size
from recommender.sizes.ladder import Ladder
from recommender.sizes.size import Size, SizeEvidence
from recommender.sizes.vote import SAME_SIZE

_NOT_OFFERED: Final = Size(scale=-1, value=0, second=0)


class Fit:
    """Answers for one visitor and one moment; the preferred size of a department is voted on once.

    Args:
        evidence: the visitor's settled evidence.
        catalog: says which sizes are in stock.
        calibration: says how sure a vote is.
        today: whole days since 1970-01-01 UTC.
    """

    __slots__ = ("_catalog", "_departments", "_preferred", "_rungs", "calibration", "evidence", "today")

    def __init__(
        self, evidence: Sequence[SizeEvidence], catalog: Catalog, calibration: SizeCalibration, *, today: int
    ) -> None:
        self.evidence = evidence
        self.calibration = calibration
        self.today = today
        self._catalog = catalog
        self._departments = {record.department for record in evidence}
        self._preferred: dict[int, Size | None] = {}
        self._rungs: dict[Ladder, Size | None] = {}

    def preferred(self, department: int) -> Size | None:
        """Return the size that would be preselected in a department, ``None`` where we are not sure."""
        if department not in self._departments:
            return None
        if department not in self._preferred:
            self._preferred[department] = preferred_size(
                self.evidence, department=department, calibration=self.calibration, today=self.today
            )
        return self._preferred[department]

    def sizes_in_stock(self, item: Item) -> frozenset[Size]:
        """Return the sizes in which an item can be bought now."""
        return self._catalog.sizes_in_stock(item.row)

    def of(self, item: Item) -> bool | None:
        """Return whether the item is in stock in the visitor's size, ``None`` where that cannot be said.

        It cannot where we are not sure of the size, where the item has no readable sizes, and where no table
        leads from the visitor's size system to the item's.
        """
        ladder = item.ladder() if item.department in self._departments else None
        if ladder is None:
            return None
        if ladder not in self._rungs:
            self._rungs[ladder] = self._rung(ladder)
        rung = self._rungs[ladder]
        if rung is None or rung is _NOT_OFFERED:
            return None if rung is None else False
        return rung in self._catalog.sizes_in_stock(item.row)

    def _rung(self, ladder: Ladder) -> Size | None:
        """Return the ladder's size that is the visitor's, ``_NOT_OFFERED`` if it has none, ``None`` if unsure."""
        size = self.preferred(ladder.department)
        closeness = None if size is None else ladder.kernel_row(size)
        if closeness is None:
            return None
        best = max(closeness)
        return ladder.sizes[closeness.index(best)] if best > SAME_SIZE else _NOT_OFFERED
