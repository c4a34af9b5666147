"""Whether an item can be bought in the visitor's size, as far as we are sure of it."""

from collections.abc import Callable, Sequence

from recommender.catalog.item import Item
from recommender.catalog.stock import ANY, bit_of
from recommender.sizes.calibration import SizeCalibration
from recommender.sizes.choices import choices_of
from recommender.sizes.decision import SizeDecision, decide_from_tally, preferred_of_tally
from recommender.sizes.ladder import NOT_OFFERED, Ladder
from recommender.sizes.size import Size, SizeEvidence
from recommender.sizes.vote import Tally, tally


class Fit:
    """Answers for one visitor and one moment; a department's evidence is weighed and voted on once.

    Args:
        evidence: the visitor's settled evidence.
        calibration: says how sure a vote is.
        today: whole days since 1970-01-01 UTC.
    """

    __slots__ = (
        "_calibration", "_departments", "_preferred", "_tallies", "_today", "evidence",
    )  # fmt: skip

    def __init__(self, evidence: Sequence[SizeEvidence], calibration: SizeCalibration, *, today: int) -> None:
        self.evidence = evidence
        self._calibration = calibration
        self._today = today
        self._departments = {record[3] for record in evidence}
        self._tallies: dict[int, Tally] = {}
        self._preferred: dict[int, Size | None] = {}

    def size_of(self, item: Item, in_stock: Callable[[Size], object]) -> SizeDecision:
        """Decide the size of one item; ``in_stock`` tells whether one of its sizes can be bought now, by anything true."""
        return decide_from_tally(
            self._tally_of(item.department),
            item.ladder(),
            in_stock=in_stock,
            calibration=self._calibration,
            today=self._today,
        )

    def preferred(self, department: int) -> Size | None:
        """Return the size that would be preselected in a department, ``None`` where we are not sure."""
        if department not in self._departments:
            return None
        preferred = self._preferred
        if department not in preferred:
            preferred[department] = preferred_of_tally(
                self._tally_of(department),
                department=department,
                calibration=self._calibration,
                today=self._today,
            )
        return preferred[department]

    def _tally_of(self, department: int) -> Tally:
        tallied = self._tallies.get(department)
        if tallied is None:
            choices = choices_of(self.evidence, department, self._today)
            tallied = self._tallies[department] = tally(choices)
        return tallied


class WantedBits(dict[Ladder | None, int]):
    """By ladder, the bits of an item's :class:`~recommender.catalog.stock.Stock` of which one must be set to show it.

    That is the bit of the visitor's size, and none if the ladder lacks it. Any will do where we are not sure of the
    size, where the item has no readable sizes, and where no table leads from the visitor's size system to the
    item's. Worked out when a ladder is first asked about: a page asks about 20 to 300 items of a dozen ladders.
    """

    __slots__ = ("_fit",)

    def __init__(self, fit: Fit) -> None:
        self._fit = fit

    def __missing__(self, ladder: Ladder | None) -> int:
        size = None if ladder is None else self._fit.preferred(ladder.department)
        rung = None if ladder is None or size is None else ladder.rung_of(size)
        bits = ANY if rung is None else 0 if rung == NOT_OFFERED else bit_of(rung)
        self[ladder] = bits
        return bits
