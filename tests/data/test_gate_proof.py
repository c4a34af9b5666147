"""The gate on YooChoose's real days: bad nights are refused for the right reason, good ones are not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recommender.interactions import Interactions
from recommender.model import current_version
from recommender.training import GateSettings, TrainingResult, TrainingSettings, train
from tests.benchmarks.six_nights import NIGHTS, six_nights
from tests.data.yoochoose_days import (
    FILES,
    TRAINING_HOUR_SECONDS,
    a_tenth,
    days_of,
    midnight_after,
    overflowing_factors,
    read_yoochoose_days,
    with_shuffled_history,
)

SETTINGS = TrainingSettings(tune_seconds=0.0, curve_seconds=0.0)
DAYS = 6


@pytest.fixture(scope="module")
def clicks(data_dir: Path) -> Interactions:
    """Seven days of clicks."""
    absent = [name for name in FILES if not (data_dir / name).is_file()]
    if absent:
        pytest.skip(f"absent from {data_dir}: {', '.join(absent)}")
    return read_yoochoose_days(data_dir)


@pytest.fixture(scope="module")
def live(clicks: Interactions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder in which the model of five days is live."""
    models_dir = tmp_path_factory.mktemp("models")
    result = train(
        days_of(clicks, 1, DAYS - 1),
        models_dir,
        replace(SETTINGS, tune=False),
        created_at=midnight_after(DAYS - 1) + TRAINING_HOUR_SECONDS,
    )
    assert result.published
    return models_dir


def night(interactions: Interactions, models_dir: Path, **options: object) -> TrainingResult:
    """Train in the night after the sixth day."""
    created_at = midnight_after(DAYS) + TRAINING_HOUR_SECONDS
    settings = options.pop("settings", SETTINGS)
    return train(interactions, models_dir, settings, created_at=created_at, **options)  # type: ignore[arg-type]


def assert_refused(result: TrainingResult, models_dir: Path, live_version: str | None, *codes: str) -> None:
    """The model is there and not live, for these reasons alone."""
    assert not result.published
    assert tuple(refusal.code for refusal in result.refusals) == codes, result.refusals
    assert current_version(models_dir) == live_version
    assert (models_dir / result.version / "manifest.json").is_file()


@pytest.mark.proof
def test_shuffled_events_are_refused_for_their_quality(clicks: Interactions, live: Path) -> None:
    """Five days' items dealt anew, as many clicks on the same items; the sixth day is as it was."""
    version = current_version(live)
    shuffled = with_shuffled_history(days_of(clicks, 1, DAYS), 1, np.random.default_rng(1))
    result = night(shuffled, live)
    assert_refused(result, live, version, "quality", "quality")
    hit_rate, mrr = result.refusals
    assert hit_rate.detail.startswith("HR@20 would fall from 5")
    assert mrr.detail.startswith("MRR@20 would fall from 2")


@pytest.mark.proof
def test_a_tenth_of_the_data_is_refused_for_its_volume(clicks: Interactions, live: Path) -> None:
    """Nine visitors of ten are missing, on all days alike: of what the live model learned from, a tenth is there."""
    version = current_version(live)
    result = night(a_tenth(days_of(clicks, 1, DAYS), np.random.default_rng(1)), live)
    assert not result.published
    assert current_version(live) == version
    volume = result.refusals[0]
    assert volume.code == "volume"
    assert "The current model learned from 53,231 interactions, and of the same time 5," in volume.detail


@pytest.mark.proof
def test_a_day_of_a_tenth_is_refused_for_its_volume(clicks: Interactions, live: Path) -> None:
    """The history is whole; of the newest day a tenth has come in."""
    version = current_version(live)
    whole = days_of(clicks, 1, DAYS - 1)
    kept = np.random.default_rng(1).random(len(clicks.visitor_ids)) < 0.1
    newest = days_of(clicks, DAYS, DAYS)
    rows = np.isin(clicks.timestamp, whole.timestamp) | (
        np.isin(clicks.timestamp, newest.timestamp) & kept[clicks.visitor]
    )
    result = night(clicks.take(rows), live)
    assert_refused(result, live, version, "volume")
    assert result.refusals[0].detail.startswith("2014-04-06 has 1,")


@pytest.mark.proof
def test_factors_that_are_no_numbers_are_refused_as_such(clicks: Interactions, live: Path) -> None:
    """One item in a hundred has a vector of NaN; its lists would merely be shorter, and nobody would notice."""
    version = current_version(live)
    result = night(days_of(clicks, 1, DAYS), live, factorise=overflowing_factors)
    assert_refused(result, live, version, "not_finite")
    assert "of the items' ALS vectors" in result.refusals[0].detail


@pytest.mark.proof
def test_a_true_day_passes_even_without_margin(clicks: Interactions, live: Path, tmp_path: Path) -> None:
    """The same night with the data as they were is published."""
    settings = replace(SETTINGS, gate=GateSettings(margin=0.0))
    result = night(days_of(clicks, 1, DAYS), live, settings=settings)
    assert result.published, result.refusals


@pytest.mark.proof
def test_six_nights_go_by_unattended_and_each_is_ready_for_its_next_day(
    clicks: Interactions, tmp_path: Path
) -> None:
    """Every night publishes a model, writes its report, and meets its next day no worse than the night before would."""
    nights = list(six_nights(clicks, tmp_path, SETTINGS))
    assert len(nights) == NIGHTS
    assert [night.finished.result.published for night in nights] == [True] * NIGHTS
    assert nights[0].next_day_before is None
    assert nights[0].next_day.hit_rate > 0.4
    for night in nights[1:]:
        assert night.finished.page is not None
        assert night.finished.page.with_suffix(".json").is_file()
        assert night.next_day_before is not None
        assert night.next_day.hit_rate > 0.95 * night.next_day_before.hit_rate
    assert nights[-1].next_day.hit_rate > nights[0].next_day.hit_rate
