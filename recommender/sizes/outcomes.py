"""Replaying a shop's history into outcomes: what Kabin would have said, and what was then bought."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from recommender.sizes.calibration import SizeOutcome
from recommender.sizes.choices import choices_of
from recommender.sizes.features import features_of, kind_of
from recommender.sizes.ladder import Ladder
from recommender.sizes.size import EvidenceKind, SizeEvidence
from recommender.sizes.vote import vote
from recommender.visitor.state import EVIDENCE_CAPACITY

_PURCHASES: Final = frozenset({EvidenceKind.PURCHASE, EvidenceKind.PURCHASE_UNCONFIRMED})


class Case(NamedTuple):
    """One past purchase and what the visitor's state held before it."""

    purchase: SizeEvidence
    evidence: tuple[SizeEvidence, ...]
    """The newest 24 earlier records of all departments, newest first."""
    ladder: Ladder
    row: int
    """Row of the bought size on the ladder."""


def cases_of(
    history: Sequence[SizeEvidence],
    ladder_of: Callable[[int], Ladder | None],
    *,
    same_day: bool = False,
) -> Iterator[Case]:
    """Yield a case for every purchase of one visitor whose size is on the item's ladder.

    Purchases in a size that Kabin had preselected are no cases: they would confirm themselves.

    Args:
        history: one visitor's records in time order.
        ladder_of: the ladder by item key, ``None`` for an item without one.
        same_day: whether records that stand earlier in ``history`` count as earlier on the same day. By
            default only earlier days do: the click before a purchase would give the answer away.
    """
    newest_first: list[SizeEvidence] = []
    pending: list[SizeEvidence] = []
    for record in history:
        if pending and (same_day or pending[-1].day < record.day):
            newest_first = sorted({*newest_first, *pending}, reverse=True)[:EVIDENCE_CAPACITY]
            pending = []
        if record.kind in _PURCHASES:
            ladder = ladder_of(record.item_key)
            row = None if ladder is None else ladder.index.get(record.size)
            if ladder is not None and row is not None and len(ladder) > 1:
                yield Case(record, tuple(newest_first), ladder, row)
        pending.append(record)


def outcomes_of(
    histories: Iterable[Sequence[SizeEvidence]],
    ladder_of: Callable[[int], Ladder | None],
    *,
    same_day: bool = False,
) -> list[SizeOutcome]:
    """Return the outcomes that :func:`recommender.sizes.calibration.fit_calibration` learns from.

    Training calls this with every visitor's records in time order. Purchases before which the visitor
    had no evidence that could be placed on the item's ladder give no outcome.

    Args:
        histories: one sequence of records per visitor, each in time order.
        ladder_of: the ladder by item key.
        same_day: as in :func:`cases_of`.
    """
    outcomes = []
    for history in histories:
        if len(history) < 2:
            continue
        for case in cases_of(history, ladder_of, same_day=same_day):
            outcome = outcome_of(case)
            if outcome is not None:
                outcomes.append(outcome)
    return outcomes


def outcome_of(case: Case) -> SizeOutcome | None:
    """Return whether the vote was right in a case, ``None`` if no evidence could be placed."""
    day = case.purchase.day
    counted = vote(choices_of(case.evidence, case.purchase.department, day), case.ladder)
    if counted is None:
        return None
    return SizeOutcome(features_of(counted, case.ladder, day), kind_of(counted), counted.best == case.row)
