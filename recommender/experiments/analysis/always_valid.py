"""Intervals for a reader who looks every day and stops when it pleases.

The asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas ("Time-uniform central limit
theory and asymptotic confidence sequences", Annals of Statistics 2024, arXiv 2103.06476), theorem 2.2: with n visitors
so far and the usual standard error of the difference, it reaches

    √( (n·ρ² + 1) / (n·ρ²) · (2·log(1/α) + log(n·ρ² + 1)) )

standard errors to each side, and holds at all n together. The mixture SPRT of Johari, Koomen, Pekelis and Walsh
("Peeking at A/B tests", KDD 2017) inverts to the same formula with ρ² = τ²/σ²; they differ in how the one number is
set. τ² is the spread of effects that one expects, which makes ρ² depend on the metric's noise: for revenue and effects
of a few percent, n·ρ² stays far under its best value, and the interval is wide at the planned end. So ρ² is set from
the planned visitors, as the first paper does. The delayed-start boundary of Robbins and Siegmund (Annals of
Mathematical Statistics 1970) is narrower on the first days and wider at the end.
``python -m tests.data.experiment_proof`` measures all three.
"""

import math


def mixture_variance(planned_visitors: float, alpha: float) -> float:
    """Return the ρ² that makes the interval (nearly) narrowest when the planned visitors have come.

    The closed form (−2·log α + log(−2·log α) + 1) / n that the cited paper's authors propose; the exact minimum is
    less than 0.1 % narrower. It must not be chosen from the data.
    """
    double_log = -2.0 * math.log(alpha)
    return (double_log + math.log(double_log) + 1.0) / planned_visitors


def always_valid_critical(visitors: float, variance: float, alpha: float) -> float:
    """Return how many standard errors the always-valid interval reaches to each side.

    Args:
        visitors: compared so far, of both variations.
        variance: ρ² by :func:`mixture_variance`.
        alpha: probability that it is ever wrong.
    """
    scaled = visitors * variance
    return math.sqrt((scaled + 1.0) / scaled * (math.log1p(scaled) - 2.0 * math.log(alpha)))
