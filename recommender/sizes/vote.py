"""The kernel vote: how much a visitor's evidence speaks for each size of an item's ladder.

``score(s) = Σ_e w_e · exp(−½ ((z_s − z_e) / h)²)`` over the visitor's evidence ``e`` in the item's
department, with positions ``z`` in steps of the ladder and ``w`` by what was done and how long ago.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from recommender.sizes.choices import CART, WEIGHT_UNIT, Choice
from recommender.sizes.ladder import SAME_SIZE, Ladder
from recommender.sizes.size import Size

HALF_LIFE_DAYS: Final = 180.0
"""Evidence this much older than the visitor's newest counts half."""

_DECAY_UNIT: Final = 1 << 20
_DECAYS: Final = tuple(float(round(_DECAY_UNIT * 0.5 ** (age / HALF_LIFE_DAYS))) for age in range(1826))
_OLDEST: Final = len(_DECAYS)
_new = tuple.__new__
"""Makes a named tuple in a third of the time of its own constructor."""

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
    """Sum up choices of :func:`~recommender.sizes.choices.choices_of`, in any order."""
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
        if kind > CART:
            bought += decayed
        if kind > strongest:  # noqa: PLR1730 - max() for each of 24 choices costs 1 µs
            strongest = kind
    sizes = sorted(masses)
    by_size = [masses[size] for size in sizes]
    return _new(Tally, (choices, sizes, by_size, sum(by_size), bought, len(items), strongest, newest))


def vote(choices: Sequence[Choice], ladder: Ladder) -> Vote | None:
    """Let weighed choices vote on a ladder; ``None`` if none of them can be placed on it.

    Args:
        choices: of :func:`~recommender.sizes.choices.choices_of`, in any order; those that cannot be placed are left out.
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
            scores, best, share, runner_up, items, agreeing, mass / (WEIGHT_UNIT * _DECAY_UNIT), kind, bought / mass,
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
