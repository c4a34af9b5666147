"""How often an answer of the vote is right: a probability learned from the shop's own outcomes.

An outcome is a past purchase: what the vote would have answered from the evidence before that day, and
whether it was what the visitor then bought. Clicks, carts and purchases differ in what they promise, and so do
visitors with three agreeing items from those with fewer: each of these kinds has its own logistic
regression once it has 1,000 outcomes. Until then a documented prior holds (:func:`prior_probability`).
"""

from collections.abc import Iterable, Mapping, Sequence
from math import exp
from typing import Final, NamedTuple, Self

from recommender.sizes.features import FEATURES, features_of, kind_of
from recommender.sizes.ladder import Ladder
from recommender.sizes.vote import Vote

PRESELECT_CONFIDENCE: Final = 0.75
"""Calibrated P(correct) from which a size may be preselected."""

LEAST_OUTCOMES: Final = 1000
"""Outcomes of one kind of evidence from which the shop's own calibration replaces the prior."""

KINDS: Final = ("click_few", "click_many", "cart_few", "cart_many", "purchase_few", "purchase_many")
"""Kinds of evidence that are fitted apart: the strongest act, and whether the vote may preselect at all."""

_FORMAT: Final = 1
_BELOW_POOL: Final = 0.749


class SizeOutcome(NamedTuple):
    """One answered past purchase."""

    features: tuple[float, ...]
    """As :func:`recommender.sizes.features.features_of` gives them."""
    kind: int
    """Index into :data:`KINDS`."""
    is_correct: bool


def prior_probability(vote: Vote, kind: int, today: int) -> float:
    """Return P(correct) where the shop has too few outcomes of its own.

    By the number of distinct items and the strongest kind of evidence, for visitors who always chose the
    same size: one item 0.45, two 0.62, three 0.76 (clicks), 0.78 (carts), 0.80 (purchases), more items
    up to 0.92.
    It is multiplied by the share of items that agree, and halves with every two years since the newest
    evidence after the first 90 days. So three unanimous recent choices of any kind reach 0.75; nothing
    less does.

    Args:
        vote: what is to be judged.
        kind: of it, by :func:`recommender.sizes.features.kind_of`.
        today: whole days since 1970-01-01 UTC.
    """
    items = vote.items
    unanimous = (0.0, 0.45, 0.62, 0.76)[items] if items <= 3 else 0.88 - 0.36 / items
    if items >= 3:
        unanimous += 0.02 * (kind // 2)
    stale_days = max(today - vote.newest_day - 90, 0)
    return float(unanimous * (vote.agreeing / items) * 0.5 ** (stale_days / 730))


class KindFit(NamedTuple):
    """What was learned for one kind of outcomes."""

    coefficients: tuple[float, ...]
    """One number per feature; their product sum is the logit."""
    pool_from: float | None
    """Logistic probability from which answers are right often enough together to be preselected, if any."""
    pool_confidence: float
    """How often answers of the pool were right: the confidence of each of them."""


class SizeCalibration:
    """P(correct) of a vote's answer, fitted by kind of evidence or by the documented prior.

    Attributes:
        fits: by kind, what was learned, or ``None`` for the prior.
        outcomes: by kind, how many outcomes were at hand.
    """

    __slots__ = ("fits", "outcomes")

    def __init__(
        self,
        fits: Sequence[KindFit | None] = (None,) * len(KINDS),
        outcomes: Sequence[int] = (0,) * len(KINDS),
    ) -> None:
        if len(fits) != len(KINDS) or len(outcomes) != len(KINDS):
            raise ValueError(f"a size calibration has one entry for each of {', '.join(KINDS)}")
        if any(fit is not None and len(fit.coefficients) != len(FEATURES) for fit in fits):
            raise ValueError(
                f"a size calibration needs {len(FEATURES)} coefficients per kind: run `kabin train`"
            )
        self.fits = tuple(fits)
        self.outcomes = tuple(outcomes)

    @property
    def coefficients(self) -> tuple[tuple[float, ...] | None, ...]:
        """By kind, one number per feature, or ``None`` where the prior holds."""
        return tuple(None if fit is None else fit.coefficients for fit in self.fits)

    def probability(self, vote: Vote, ladder: Ladder, today: int) -> float:
        """Return P(the best size is right), in [0, 1].

        Answers of the pool (see :func:`recommender.sizes.fitting.pool_of`) are all as sure as the pool is; below it the
        confidence stays under 0.75.
        """
        kind = kind_of(vote)
        fit = self.fits[kind]
        if fit is None:
            return prior_probability(vote, kind, today)
        logit = sum(map(float.__mul__, fit.coefficients, features_of(vote, ladder, today)))
        probability = 1.0 / (1.0 + exp(-min(max(logit, -30.0), 30.0)))
        if fit.pool_from is not None and probability >= fit.pool_from:
            return fit.pool_confidence
        return min(probability, _BELOW_POOL) if kind % 2 else probability

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON values for the model's manifest."""
        return {
            "format": _FORMAT,
            "features": list(FEATURES),
            "kinds": {
                kind: {"outcomes": count, "fit": None if fit is None else [list(fit[0]), *fit[1:]]}
                for kind, fit, count in zip(KINDS, self.fits, self.outcomes, strict=True)
            },
        }

    @classmethod
    def from_dict(cls, plain: Mapping[str, object]) -> Self:
        """Read what :meth:`to_dict` wrote.

        Raises:
            ValueError: the mapping is of another format; the message says what to do.
        """
        kinds = plain.get("kinds") if isinstance(plain, Mapping) else None
        if (
            not isinstance(kinds, Mapping)
            or plain.get("format") != _FORMAT
            or plain.get("features") != list(FEATURES)
        ):
            raise ValueError("the model's size calibration is of another format: run `kabin train`")
        try:
            entries = [kinds[kind] for kind in KINDS]
            return cls(
                [_fit_from(entry["fit"]) for entry in entries], [int(entry["outcomes"]) for entry in entries]
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"the model's size calibration is damaged ({error}): run `kabin train`"
            ) from error

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SizeCalibration):
            return NotImplemented
        return self.fits == other.fits and self.outcomes == other.outcomes

    def __hash__(self) -> int:
        return hash((self.fits, self.outcomes))

    def __repr__(self) -> str:
        fitted = [kind for kind, fit in zip(KINDS, self.fits, strict=True) if fit]
        return f"SizeCalibration(fitted: {', '.join(fitted) or 'none'}; outcomes: {sum(self.outcomes)})"


def fit_calibration(outcomes: Iterable[SizeOutcome]) -> SizeCalibration:
    """Fit P(correct) to a shop's outcomes, apart for each kind of evidence that has 1,000 of them.

    Each kind gets a logistic regression. Where the kind may preselect, its surest answers form a pool (see
    :func:`recommender.sizes.fitting.pool_of`): all of them are preselected, and the confidence they carry is how
    often the pool was right.

    Returns:
        The calibration; deterministic for the same outcomes in the same order.
    """
    by_kind: list[list[SizeOutcome]] = [[] for _ in KINDS]
    for outcome in outcomes:
        by_kind[outcome.kind].append(outcome)
    fits = [
        _fit(own, pools=kind % 2 == 1) if len(own) >= LEAST_OUTCOMES else None
        for kind, own in enumerate(by_kind)
    ]
    return SizeCalibration(fits, [len(own) for own in by_kind])


def _fit(outcomes: Sequence[SizeOutcome], *, pools: bool) -> KindFit:
    import numpy as np  # noqa: PLC0415 - numpy and scipy are for training; a decision does without them

    from recommender.sizes.fitting import logistic_regression, pool_of  # noqa: PLC0415 - likewise

    features = np.array([outcome.features for outcome in outcomes], dtype=np.float64)
    truth = np.array([outcome.is_correct for outcome in outcomes], dtype=np.float64)
    coefficients = logistic_regression(features, truth)
    pool = pool_of(features, truth, coefficients, PRESELECT_CONFIDENCE) if pools else (None, 0.0)
    return KindFit(tuple(coefficients.tolist()), *pool)


def _fit_from(plain: Sequence[object] | None) -> KindFit | None:
    if plain is None:
        return None
    coefficients, pool_from, pool_confidence = plain
    if not isinstance(coefficients, Sequence):
        raise TypeError("coefficients are no list")
    return KindFit(
        tuple(float(number) for number in coefficients),
        None if pool_from is None else float(str(pool_from)),
        float(str(pool_confidence)),
    )
