"""The kernel vote: how much a visitor's evidence speaks for each size of an item's ladder.

``score(s) = Σ_e w_e · exp(−½ ((z_s − z_e) / h)²)`` over the visitor's evidence ``e`` in the item's
department, with positions ``z`` in steps of the ladder and ``w`` by what was done and how long ago.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from recommender.sizes.ladder import SAME_SIZE, Ladder
from recommender.sizes.size import EvidenceKind, Size, SizeEvidence

WEIGHTS: Final = {
    EvidenceKind.CLICK: 1.0,
    EvidenceKind.CART: 3.0,
    EvidenceKind.PURCHASE_UNCONFIRMED: 10.0,
    EvidenceKind.PURCHASE: 10.0,
    EvidenceKind.PURCHASE_PRESELECTED: 10.0,
}
"""What an act counts for; one not listed changes the weight of others or nothing."""

DOUBT: Final = 0.3
"""Factor of purchases that were returned, too small or too large, or preselected and still returnable."""

HALF_LIFE_DAYS: Final = 180.0
"""Evidence this much older than the visitor's newest counts half."""

RETURN_WINDOW_DAYS: Final = 30
"""Days after which a purchase in a size that Kabin had preselected counts in full."""

NEWEST: Final = 24
"""Records of evidence that a visitor's state keeps."""

_UNIT: Final = 120
"""Weights are whole multiples of 1/120, decays of 2⁻²⁰: their products and sums are whole numbers below 2⁵³,
exact in a float, so that no order of adding them can decide a tie."""

_DECAY_UNIT: Final = 1 << 20
_DECAYS: Final = tuple(float(round(_DECAY_UNIT * 0.5 ** (age / HALF_LIFE_DAYS))) for age in range(1826))
_OLDEST: Final = len(_DECAYS)
_FULL: Final = tuple(float(round(_UNIT * WEIGHTS.get(kind, 0.0))) for kind in (0, *EvidenceKind))
_DOUBTED: Final = tuple(float(round(DOUBT * weight)) for weight in _FULL)
_CART, _DESELECT = int(EvidenceKind.CART), int(EvidenceKind.DESELECT)
_PRESELECTED: Final = int(EvidenceKind.PURCHASE_PRESELECTED)
_DOUBTS: Final = frozenset({EvidenceKind.REFUND, EvidenceKind.TOO_SMALL, EvidenceKind.TOO_LARGE})
_LAST_PLAIN: Final = int(EvidenceKind.PURCHASE)
"""Kinds up to this one only weigh; those above it say something of other acts."""

_new = tuple.__new__
"""Makes a named tuple in a third of the time of its own constructor."""

Act = tuple[int, Size]
"""An item and a size of it."""

Choice = tuple[int, int, Size, float, int]
"""What an item says of one day: day, item key, size, weight in 1/120, kind. A plain tuple: it is built 24 times a decision."""

SECOND_MODE: Final = 0.4
SECOND_MODE_STEPS: Final = 2.0


class Vote(NamedTuple):
    """The outcome of a vote over one ladder; rows index ``ladder.sizes``.

    Everything here speaks of evidence that could be placed on the ladder only.
    """

    scores: list[float]
    """By row, in arbitrary units."""
    best: int
    """Row of the highest score; of equal scores the larger size."""
    share: float
    """The best score's share of all scores, in [0, 1]."""
    runner_up: float
    """The second-best score as a share of the best, in [0, 1]."""
    items: int
    """Distinct items that speak for some size."""
    agreeing: int
    """Distinct items that speak for exactly the best size."""
    mass: float
    """Sum of the decayed weights."""
    kind: int
    """The strongest kind of act, an :class:`~recommender.sizes.size.EvidenceKind`."""
    purchased: float
    """Share of the mass that comes from purchases, in [0, 1]."""
    newest_day: int
    is_split: bool
    """Whether a size two or more steps away scores at least 0.4 of the best: two people on one account."""


def newest_evidence(evidence: Iterable[SizeEvidence]) -> list[SizeEvidence]:
    """Return the 24 newest distinct records, newest first, under the total order of the tuples themselves."""
    return sorted(set(evidence), reverse=True)[:NEWEST]


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
            if deselected and kind <= _CART and day <= deselected.get(act, -1):
                continue
            if doubted and act in doubted and (kind > _CART or doubted[act]):
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


class Tally(NamedTuple):
    """Weighed choices summed up, which is the same for every ladder that they can all be placed on."""

    choices: Sequence[Choice]
    sizes: list[Size]
    """Distinct sizes, ascending."""
    masses: list[float]
    """Decayed weight of each size, in 1/120 · 2⁻²⁰."""
    mass: float
    bought: float
    """The part of ``mass`` that comes from purchases."""
    items: int
    """Distinct items."""
    kind: int
    """The strongest kind of act, 0 without any."""
    newest_day: int


def tally(choices: Sequence[Choice]) -> Tally:
    """Sum up choices of :func:`choices_of`, in any order."""
    newest = max(choices)[0] if choices else 0
    masses: dict[Size, float] = {}
    items = set()
    bought = 0.0
    strongest = 0
    for day, item_key, size, weight, kind in choices:
        age = newest - day
        decayed = weight * (_DECAYS[age] if age < _OLDEST else _DECAYS[-1])
        masses[size] = masses.get(size, 0.0) + decayed
        items.add(item_key)
        if kind > _CART:
            bought += decayed
        if kind > strongest:  # noqa: PLR1730 - max() for each of 24 choices costs 1 µs
            strongest = kind
    sizes = sorted(masses)
    by_size = [masses[size] for size in sizes]
    return _new(Tally, (choices, sizes, by_size, sum(by_size), bought, len(items), strongest, newest))


def vote(choices: Sequence[Choice], ladder: Ladder) -> Vote | None:
    """Let weighed choices vote on a ladder; ``None`` if none of them can be placed on it.

    Args:
        choices: of :func:`choices_of`, in any order; those that cannot be placed are left out.
        ladder: the item's sizes.
    """
    return vote_of(tally(choices), ladder)


def vote_of(tallied: Tally, ladder: Ladder) -> Vote | None:
    """Let choices vote like :func:`vote`; one tally serves all ladders that a request asks about."""
    choices, sizes, masses, mass, bought, items, kind, newest_day = tallied
    rows: list[tuple[float, ...]] = []
    for size in sizes:
        row = ladder.kernel_row(size)
        if row is None:
            return vote_of(tally(placeable(choices, ladder)), ladder)
        rows.append(row)
    if not rows:
        return None
    scores = _scores(rows, masses)
    top = max(scores)
    best = len(scores) - 1 - scores[::-1].index(top)
    agreeing = items
    is_split = False
    if len(rows) > 1 or rows[0][best] <= SAME_SIZE:
        same = [size for size, row in zip(sizes, rows, strict=True) if row[best] > SAME_SIZE]
        if len(same) < len(rows):
            agreeing = len({choice[1] for choice in choices if choice[2] in same})
        is_split = len(rows) > 1 and _is_split(scores, best, ladder)
    share = runner_up = 0.0
    if top:
        share = top / sum(scores)
        runner_up = max(scores[:best] + scores[best + 1 :], default=0.0) / top
    return _new(
        Vote,
        (
            scores, best, share, runner_up, items, agreeing, mass / (_UNIT * _DECAY_UNIT), kind, bought / mass,
            newest_day, is_split,
        ),
    )  # fmt: skip


def placeable(choices: Sequence[Choice], ladder: Ladder) -> list[Choice]:
    """Return the choices of sizes that can be placed on a ladder."""
    return [choice for choice in choices if ladder.kernel_row(choice[2]) is not None]


def _scores(rows: Sequence[tuple[float, ...]], masses: Sequence[float]) -> list[float]:
    """Return the score of every size of the ladder, summed in the order of the evidence's sizes."""
    if len(rows) == 1:
        mass = masses[0]
        return [mass * closeness for closeness in rows[0]]
    if len(rows) == 2:
        mass, other = masses
        return [mass * here + other * there for here, there in zip(*rows, strict=True)]
    return [sum(map(float.__mul__, masses, column)) for column in zip(*rows, strict=True)]


def _is_split(scores: Sequence[float], best: int, ladder: Ladder) -> bool:
    """Tell whether a second person may be shopping: a second mode two steps away from the first."""
    least = SECOND_MODE * scores[best]
    for row, score in enumerate(scores):
        if score >= least and ladder.steps_between(row, best) >= SECOND_MODE_STEPS:
            return True
    return False
