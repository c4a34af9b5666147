"""A visitor's evidence of sizes, weighed: by what was done, what was said of it, and how often on one day."""

from collections.abc import Sequence
from typing import Final

from recommender.sizes.size import EvidenceKind, Size, SizeEvidence

WEIGHTS: Final[dict[int, float]] = {
    EvidenceKind.CLICK: 1.0,
    EvidenceKind.CART: 3.0,
    EvidenceKind.PURCHASE_UNCONFIRMED: 5.0,
    EvidenceKind.PURCHASE: 10.0,
    EvidenceKind.PURCHASE_PRESELECTED: 10.0,
}
"""What an act counts for; one not listed changes the weight of others or nothing.

Anybody can make a browser report an order, so it counts half until the shop's server confirms it, and still more than the
cart line that it began with: where the two name different sizes, the order's is the visitor's.
"""

DOUBT: Final = 0.3
"""Factor of purchases that were returned, too small or too large, or preselected and still returnable."""

RETURN_WINDOW_DAYS: Final = 30
"""Days after which a purchase in a size that Kabin had preselected counts in full."""

WEIGHT_UNIT: Final = 120
"""Weights are whole multiples of 1/120, decays of 2⁻²⁰: their products and sums are whole numbers below 2⁵³,
exact in a float, so that no order of adding them can decide a tie."""

_KINDS: Final = 16
"""As many as a visitor's state has bits for; one that only a newer Kabin knows weighs nothing."""
_FULL: Final = tuple(float(round(WEIGHT_UNIT * WEIGHTS.get(kind, 0.0))) for kind in range(_KINDS))
_DOUBTED: Final = tuple(float(round(DOUBT * weight)) for weight in _FULL)
CART: Final = int(EvidenceKind.CART)
"""The strongest kind that is no purchase."""
_DESELECT: Final = int(EvidenceKind.DESELECT)
_PRESELECTED: Final = int(EvidenceKind.PURCHASE_PRESELECTED)
_DOUBTS: Final = frozenset({EvidenceKind.REFUND, EvidenceKind.TOO_SMALL, EvidenceKind.TOO_LARGE})
_LAST_PLAIN: Final = int(EvidenceKind.PURCHASE)
"""Kinds up to this one only weigh; those above it say something of other acts."""

Act = tuple[int, Size]
"""An item and a size of it."""

Choice = tuple[int, int, Size, float, int]
"""What an item says of one day: day, item key, size, weight in 1/120, kind. A plain tuple: it is built 24 times a decision."""


def choices_of(evidence: Sequence[SizeEvidence], department: int, today: int) -> list[Choice]:
    """Weigh a visitor's evidence of one department.

    * Of an item's acts on one day only the strongest counts. If it was done with several sizes (two sizes
      clicked, two bought to try), they share its weight equally, whatever their order.
    * A deselection voids the clicks and cart lines of its item and size up to its day.
    * A refund, or feedback that the size was too small or too large, multiplies every act with that item and
      size by 0.3, once however often it is said.
    * A purchase in a size that Kabin had preselected counts 0.3 until the return window is over.

    The result depends on the set of records only, not on their order.

    Args:
        evidence: the visitor's records, all departments.
        department: the department that is asked about.
        today: whole days since 1970-01-01 UTC; evidence of later days counts as today's.
    """
    here = [record for record in evidence if record[3] == department]
    remarks = [record for record in here if record[1] > _LAST_PLAIN]
    doubted, deselected = _remarks(remarks, today) if remarks else (None, None)
    strongest: dict[tuple[int, int], Choice] = {}
    tied: dict[tuple[int, int], list[Choice]] = {}
    for day, kind, item_key, _, size in here:
        weight = _FULL[kind]
        if not weight:
            continue
        if remarks:
            act = (item_key, size)
            if deselected and kind <= CART and day <= deselected.get(act, -1):
                continue
            if doubted and act in doubted and (kind > CART or doubted[act]):
                weight = _DOUBTED[kind]
        when = (item_key, day)
        rival = strongest.get(when)
        if rival is None or weight > rival[3]:
            strongest[when] = (day, item_key, size, weight, kind)
            tied.pop(when, None)
        elif weight == rival[3]:
            tied.setdefault(when, [rival]).append((day, item_key, size, weight, kind))
    if not tied:
        return list(strongest.values())
    choices = [choice for when, choice in strongest.items() if when not in tied]
    for rivals in tied.values():
        by_size = {choice[2]: choice for choice in sorted(rivals)}
        choices += [(*choice[:3], choice[3] // len(by_size), choice[4]) for choice in by_size.values()]
    return choices


def _remarks(remarks: Sequence[SizeEvidence], today: int) -> tuple[dict[Act, bool], dict[Act, int]]:
    """Sort out the acts that change the weight of others.

    Returns:
        The acts in doubt (``True`` if clicks and carts are, too), and the last day up to which an act's
        clicks and carts are taken back.
    """
    doubted: dict[Act, bool] = {}
    deselected: dict[Act, int] = {}
    for day, kind, item_key, _, size in remarks:
        act = (item_key, size)
        if kind in _DOUBTS:
            doubted[act] = True
        elif kind == _DESELECT:
            deselected[act] = max(day, deselected.get(act, day))
        elif kind == _PRESELECTED and today < day + RETURN_WINDOW_DAYS:
            doubted.setdefault(act, False)
    return doubted, deselected
