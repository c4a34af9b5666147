"""Learning how often answers are right from a shop's own outcomes."""

import json
import random
from typing import Any

import pytest

from recommender.departments import AgeGroup, Department, Family, Gender
from recommender.sizes.calibration import KINDS, SizeCalibration, SizeOutcome, fit_calibration
from recommender.sizes.choices import choices_of
from recommender.sizes.ladder import Ladder
from recommender.sizes.outcomes import cases_of, outcomes_of
from recommender.sizes.scales import Scale
from recommender.sizes.size import EvidenceKind, Size, SizeEvidence
from recommender.sizes.vote import vote

DRESSES = Department(Gender.FEMALE, AgeGroup.ADULT, Family.DRESSES).code
SIZES = [Size(Scale.CLOTHING_US, 4 * rung, 0) for rung in range(9)]
LADDER = Ladder.of(SIZES, DRESSES)
PURCHASE = int(EvidenceKind.PURCHASE)


def ladder_of(item_key: int) -> Ladder | None:
    """Give every item the same ladder."""
    return LADDER


def shop(visitors: int, faithful: float, seed: int = 1, purchases: int = 6) -> list[list[SizeEvidence]]:
    """Return histories of visitors who buy their own size with probability ``faithful``, else a neighbour."""
    rng = random.Random(seed)
    histories = []
    for _ in range(visitors):
        own = rng.randrange(1, 8)
        history = []
        for step in range(purchases):
            rung = own if rng.random() < faithful else own + rng.choice((-1, 1))
            history.append(
                SizeEvidence(19_000 + 20 * step, PURCHASE, rng.randrange(1 << 40), DRESSES, SIZES[rung])
            )
        histories.append(history)
    return histories


def test_outcomes_never_see_their_own_day_or_the_future() -> None:
    """A case's evidence is strictly older than its purchase."""
    history = [
        SizeEvidence(10, PURCHASE, 1, DRESSES, SIZES[3]),
        SizeEvidence(11, int(EvidenceKind.CLICK), 2, DRESSES, SIZES[4]),
        SizeEvidence(11, PURCHASE, 2, DRESSES, SIZES[4]),
        SizeEvidence(12, PURCHASE, 3, DRESSES, SIZES[3]),
    ]
    cases = list(cases_of(history, ladder_of))
    assert [len(case.evidence) for case in cases] == [0, 1, 3]
    assert all(record.day < case.purchase.day for case in cases for record in case.evidence)
    in_order = list(cases_of(history, ladder_of, same_day=True))
    assert [len(case.evidence) for case in in_order] == [0, 2, 3]


def test_evidence_of_a_case_is_what_the_state_would_hold() -> None:
    """Only the newest 24 records are seen, as in serving."""
    history = shop(1, 1.0, purchases=40)[0]
    last = list(cases_of(history, ladder_of))[-1]
    assert last.evidence == tuple(sorted(history[:-1], reverse=True)[:24])


def test_purchases_that_kabin_preselected_are_no_outcomes() -> None:
    """A preselected size that was bought would only confirm itself."""
    history = [
        *shop(1, 1.0)[0],
        SizeEvidence(30_000, int(EvidenceKind.PURCHASE_PRESELECTED), 5, DRESSES, SIZES[3]),
    ]
    assert all(case.purchase.day < 30_000 for case in cases_of(history, ladder_of))


def test_few_outcomes_leave_the_prior() -> None:
    """Under 1,000 outcomes of a kind, its prior stays."""
    calibration = fit_calibration(outcomes_of(shop(60, 0.8), ladder_of))
    assert calibration.fits == (None,) * len(KINDS)
    assert sum(calibration.outcomes) == 300


@pytest.mark.parametrize("faithful", [0.45, 0.95])
def test_confidence_follows_the_shop(faithful: float) -> None:
    """In a shop where three equal purchases predict the next they preselect; where they do not they do not."""
    calibration = fit_calibration(outcomes_of(shop(800, faithful), ladder_of))
    assert calibration.fits[KINDS.index("purchase_many")] is not None
    assert calibration.fits[KINDS.index("click_many")] is None
    fresh = outcomes_of(shop(400, faithful, seed=2), ladder_of)
    said, was = [], []
    for history in shop(400, faithful, seed=2):
        for case in cases_of(history, ladder_of):
            counted = vote(choices_of(case.evidence, DRESSES, case.purchase.day), case.ladder)
            if counted is not None:
                said.append(calibration.probability(counted, case.ladder, case.purchase.day))
                was.append(counted.best == case.row)
    assert len(said) == len(fresh)
    assert abs(sum(said) / len(said) - sum(was) / len(was)) < 0.04
    assert (max(said) >= 0.75) == (faithful > 0.9)


def test_the_same_outcomes_give_the_same_calibration() -> None:
    """Fitting is deterministic."""
    outcomes = outcomes_of(shop(500, 0.8), ladder_of)
    assert fit_calibration(outcomes) == fit_calibration(outcomes)


def test_a_calibration_survives_json() -> None:
    """What the manifest keeps is what was fitted, and what was not fitted stays the prior."""
    calibration = fit_calibration(outcomes_of(shop(700, 0.95), ladder_of))
    again = SizeCalibration.from_dict(json.loads(json.dumps(calibration.to_dict())))
    assert again == calibration
    assert hash(again) == hash(calibration)
    assert SizeCalibration.from_dict(SizeCalibration().to_dict()) == SizeCalibration()


@pytest.mark.parametrize(
    "damage",
    [
        {"format": 0},
        {"features": ["constant"]},
        {"kinds": None},
        {"kinds": {}},
        {"kinds": {kind: {"fit": [[1.0], None, 0.0], "outcomes": 1} for kind in KINDS}},
        {"kinds": {kind: {"fit": ["x", None, 0.0], "outcomes": 1} for kind in KINDS}},
    ],
)
def test_a_damaged_calibration_is_refused_with_advice(damage: dict[str, object]) -> None:
    """Another format or a broken manifest says what to do."""
    with pytest.raises(ValueError, match="kabin train"):
        SizeCalibration.from_dict({**SizeCalibration().to_dict(), **damage})


def test_outcomes_without_variation_are_fitted_without_an_error() -> None:
    """A thousand equal outcomes teach the base rate, not a division by zero."""
    one = outcomes_of(shop(1, 1.0), ladder_of)[-1]
    outcomes = [SizeOutcome(one.features, one.kind, bool(number % 2)) for number in range(1_000)]
    assert fit_calibration(outcomes).fits[one.kind] is not None


@pytest.mark.parametrize("plain", [None, "x", [], 7, {}, {"format": 1, "kinds": []}])
def test_what_is_no_calibration_is_refused(plain: Any) -> None:
    """Whatever a model's manifest holds in its place, the answer is a reason."""
    with pytest.raises(ValueError, match="kabin train"):
        SizeCalibration.from_dict(plain)
