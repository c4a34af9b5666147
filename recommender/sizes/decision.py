"""The size decision: preselect, hint or stay silent, and why."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from recommender.sizes.calibration import PRESELECT_CONFIDENCE, SizeCalibration
from recommender.sizes.choices import choices_of
from recommender.sizes.features import PRESELECT_ITEMS, may_preselect
from recommender.sizes.ladder import SAME_SIZE, Ladder
from recommender.sizes.scales import step_of
from recommender.sizes.size import EvidenceKind, Size, SizeEvidence
from recommender.sizes.vote import Tally, Vote, tally, vote_of

HINT_CONFIDENCE: Final = 0.4
"""P(correct) below which not even a hint is given: it would be wrong more often than not."""

HINT_ITEMS: Final = 2

_CART: Final = int(EvidenceKind.CART)

_new = tuple.__new__
"""Makes a named tuple in a third of the time of its own constructor."""


class SizeAction(StrEnum):
    """What the page does with the size."""

    PRESELECT = "preselect"
    HINT = "hint"
    NONE = "none"


class SizeReasonCode(StrEnum):
    """Why a size decision came out as it did; ``times`` of ``of`` distinct items spoke for the size."""

    BOUGHT_OFTEN = "bought_often"
    """Preselected: the visitor bought ``times`` items in this size, of ``of``."""
    CHOSEN_OFTEN = "chosen_often"
    """Preselected: the visitor kept choosing this size, by clicks, carts and perhaps an order."""
    LIKELY = "likely"
    """Hint: two items, or more that are not sure enough to preselect."""
    TWO_SIZES = "two_sizes"
    """Hint: the evidence has a second mode two or more sizes away, perhaps a second person."""
    SOLD_OUT = "sold_out"
    """Hint: the size would be preselected but is out of stock; no neighbour is offered instead."""
    TOO_LITTLE_EVIDENCE = "too_little_evidence"
    """None: fewer than two distinct items in this department speak for a size."""
    NOT_COMPARABLE = "not_comparable"
    """None: there is evidence, but of size systems or cuts that no table brings to this item's."""
    NOT_OFFERED = "not_offered"
    """None: the item does not come in the visitor's size; no neighbour is offered instead."""
    UNSURE = "unsure"
    """None: P(correct) is below the hint's."""
    NO_LADDER = "no_ladder"
    """None: the item has no readable sizes, or only one."""


class SizeReason(NamedTuple):
    """A reason code with the distinct items that speak for the size, of all that speak for any."""

    code: SizeReasonCode
    times: int
    of: int


class SizeDecision(NamedTuple):
    """One answer; ``size`` is ``None`` exactly when ``action`` is ``none``."""

    action: SizeAction
    size: Size | None
    confidence: float
    """Calibrated P(correct) of ``candidate``, 0 where there is none."""
    reason: SizeReason
    candidate: Size | None
    """The vote's first size whatever the action: what an evaluation compares."""


_Verdict = tuple[SizeAction, SizeReasonCode, bool]
"""An action, why, and whether it shows no size."""

# Made once: Python 3.11 takes 0.15 µs to read a member through its class, and a page would do so ten times.
_BOUGHT_OFTEN: Final = (SizeAction.PRESELECT, SizeReasonCode.BOUGHT_OFTEN, False)
_CHOSEN_OFTEN: Final = (SizeAction.PRESELECT, SizeReasonCode.CHOSEN_OFTEN, False)
_LIKELY: Final = (SizeAction.HINT, SizeReasonCode.LIKELY, False)
_TWO_SIZES: Final = (SizeAction.HINT, SizeReasonCode.TWO_SIZES, False)
_SOLD_OUT: Final = (SizeAction.HINT, SizeReasonCode.SOLD_OUT, False)
_TOO_LITTLE_EVIDENCE: Final = (SizeAction.NONE, SizeReasonCode.TOO_LITTLE_EVIDENCE, True)
_NOT_OFFERED: Final = (SizeAction.NONE, SizeReasonCode.NOT_OFFERED, True)
_UNSURE: Final = (SizeAction.NONE, SizeReasonCode.UNSURE, True)

_NO_LADDER: Final = SizeDecision(SizeAction.NONE, None, 0.0, SizeReason(SizeReasonCode.NO_LADDER, 0, 0), None)


def decide_size(
    evidence: Sequence[SizeEvidence],
    ladder: Ladder | None,
    *,
    department: int,
    in_stock: Callable[[Size], bool],
    calibration: SizeCalibration,
    today: int,
) -> SizeDecision:
    """Decide the size of one item for one visitor.

    Args:
        evidence: the visitor's records, at most the 24 newest, in any order.
        ladder: the item's sizes, in stock or not; ``None`` if none can be read.
        department: the item's department code.
        in_stock: whether a size of the ladder can be bought now.
        calibration: of the model, or the prior ``SizeCalibration()``.
        today: whole days since 1970-01-01 UTC.

    Returns:
        The decision; ``preselect`` only from three distinct items, with calibrated P(correct) of 0.75 or more, in
        stock, offered by the item and without a second mode.
    """
    return decide_from_tally(
        tally(choices_of(evidence, department, today)),
        ladder,
        in_stock=in_stock,
        calibration=calibration,
        today=today,
    )


def decide_from_tally(
    tallied: Tally,
    ladder: Ladder | None,
    *,
    in_stock: Callable[[Size], object],
    calibration: SizeCalibration,
    today: int,
) -> SizeDecision:
    """Decide like :func:`decide_size`, from evidence of the item's department that was weighed before.

    ``in_stock`` is asked at most once, about a size that would be preselected; anything true stands for yes.
    """
    if ladder is None or len(ladder.sizes) < 2:
        return _NO_LADDER
    outcome = vote_of(tallied, ladder)
    if outcome is None:
        items = tallied.items
        code = SizeReasonCode.NOT_COMPARABLE if items >= HINT_ITEMS else SizeReasonCode.TOO_LITTLE_EVIDENCE
        return SizeDecision(SizeAction.NONE, None, 0.0, SizeReason(code, 0, items), None)
    candidate = ladder.sizes[outcome.best]
    confidence = calibration.probability(outcome, ladder, today)
    verdict = _verdict(outcome, confidence)
    if verdict is _CHOSEN_OFTEN:
        if not in_stock(candidate):
            verdict = _SOLD_OUT
        elif _all_bought(tallied, ladder, outcome.best):
            verdict = _BOUGHT_OFTEN
    action, code, is_silent = verdict
    reason = _new(SizeReason, (code, outcome.agreeing, outcome.items))
    return _new(SizeDecision, (action, None if is_silent else candidate, confidence, reason, candidate))


def _verdict(outcome: Vote, confidence: float) -> _Verdict:
    """Return what a vote allows at most, if its size is in stock."""
    if outcome.items < HINT_ITEMS:
        return _TOO_LITTLE_EVIDENCE
    if not outcome.agreeing:
        return _NOT_OFFERED
    if confidence < HINT_CONFIDENCE:
        return _UNSURE
    if outcome.is_split:
        return _TWO_SIZES
    if outcome.items < PRESELECT_ITEMS or confidence < PRESELECT_CONFIDENCE:
        return _LIKELY
    return _CHOSEN_OFTEN


def _all_bought(tallied: Tally, ladder: Ladder, best: int) -> bool:
    """Tell whether every item that speaks for a row of the ladder was bought in it, not just clicked or carted."""
    if tallied.kind <= _CART:
        return False
    rows = [(size, ladder.kernel_row(size)) for size in tallied.sizes]
    same = [size for size, row in rows if row is not None and row[best] > SAME_SIZE]
    bought: set[int] = set()
    considered: set[int] = set()
    for _, item_key, size, _, kind in tallied.choices:
        if size in same:
            (bought if kind > _CART else considered).add(item_key)
    return considered <= bought


def preferred_size(
    evidence: Sequence[SizeEvidence],
    *,
    department: int,
    calibration: SizeCalibration,
    today: int,
) -> Size | None:
    """Return the size that would be preselected on an ordinary item of a department, ``None`` if unsure.

    Recommendations are filtered by it (``in_your_size``): an item fits if the size is in stock there. The
    scale is that of most of the visitor's evidence; items of other scales need
    :func:`recommender.sizes.conversion.convert`.
    """
    tallied = tally(choices_of(evidence, department, today))
    return preferred_of_tally(tallied, department=department, calibration=calibration, today=today)


def preferred_of_tally(
    tallied: Tally, *, department: int, calibration: SizeCalibration, today: int
) -> Size | None:
    """Return the size like :func:`preferred_size`, from evidence of the department that was weighed before."""
    if tallied.items < PRESELECT_ITEMS:
        return None
    own = frozenset(tallied.sizes)
    scales = {size.scale for size in own}
    if len(scales) > 1:
        weights = dict.fromkeys(scales, 0.0)
        for _, _, size, weight, _ in tallied.choices:
            weights[size.scale] += weight
        scale = max(scales, key=lambda code: (weights[code], -code))
        own = frozenset(size for size in own if size.scale == scale)
    ladder = _ordinary_ladder(own, department)
    outcome = None if len(ladder.sizes) < 2 else vote_of(tallied, ladder)
    if outcome is None or not may_preselect(outcome):
        return None
    sure = calibration.probability(outcome, ladder, today) >= PRESELECT_CONFIDENCE
    return ladder.sizes[outcome.best] if sure else None


@lru_cache(maxsize=4096)
def _ordinary_ladder(own: frozenset[Size], department: int) -> Ladder:
    """Return the ladder of an item that comes in a visitor's sizes and their neighbours; building one takes 25 µs."""
    scale = next(iter(own)).scale
    step = step_of(scale) or 2
    around = {
        size._replace(value=size.value + shift)
        for size in own
        for shift in (-step, step)
        if size.value + shift >= 0
    }
    ladder = Ladder.of(own | around, department)
    assert ladder is not None  # noqa: S101 - narrows the type: there is a size
    return ladder
