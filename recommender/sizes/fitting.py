"""The numbers behind the calibration of size answers: a logistic regression, and the pool of the surest."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

LEAST_LOGISTIC: Final = 0.7
"""No answer joins the pool below this probability of its own, however sure the rest of the pool is."""

_LEAST_POOL: Final = 100
_SAFE_ERRORS: Final = 1.64
_RIDGE: Final = 3.0

Floats = NDArray[np.float64]


def logistic_regression(features: Floats, truth: Floats) -> Floats:
    """Fit P(truth) with a small ridge on standardised features.

    A feature that never varies, such as the share of purchases in a shop that logs nothing else, gets 0.

    Args:
        features: float64 [outcomes, features]; the first column is the constant 1.
        truth: float64 [outcomes], 0 or 1.

    Returns:
        float64 [features]: coefficients in the features' own units.
    """
    mean, spread = features.mean(axis=0), features.std(axis=0)
    varies = spread > 1e-9
    scaled: Floats = np.where(varies, (features - mean) / np.where(varies, spread, 1.0), 0.0)
    scaled[:, 0] = 1.0
    penalty = np.full(features.shape[1], _RIDGE)
    penalty[0] = 0.0

    def loss(beta: Floats) -> tuple[float, Floats]:
        logits = scaled @ beta
        value = np.logaddexp(0.0, logits).sum() - truth @ logits + 0.5 * (penalty * beta) @ beta
        gradient: Floats = scaled.T @ (1.0 / (1.0 + np.exp(-logits)) - truth) + penalty * beta
        return float(value), gradient

    beta = minimize(loss, np.zeros(features.shape[1]), jac=True, method="L-BFGS-B").x
    coefficients: Floats = np.where(varies, beta / np.where(varies, spread, 1.0), 0.0)
    coefficients[0] = beta[0] - coefficients[1:] @ mean[1:]
    return coefficients


def pool_of(
    features: Floats, truth: Floats, coefficients: Floats, least: float
) -> tuple[float | None, float]:
    """Find the largest set of surest answers that the outcomes vouch for.

    It holds all answers from some logistic probability on, and was right in a share of ``least`` of its
    outcomes even 1.64 standard errors below what was seen. A thousand outcomes cannot tell 0.74 from
    0.76 one answer at a time, but they can vouch for a set.

    Args:
        features: float64 [outcomes, features].
        truth: float64 [outcomes], 0 or 1.
        coefficients: float64 [features], of :func:`logistic_regression`.
        least: share of right answers that the pool must reach.

    Returns:
        The probability from which the pool begins (``None`` for no pool), and how often it was right.
    """
    probabilities: Floats = 1.0 / (1.0 + np.exp(-np.clip(features @ coefficients, -30.0, 30.0)))
    order = np.argsort(-probabilities, kind="stable")
    sizes = np.arange(1, len(order) + 1)
    right: Floats = np.cumsum(truth[order]) / sizes
    error = np.sqrt(right * (1.0 - right) / sizes)
    ranked = probabilities[order]
    is_last_of_ties = np.append(ranked[1:] < ranked[:-1], True)
    vouched = (right - _SAFE_ERRORS * error >= least) & (sizes >= _LEAST_POOL)
    candidates = np.flatnonzero(vouched & (ranked >= LEAST_LOGISTIC) & is_last_of_ties)
    if not len(candidates):
        return None, 0.0
    last = int(candidates[-1])
    return float(ranked[last]), float(right[last])
