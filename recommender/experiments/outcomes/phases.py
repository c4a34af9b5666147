"""With which weights an experiment ran when: from the journal, else from the propensities of its exposures."""

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from recommender.experiments.analysis.plan import Phase

Floats = NDArray[np.float64]

MOST_DERIVED_PHASES: Final = 20
"""More changes of propensities than these are no phases but disorder: one average is taken instead."""

LATE_SECONDS: Final = 86_400.0
"""How long after its decision a page may confirm an exposure: as long as a browser's events are believed."""

CONTROLS: Final = ("control", "held_out", "personalized", "on", "true", "blend", "full_price")
"""Names of a variation that is what a shop has without an experiment, the likeliest first; the holdout is the control
that personalization is measured by."""

_ALIKE: Final = 0.005
"""Difference of two propensities that counts as none: weights are shares with a few digits."""


class JournalPhase(Protocol):
    """A time in which an experiment kept its variations and weights."""

    @property
    def since(self) -> float:
        """Unix seconds."""

    @property
    def variations(self) -> tuple[str, ...]:
        """Names, in the order of the variations' ids."""

    @property
    def weights(self) -> tuple[float, ...]:
        """Share of each variation among those who take part."""


def variations_in(journal: Sequence[JournalPhase]) -> tuple[str, ...]:
    """Return every variation that an experiment ever had: the last phase's in its order, then older ones'."""
    names = [name for phase in reversed(journal) for name in phase.variations]
    return tuple(dict.fromkeys(names))


def default_control(variations: Sequence[str], *, is_shops_own: bool = False) -> str:
    """Return the variation to compare with: what the shop has without the experiment, else the first.

    Args:
        variations: names, those of the last phase first.
        is_shops_own: whether the feature is one that Kabin knows nothing of: its control is the first, as in GrowthBook,
            and ``true`` there more likely is what is new.
    """
    names = CONTROLS[:1] if is_shops_own else CONTROLS
    return next((name for name in names if name in variations), variations[0])


def journal_phases(journal: Sequence[JournalPhase], variations: Sequence[str]) -> tuple[Phase, ...]:
    """Return the journal's phases over ``variations``, oldest first; who was not in a phase has weight 0."""
    phases = []
    for phase in sorted(journal, key=lambda one: one.since):
        shares: dict[str, float] = dict.fromkeys(variations, 0.0)
        for name, weight in zip(phase.variations, phase.weights, strict=False):
            shares[name] = shares.get(name, 0.0) + weight
        if sum(shares.values()) > 0:
            phases.append(Phase(phase.since, tuple(shares[name] for name in variations)))
    return tuple(phases)


def derived_phases(
    exposed_at: Floats, variation: NDArray[np.integer], propensity: Floats, variations: int
) -> tuple[Phase, ...]:
    """Return phases made from what the exposures themselves say, equal weights where they say nothing.

    A phase begins where the propensity of a variation is another than before.

    Args:
        exposed_at: ``[visitors]``, Unix seconds.
        variation: ``[visitors]``, codes.
        propensity: ``[visitors]``, NaN where unknown.
        variations: number of codes.
    """
    stated = np.flatnonzero(np.isfinite(propensity))
    rows = stated[np.argsort(exposed_at[stated], kind="stable")]
    found: list[tuple[float, dict[int, float]]] = []
    for at, code, share in zip(
        exposed_at[rows].tolist(), variation[rows].tolist(), propensity[rows].tolist(), strict=True
    ):
        if not found or abs(found[-1][1].get(code, share) - share) > _ALIKE:
            found.append((at, {}))
        found[-1][1].setdefault(code, share)
    if len(found) > MOST_DERIVED_PHASES:
        means = {code: float(propensity[rows][variation[rows] == code].mean()) for code in found[0][1]}
        found = [(found[0][0], means)]
    phases = [Phase(at, _completed(shares, variations)) for at, shares in found]
    return tuple(phases) or (Phase(0.0, (1.0,) * variations),)


def phase_of(exposed_at: Floats, phases: Sequence[JournalPhase] | Sequence[Phase]) -> NDArray[np.intp]:
    """Return the phase of each moment; what came before the first belongs to it."""
    starts = np.asarray([phase.since for phase in phases])
    return np.maximum(np.searchsorted(starts, exposed_at, side="right") - 1, 0)


def moved_to_their_phase(
    exposed_at: Floats, variation: NDArray[np.integer], propensity: Floats, phases: Sequence[Phase]
) -> tuple[Floats, int]:
    """Put exposures whose logged propensity is that of the phase next door across the border, and count them.

    A page shows a decision that was made just before the weights changed, a worker hears of new weights a moment
    after another one: by the clock alone such a visitor would count as assigned by weights that nobody used, in
    the worst case to a variation of weight 0.

    Args:
        exposed_at: ``[visitors]``, Unix seconds.
        variation: ``[visitors]``, codes.
        propensity: ``[visitors]``, NaN where unknown; those stay where they are.
        phases: oldest first.
    """
    weights = np.asarray([phase.weights for phase in phases], dtype=np.float64)
    weights /= weights.sum(axis=1, keepdims=True)
    starts = np.asarray([phase.since for phase in phases])
    own = phase_of(exposed_at, phases)
    moved, total = exposed_at.copy(), 0
    strange = np.abs(weights[own, variation] - propensity) > _ALIKE
    for step in (-1, 1):
        other = np.clip(own + step, 0, len(phases) - 1)
        border = starts[np.maximum(own, other)]
        fits = np.abs(weights[other, variation] - propensity) <= _ALIKE
        rows = strange & (other != own) & fits & (np.abs(exposed_at - border) <= LATE_SECONDS)
        moved[rows] = border[rows] if step > 0 else np.nextafter(border[rows], -np.inf)
        strange &= ~rows
        total += int(rows.sum())
    return moved, total


def _completed(shares: dict[int, float], variations: int) -> tuple[float, ...]:
    """Return a weight for each variation; those not seen share what the others leave."""
    missing = variations - len(shares)
    left = max(0.0, 1.0 - sum(shares.values())) / missing if missing else 0.0
    return tuple(shares.get(code, left) for code in range(variations))
