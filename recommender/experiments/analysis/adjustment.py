"""Less noise from what was known before: CUPED.

Deng, Xu, Kohavi and Walker, "Improving the sensitivity of online controlled experiments by utilizing pre-experiment
data", WSDM 2013: from each visitor's outcome θᵀ(Z − Z̄) is taken off, with θ = Var(Z)⁻¹·Cov(Z, Y) over all variations
together (their control variates, for several covariates). Z was fixed before the exposure, so the difference stays
unbiased while its variance shrinks by the explained share.

Visitors without a pre-period stay in: Z holds "known before" as 0 or 1, and each covariate times it, 0 for the others.
The first stratifies by known and unknown (their stratification), the rest is CUPED within the known ones only; an unknown
visitor's outcome is only shifted by a constant of the stratum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MINIMUM_KNOWN: Final = 100
"""Known visitors from which on an adjustment is made: with fewer, θ is itself mostly noise."""


@dataclass(frozen=True, slots=True, eq=False)
class Adjustment:
    """Outcomes after :func:`adjust`.

    Attributes:
        values: float64 ``[visitors]``.
        covariates: columns that went in; empty if nothing was adjusted.
        known: number of known visitors.
    """

    values: Floats
    covariates: tuple[str, ...]
    known: int


def adjust(
    values: Floats, known: NDArray[np.bool_], priors: Mapping[str, Floats], covariates: Sequence[str]
) -> Adjustment:
    """Take off each visitor's outcome what the pre-period explains of it.

    Args:
        values: ``[visitors]``, the outcome.
        known: ``[visitors]``, who has a pre-period.
        priors: ``[visitors]`` by column.
        covariates: columns to use; one that is absent or constant is left out.
    """
    count = int(known.sum())
    columns, used = [], []
    for name in covariates if count >= MINIMUM_KNOWN else ():
        if name not in priors:
            continue
        column = np.where(known, priors[name], 0.0)
        if np.ptp(column[known]) > 0:
            columns.append(column)
            used.append(name)
    if not used:
        return Adjustment(values, (), count)
    if count < known.size:
        columns.append(known.astype(np.float64))
    design = np.stack(columns)
    design -= design.mean(axis=1, keepdims=True)
    # Columns of unlike size (euros, orders) are brought to one scale before the normal equations.
    design /= np.sqrt(np.mean(design**2, axis=1, keepdims=True))
    theta = np.linalg.lstsq(design @ design.T, design @ (values - values.mean()), rcond=1e-10)[0]
    return Adjustment(values - theta @ design, tuple(used), count)
