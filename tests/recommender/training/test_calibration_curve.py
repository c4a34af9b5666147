"""Said and true probability that a size is right, on purchases that the calibration has not seen."""

import math
import random

import pytest

from recommender.sizes.calibration import SizeCalibration, fit_calibration
from recommender.sizes.outcomes import outcomes_of
from recommender.sizes.size import SizeEvidence
from recommender.training.calibration_curve import (
    CalibrationBin,
    calibration_curve,
    calibration_error,
    error_by_chance,
)
from tests.recommender.sizes.test_size_calibration import ladder_of, shop

FIRST_DAY, LAST_DAY = 19_000, 19_100
"""Days of the first and the last purchase of every visitor of :func:`shop`."""


def earlier(histories: list[list[SizeEvidence]], day: int) -> list[list[SizeEvidence]]:
    """Return the histories as they stood when a day began."""
    return [[record for record in history if record.day < day] for history in histories]


@pytest.fixture(scope="module")
def faithful() -> list[list[SizeEvidence]]:
    """Return histories of visitors who keep to their size."""
    return shop(600, faithful=0.8)


@pytest.fixture(scope="module")
def calibration(faithful: list[list[SizeEvidence]]) -> SizeCalibration:
    """Return what their purchases before the last one teach."""
    return fit_calibration(outcomes_of(earlier(faithful, LAST_DAY), ladder_of))


def test_a_calibration_of_the_same_shop_is_right(
    faithful: list[list[SizeEvidence]], calibration: SizeCalibration
) -> None:
    """Learned from earlier purchases, its word holds for the later ones within their intervals."""
    bins = calibration_curve(faithful, ladder_of, calibration, from_day=LAST_DAY)
    assert sum(one.outcomes for one in bins) == 600
    assert calibration_error(bins) < 0.05
    assert calibration_error(bins) < 3 * error_by_chance(bins)
    for one in (one for one in bins if one.outcomes >= 50):
        low, high = one.interval
        assert low - 0.03 < one.predicted < high + 0.03


def test_a_calibration_of_another_shop_is_found_out(calibration: SizeCalibration) -> None:
    """What faithful visitors taught says far too much of fickle ones."""
    fickle = shop(300, faithful=0.4, seed=2)
    bins = calibration_curve(fickle, ladder_of, calibration, from_day=LAST_DAY)
    assert calibration_error(bins) > 3 * error_by_chance(bins)
    assert all(one.predicted > one.observed for one in bins if one.outcomes >= 50)


def test_only_held_out_purchases_count() -> None:
    """From the day on, each with all the evidence before it; visitors without a later one are not looked at."""
    histories = shop(50, faithful=1.0)
    prior = SizeCalibration()
    assert calibration_curve(histories, ladder_of, prior, from_day=LAST_DAY + 1) == ()
    last_two = calibration_curve(histories, ladder_of, prior, from_day=LAST_DAY - 20)
    assert sum(one.outcomes for one in last_two) == 100
    everything = calibration_curve(histories, ladder_of, prior, from_day=FIRST_DAY)
    assert sum(one.outcomes for one in everything) == 250  # the first purchase has no evidence before it


def test_bins_rise_and_hold_what_they_say() -> None:
    """Each bin's mean lies in its tenth."""
    bins = calibration_curve(shop(300, faithful=0.7), ladder_of, SizeCalibration(), from_day=FIRST_DAY)
    assert [one.predicted for one in bins] == sorted(one.predicted for one in bins)
    assert len({int(10 * one.predicted) for one in bins}) == len(bins)
    assert all(0.0 <= one.observed <= 1.0 for one in bins)


def test_a_calibration_without_numbers_leaves_no_curve(
    faithful: list[list[SizeEvidence]], calibration: SizeCalibration
) -> None:
    """The gate refuses such a model; its report must still be written."""
    fits = [
        None if fit is None else fit._replace(coefficients=(math.nan,) * len(fit.coefficients))
        for fit in calibration.fits
    ]
    broken = SizeCalibration(fits, calibration.outcomes)
    assert any(fits)
    assert calibration_curve(faithful[:20], ladder_of, broken, from_day=LAST_DAY) == ()


@pytest.mark.parametrize(
    ("observed", "outcomes", "low", "high"),
    [(0.0, 10, 0.0, 0.2775), (1.0, 10, 0.7225, 1.0), (0.5, 100, 0.4038, 0.5962)],
)
def test_the_interval_is_wilsons(observed: float, outcomes: int, low: float, high: float) -> None:
    """Figures as published tables have them; within 0 and 1 even for none or all of ten."""
    assert CalibrationBin(0.5, observed, outcomes).interval == pytest.approx((low, high), abs=5e-5)


def test_the_error_of_no_purchases_is_none() -> None:
    """Without bins nothing was wrong."""
    assert calibration_error(()) == error_by_chance(()) == 0.0


def test_chance_alone_makes_an_error() -> None:
    """As large as that of purchases drawn with exactly the probabilities that were said."""
    rng = random.Random(4)
    said = [(0.3, 40), (0.6, 90), (0.8, 25)]
    drawn = [
        [CalibrationBin(p, sum(rng.random() < p for _ in range(n)) / n, n) for p, n in said]
        for _ in range(400)
    ]
    mean = sum(map(calibration_error, drawn)) / len(drawn)
    assert mean == pytest.approx(error_by_chance(drawn[0]), rel=0.1)
