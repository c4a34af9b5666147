"""All exposed visitors of an experiment, collected one by one into columns: 130 bytes each."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.events import Event
from recommender.experiments.analysis.plan import Phase
from recommender.experiments.analysis.visitors import ExposedVisitors
from recommender.experiments.outcomes.phases import (
    JournalPhase,
    derived_phases,
    journal_phases,
    moved_to_their_phase,
    phase_of,
    variations_in,
)
from recommender.experiments.outcomes.prices import Prices
from recommender.experiments.outcomes.visitor import (
    OUTCOMES,
    PRIORS,
    FirstExposure,
    OutcomeRules,
    outcome_of,
)

LEVELS: Final = ("low", "medium", "high")
HOMEPAGES: Final = ("full_price", "promo")
NOT_SAID: Final = -1

_COUNTS: Final = ("foreign_orders", "unconfirmed_orders", "unpriced_lines", "by_cost")

Codes = NDArray[np.int8]


@dataclass(slots=True)
class Tally:
    """What a reader should know about how the table came to be.

    Attributes:
        visitors: those in the table.
        early: left out because they were exposed before the moment that was asked for.
        older_version: left out because they were only shown an earlier bucket version.
        strange: left out because the experiment never had the variation they were shown.
        crossed_over: shown more than one variation; they count in the first one.
        without_propensity: exposures whose log entry has none; the phase's weight is taken.
        moved: exposures put across the border of two phases (:func:`moved_to_their_phase`).
        orders: within the window.
        foreign_orders: of these, in another currency.
        unconfirmed_orders: of these, those that only a browser reported.
        unpriced_lines: lines of these without any price.
        revenue: of these, in major units.
        by_cost: the part of it whose margin comes from known costs.
        largest: the part of it that a single visitor brought, the greatest one.
        has_journal: whether the weights are those that the service noted.
    """

    visitors: int = 0
    early: int = 0
    older_version: int = 0
    strange: int = 0
    crossed_over: int = 0
    without_propensity: int = 0
    moved: int = 0
    orders: int = 0
    foreign_orders: int = 0
    unconfirmed_orders: int = 0
    unpriced_lines: int = 0
    revenue: float = 0.0
    by_cost: float = 0.0
    largest: float = 0.0
    has_journal: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Exposures:
    """The finished table.

    Attributes:
        visitors: what an analysis reads.
        phases: the weights, over ``visitors.variations``.
        affinity: int8 ``[visitors]``, codes into :data:`LEVELS`, -1 where the log does not say.
        personalized: int8 ``[visitors]``, codes into :data:`HOMEPAGES`, likewise.
        tally: how it came to be.
    """

    visitors: ExposedVisitors
    phases: tuple[Phase, ...]
    affinity: Codes
    personalized: Codes
    tally: Tally


class OutcomeTable:
    """Takes in visitors one by one.

    Args:
        rules: experiment, window, moment.
        prices: what lines of orders cost.
        since: Unix seconds; visitors who were first exposed before are left out.
    """

    def __init__(self, rules: OutcomeRules, prices: Prices, *, since: float = float("-inf")) -> None:
        self._rules = rules
        self._prices = prices
        self._since = since
        self._early = 0
        self._shown: dict[tuple[int, str], int] = {}
        self._codes = {name: array("l") for name in ("shown", "version", "affinity", "personalized")}
        self._flags = {name: array("b") for name in ("known", "is_only")}
        self._floats = {name: array("d") for name in ("exposed_at", "propensity", *OUTCOMES, *PRIORS)}
        self._counts = {name: array("d") for name in _COUNTS}

    def __len__(self) -> int:
        """Return the visitors taken in so far."""
        return len(self._floats["exposed_at"])

    def add(self, events: Iterable[Event]) -> bool:
        """Take in one visitor's events, in any order; return whether the experiment was shown to them."""
        found = outcome_of(events, self._rules, self._prices)
        if found is None:
            return False
        exposure = found.exposure
        if exposure.at < self._since:
            self._early += 1
            return True
        self._add_exposure(exposure)
        self._flags["known"].append(found.known)
        for name, value in zip((*OUTCOMES, *PRIORS), (*found.outcomes, *found.priors), strict=True):
            self._floats[name].append(value)
        self._counts["foreign_orders"].append(sum(order.is_foreign for order in found.orders))
        self._counts["unconfirmed_orders"].append(sum(not order.is_confirmed for order in found.orders))
        self._counts["unpriced_lines"].append(sum(order.unpriced_lines for order in found.orders))
        self._counts["by_cost"].append(sum(order.by_cost for order in found.orders))
        return True

    def _add_exposure(self, exposure: FirstExposure) -> None:
        shown = (exposure.variation_id, exposure.variation)
        level, homepage = exposure.discount_affinity, exposure.personalized_homepage
        self._codes["shown"].append(self._shown.setdefault(shown, len(self._shown)))
        self._codes["version"].append(exposure.bucket_version)
        self._codes["affinity"].append(NOT_SAID if level is None else LEVELS.index(level))
        self._codes["personalized"].append(NOT_SAID if homepage is None else HOMEPAGES.index(homepage))
        self._flags["is_only"].append(exposure.is_only)
        self._floats["exposed_at"].append(exposure.at)
        propensity = exposure.propensity
        self._floats["propensity"].append(np.nan if propensity is None else propensity)

    def finished(self, journal: Sequence[JournalPhase] = ()) -> Exposures:
        """Return the table of everybody taken in.

        Args:
            journal: the experiment's phases, oldest first; without any, weights are derived from the propensities.
        """
        exposed_at = _array(self._floats["exposed_at"])
        variations = variations_in(journal) or self._seen_variations()
        codes = self._variation_codes(exposed_at, variations, journal)
        version = _array(self._codes["version"])
        current = version == version.max(initial=0)
        rows = np.flatnonzero(current & (codes >= 0))
        tally = self._tally(rows, has_journal=bool(journal))
        tally.older_version, tally.strange = int((~current).sum()), int((current & (codes < 0)).sum())
        exposed_at, variation = exposed_at[rows], codes[rows].astype(np.int16)
        propensity = _array(self._floats["propensity"])[rows]
        phases = journal_phases(journal, variations) or derived_phases(
            exposed_at, variation, propensity, len(variations)
        )
        exposed_at, tally.moved = moved_to_their_phase(exposed_at, variation, propensity, phases)
        visitors = ExposedVisitors(
            self._rules.experiment_id,
            variations,
            variation,
            exposed_at,
            _filled(propensity, exposed_at, variation, phases),
            _array(self._flags["known"])[rows].astype(np.bool_),
            {name: _array(self._floats[name])[rows] for name in OUTCOMES},
            {name: _array(self._floats[name])[rows] for name in PRIORS},
        )
        affinity, personalized = (
            _array(self._codes[name])[rows].astype(np.int8) for name in ("affinity", "personalized")
        )
        return Exposures(visitors, phases, affinity, personalized, tally)

    def _seen_variations(self) -> tuple[str, ...]:
        """Return the names in the exposures themselves, by variation id; an id without a name is its own."""
        return tuple(dict.fromkeys(name or str(id_) for id_, name in sorted(self._shown)))

    def _variation_codes(
        self, exposed_at: NDArray[np.float64], variations: Sequence[str], journal: Sequence[JournalPhase]
    ) -> NDArray[np.int64]:
        """Return int64 ``[visitors]``, codes into ``variations``, -1 where there is none of that name.

        An exposure without a name had the variation of its id in the phase of its time.
        """
        code_of = {name: code for code, name in enumerate(variations)}
        names = [phase.variations for phase in journal]
        lookup = np.full((len(self._shown), max(1, len(names))), NOT_SAID, dtype=np.int64)
        for (id_, name), shown in self._shown.items():
            if name or not names:
                lookup[shown] = code_of.get(name or str(id_), NOT_SAID)
                continue
            for number, known in enumerate(names):
                lookup[shown, number] = code_of[known[id_]] if 0 <= id_ < len(known) else NOT_SAID
        phase = phase_of(exposed_at, journal) if journal else np.zeros(exposed_at.size, dtype=np.intp)
        shown_codes = _array(self._codes["shown"])
        return lookup[shown_codes, phase] if shown_codes.size else np.empty(0, np.int64)

    def _tally(self, rows: NDArray[np.intp], *, has_journal: bool) -> Tally:
        revenue = _array(self._floats["revenue"])[rows]
        counted = {name: float(_array(values)[rows].sum()) for name, values in self._counts.items()}
        return Tally(
            visitors=int(rows.size),
            early=self._early,
            crossed_over=int((_array(self._flags["is_only"])[rows] == 0).sum()),
            without_propensity=int(np.isnan(_array(self._floats["propensity"])[rows]).sum()),
            orders=int(_array(self._floats["orders"])[rows].sum()),
            foreign_orders=int(counted["foreign_orders"]),
            unconfirmed_orders=int(counted["unconfirmed_orders"]),
            unpriced_lines=int(counted["unpriced_lines"]),
            revenue=float(revenue.sum()),
            by_cost=counted["by_cost"],
            largest=float(revenue.max(initial=0.0)),
            has_journal=has_journal,
        )


def _array(values: array) -> NDArray:  # type: ignore[type-arg]
    return np.asarray(values)


def _filled(
    propensity: NDArray[np.float64],
    exposed_at: NDArray[np.float64],
    variation: NDArray[np.int16],
    phases: Sequence[Phase],
) -> NDArray[np.float64]:
    """Return the logged propensities, the phase's weight where there is none."""
    weights = np.asarray([phase.weights for phase in phases], dtype=np.float64)
    weights /= weights.sum(axis=1, keepdims=True)
    configured = weights[phase_of(exposed_at, phases), variation]
    # Who is in a variation of weight 0 was assigned by something else; the split says so, and no number would help.
    configured = np.where(configured > 0, configured, 1.0 / max(1, weights.shape[1]))
    return np.where(np.isnan(propensity), configured, propensity)
