"""The size decision on real rentals, held against what the README claims."""

import random
from pathlib import Path

import pytest

from recommender.departments import AgeGroup, Department, Family, Gender
from recommender.evaluation.size_history import SizedPurchase, SizeHistory, read_renttherunway
from recommender.evaluation.sizes import SizeReport, evaluate_sizes

DRESSES = Department(Gender.FEMALE, AgeGroup.ADULT, Family.DRESSES).code


@pytest.fixture(scope="module")
def rentals(data_dir: Path) -> SizeReport:
    """Evaluate RentTheRunway once for the tests of this module."""
    path = data_dir / "renttherunway_open.parquet"
    if not path.is_file():
        pytest.skip(f"{path.name} is absent")
    return evaluate_sizes(read_renttherunway(path))


@pytest.mark.slow
def test_rentals_are_predicted_better_than_by_habit(rentals: SizeReport) -> None:
    """Top-1 and within one size reach their targets and beat both baselines, also from earlier days only."""
    assert rentals.main.cases > 25_000
    assert rentals.main.top1 >= 0.520
    assert rentals.main.within1 >= 0.865
    for figures in (rentals.main, *(figures for _, figures in rentals.variants)):
        assert figures.top1 > figures.most_frequent > figures.last_size


@pytest.mark.slow
def test_preselected_rentals_are_right_in_three_of_four_cases(rentals: SizeReport) -> None:
    """The answers that act are right often enough, and there are enough of them."""
    assert rentals.main.preselect_precision >= 0.75
    assert rentals.main.preselect_coverage >= 0.05
    assert rentals.main.hint_precision > rentals.main.hint_coverage


@pytest.mark.slow
def test_confidences_mean_what_they_say(rentals: SizeReport) -> None:
    """Calibrated on other visitors, and better than always saying the base rate."""
    assert rentals.main.ece <= 0.03
    assert rentals.main.brier_skill > 0
    assert rentals.main.answered_ece <= 0.03
    assert rentals.main.answered_brier_skill > 0


def made_up(visitors: int) -> list[SizedPurchase]:
    """Return purchases of visitors who mostly keep to their size."""
    rng = random.Random(3)
    sizes = [str(number) for number in range(0, 16, 2)]
    purchases = []
    for visitor in range(visitors):
        own = rng.randrange(1, len(sizes) - 1)
        for step in range(5):
            label = sizes[own if rng.random() < 0.9 else own + rng.choice((-1, 1))]
            purchases.append(
                SizedPurchase(f"v{visitor}", f"i{rng.randrange(20)}", 100 + 7 * step, label, DRESSES, "fit")
            )
    return purchases


def test_any_shops_history_can_be_measured() -> None:
    """A generic history gives a report with the promised keys, tables and progress."""
    seen: list[tuple[int, int]] = []
    history = SizeHistory.of(made_up(600), source="a shop", size_system="US", least_purchases=5)
    report = evaluate_sizes(
        history, timer=lambda: 0.0, progress=lambda done, total: seen.append((done, total))
    )
    assert list(report.as_json()) == [
        "top1", "within1", "preselect_precision", "preselect_coverage", "ece", "brier_skill", "cases",
    ]  # fmt: skip
    assert report.main.top1 > 0.7
    assert seen[-1][0] == seen[-1][1]
    for table in report.tables():
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_an_evaluation_is_repeatable() -> None:
    """The same history gives the same figures."""
    history = SizeHistory.of(made_up(200), source="a shop", size_system="US", least_purchases=5)
    again = SizeHistory.of(made_up(200), source="a shop", size_system="US", least_purchases=5)
    assert evaluate_sizes(history).as_json() == evaluate_sizes(again).as_json()


def test_a_history_without_cases_says_so() -> None:
    """One purchase predicts nothing, and the error names the history."""
    history = SizeHistory.of(
        [SizedPurchase("v", "i", 1, "8", DRESSES)], source="an empty shop", least_purchases=1
    )
    with pytest.raises(ValueError, match="an empty shop"):
        evaluate_sizes(history)
