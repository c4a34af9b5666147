"""Great amounts are cut, so that one order of a wholesaler does not decide."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def winsorized(values: Floats, quantile: float) -> tuple[Floats, float]:
    """Return the values, those beyond a quantile set to it, and the greatest that was let through.

    Quantiles are of those who have any: most visitors did not buy. A margin can also be lost, so both tails are cut. No
    value between two is taken: of few who bought, the greatest would hardly be cut.

    Args:
        values: ``[visitors]``, of all variations, which are cut alike.
        quantile: 0.5 to 1.
    """
    gains, losses = values[values > 0], values[values < 0]
    high = float(np.quantile(gains, quantile, method="lower")) if gains.size else 0.0
    low = float(np.quantile(losses, 1.0 - quantile, method="higher")) if losses.size else 0.0
    return np.clip(values, low, high), high
