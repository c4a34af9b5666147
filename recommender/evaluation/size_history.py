"""Purchase histories to replay: visitors' records in time order, and the ladders of the items."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Self

from pyarrow import parquet

from recommender.departments import DepartmentTable
from recommender.events import SECONDS_PER_DAY
from recommender.identifiers import key_of
from recommender.sizes.labels import parse_size
from recommender.sizes.ladder import Ladder
from recommender.sizes.size import EvidenceKind, Size, SizeEvidence

_FEEDBACK = {
    "fit": EvidenceKind.TRUE_TO_SIZE,
    "true": EvidenceKind.TRUE_TO_SIZE,
    "small": EvidenceKind.TOO_SMALL,
    "large": EvidenceKind.TOO_LARGE,
}


class SizedPurchase(NamedTuple):
    """One bought (or rented) garment of a history."""

    visitor_id: str
    item_id: str
    day: int
    label: str
    department: int
    fit: str | None = None
    """``fit``, ``small`` or ``large`` where the buyer said so."""


@dataclass(frozen=True, slots=True)
class SizeHistory:
    """A shop's history as far as sizes go.

    Attributes:
        visitors: visitor ids with their records in time order.
        ladders: by item key, of sizes that were bought at least twice.
        full_ladders: the same items with every size that was ever bought.
        source: what to call this history in a report.
    """

    visitors: list[tuple[str, list[SizeEvidence]]]
    ladders: dict[int, Ladder]
    full_ladders: dict[int, Ladder]
    source: str

    @classmethod
    def of(
        cls,
        purchases: Iterable[SizedPurchase],
        *,
        source: str,
        size_system: str | None = None,
        least_purchases: int = 30,
    ) -> Self:
        """Build a history from purchases in any order of visitors, in time order within each day.

        Without a catalog, an item's ladder is what was bought of it. A size bought once only, of an item bought
        30 times or more, is as likely a slip of the keyboard as a size on offer: ``ladders`` leave it out.

        Args:
            purchases: in the order in which they happened as far as that is known.
            source: what to call this history in a report.
            size_system: the Merchant Center size system of the labels, ``None`` for the shop's own scale.
            least_purchases: items bought less often get no ladder and are not asked about; purchases of
                them are evidence all the same.
        """
        records: dict[str, list[SizeEvidence]] = {}
        sold: dict[int, Counter[Size]] = {}
        departments: dict[int, int] = {}
        for purchase in sorted(purchases, key=lambda purchase: purchase.day):
            size = parse_size(
                purchase.label, department=purchase.department, size_system=size_system, size_type=None
            )
            if size is None:
                continue
            key = key_of(purchase.item_id)
            sold.setdefault(key, Counter())[size] += 1
            departments[key] = purchase.department
            own = records.setdefault(purchase.visitor_id, [])
            own.append(SizeEvidence(purchase.day, EvidenceKind.PURCHASE, key, purchase.department, size))
            said = _FEEDBACK.get(purchase.fit or "")
            if said is not None:
                own.append(SizeEvidence(purchase.day, said, key, purchase.department, size))
        asked = {key: counts for key, counts in sold.items() if counts.total() >= least_purchases}
        return cls(
            list(records.items()),
            _ladders(
                {key: [size for size, n in counts.items() if n > 1] for key, counts in asked.items()},
                departments,
            ),
            _ladders({key: list(counts) for key, counts in asked.items()}, departments),
            source,
        )


def _ladders(sizes: dict[int, list[Size]], departments: dict[int, int]) -> dict[int, Ladder]:
    ladders = {key: Ladder.of(own, departments[key]) for key, own in sizes.items()}
    return {key: ladder for key, ladder in ladders.items() if ladder is not None}


def read_renttherunway(path: Path, *, table: DepartmentTable | None = None) -> SizeHistory:
    """Read the rentals of RentTheRunway (Misra et al., RecSys 2018) as a history of women's sizes.

    Args:
        path: a Parquet file with columns ``user_id, item_id, category, size, fit, review_date``.
        table: assigns departments by ``category``; the built-in words by default.

    Raises:
        FileNotFoundError: no such file.
    """
    table = table or DepartmentTable.default()
    columns = ["user_id", "item_id", "category", "size", "fit", "review_date"]
    rows = parquet.read_table(path, columns=columns).to_pydict()
    purchases = (
        SizedPurchase(
            str(user), str(item), _day(date), str(size), table.department_of("female", "adult", category), fit
        )
        for user, item, category, size, fit, date in zip(*(rows[name] for name in columns), strict=True)
    )
    return SizeHistory.of(purchases, source="RentTheRunway rentals, open part")


def _day(moment: datetime) -> int:
    return int(moment.replace(tzinfo=UTC).timestamp() // SECONDS_PER_DAY)
