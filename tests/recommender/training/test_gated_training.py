"""Training past the gate: what is published, what is refused, and what stays live meanwhile."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from recommender.events import SECONDS_PER_DAY
from recommender.interactions import Interactions
from recommender.model import (
    ModelError,
    PublicationConflict,
    current_version,
    load_model,
    publish,
    write_model,
)
from recommender.recommendations.als import AlsSettings, OnIteration, fit_item_factors
from recommender.recommendations.sessions import Sessions
from recommender.training import GateSettings, TrainingResult, train
from recommender.training.render.words import verdict
from tests.recommender.fake_catalog import FakeCatalog, FakeItem
from tests.recommender.training.clicks import MIDNIGHT, QUICK, shop_days

DAY = SECONDS_PER_DAY
LENIENT = GateSettings(least_cases=10**6, least_interactions=10**9)
"""Judges nothing that takes cases or volume."""


@pytest.fixture(scope="module")
def shop() -> Interactions:
    """Five days."""
    return shop_days(5)


@pytest.fixture(scope="module")
def first_night(shop: Interactions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder in which the model of the first four days is live."""
    models_dir = tmp_path_factory.mktemp("first")
    assert night(shop, models_dir, days=4).published
    return models_dir


@pytest.fixture
def live(first_night: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(first_night, tmp_path / "models")


def night(shop: Interactions, models_dir: Path, *, days: int = 5, **options: object) -> TrainingResult:
    """Train at half past three after some days."""
    settings = options.pop("settings", QUICK)
    until = MIDNIGHT + days * DAY
    taken = shop.take(shop.timestamp < until)
    return train(taken, models_dir, settings, created_at=until + 12_600, **options)  # type: ignore[arg-type]


def codes(result: TrainingResult) -> list[str]:
    """Return the codes of the refusals."""
    return [refusal.code for refusal in result.refusals]


def with_nan(
    sessions: Sessions, settings: AlsSettings, on_iteration: OnIteration | None
) -> NDArray[np.float32]:
    """Factorise, and lose one item's vector."""
    factors = fit_item_factors(sessions, settings, on_iteration)
    factors[7] = np.nan
    return factors


def test_a_night_like_the_one_before_is_published(shop: Interactions, live: Path) -> None:
    """Candidate and current model were asked the same, and the manifest and the report say so."""
    before = current_version(live)
    result = night(shop, live)
    assert result.published
    assert current_version(live) == result.version != before
    held_out = result.metrics["held_out"]
    assert (held_out["cases"], held_out["from_day"]) == (280, "2025-11-25")
    assert held_out["current"]["version"] == before
    assert held_out["hr@20"] > 90
    assert load_model(live / result.version).metrics == result.metrics
    report = result.report
    assert (report.result, report.refusals, report.engine) == ("published", (), "implicit")
    assert [past.version for past in report.history] == [before]
    assert report.volumes[-1].held_out
    assert report.coverage.looked_at_share == report.coverage.current_looked_at_share == 1.0
    assert sum(report.stage_seconds.values()) == pytest.approx(report.seconds, abs=0.1)
    assert report.as_json()["margin"] == 0.05


def test_shuffled_history_is_refused_for_its_quality(shop: Interactions, live: Path) -> None:
    """Items dealt anew among four days' clicks: as many, of the same items, and no sense in them."""
    before = current_version(live)
    item = shop.item.copy()
    history = np.flatnonzero(shop.timestamp < MIDNIGHT + 4 * DAY)
    item[history] = item[np.random.default_rng(1).permutation(history)]
    result = night(replace(shop, item=item), live)
    assert codes(result) == ["quality", "quality"]
    assert current_version(live) == before
    assert load_model(live / result.version).version == result.version
    assert (result.report.result, result.report.refusals) == ("refused", result.refusals)


def test_a_tenth_of_the_data_is_refused_for_its_volume(shop: Interactions, live: Path) -> None:
    """One visitor in ten is left of what the current model learned from."""
    kept = np.random.default_rng(1).random(len(shop.visitor_ids)) < 0.1
    result = night(shop.take(kept[shop.visitor]), live)
    assert codes(result)[0] == "volume"
    assert not result.published


def test_one_vector_of_nan_is_refused(shop: Interactions, live: Path) -> None:
    """Its lists would merely be shorter; a first model is refused for it too."""
    result = night(shop, live, factorise=with_nan)
    assert codes(result) == ["not_finite"]
    assert "1 of the items' ALS vectors, 1 of the candidate's ALS vectors" in result.refusals[0].detail
    first = night(shop, live / "elsewhere", factorise=with_nan)
    assert codes(first) == ["not_finite"]
    assert current_version(live / "elsewhere") is None


def test_without_gate_it_is_published_and_said_aloud(shop: Interactions, live: Path) -> None:
    """What the gate would have said stands in the notes."""
    result = night(shop, live, factorise=with_nan, settings=replace(QUICK, gate=None))
    assert result.published
    assert result.refusals == ()
    assert any(
        note.startswith("The gate is off. It would have refused this model (not_finite)")
        for note in result.notes
    )
    assert result.report.margin is None
    assert [refusal.code for refusal in result.report.refusals] == ["not_finite"]
    fine = night(shop, live, settings=replace(QUICK, gate=None))
    assert "The gate is off. It would have let this model pass." in fine.notes


def test_a_model_that_is_only_written_is_judged_in_words(shop: Interactions, live: Path) -> None:
    """Nobody asked for it to go live, so nothing is refused."""
    result = night(shop, live, factorise=with_nan, settings=replace(QUICK, publish=False))
    assert (result.published, result.refusals, result.report.result) == (False, (), "written")
    assert any(note.startswith("The gate would refuse this model (not_finite)") for note in result.notes)


def test_a_model_that_cannot_be_read_back_is_refused_even_without_gate(
    shop: Interactions, live: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that loses bytes is found out before any worker is."""
    before = current_version(live)

    def broken(models_dir: Path, content: object, *, created_at: float) -> str:
        version = write_model(models_dir, content, created_at=created_at)  # type: ignore[arg-type]
        scores = models_dir / version / "blend_scores.npy"
        scores.write_bytes(scores.read_bytes()[:-1] + b"\x7f")
        return version

    monkeypatch.setattr("recommender.training.run.write_model", broken)
    result = night(shop, live, settings=replace(QUICK, gate=None))
    assert codes(result) == ["unreadable"]
    assert "checksum" in result.refusals[0].detail
    assert current_version(live) == before


def test_a_damaged_current_model_is_replaced_and_mentioned(shop: Interactions, live: Path) -> None:
    """There is nothing to compare with, and a shop without a model would not be better off."""
    for garbage in ("what?", "20200101T000000Z-000\n"):
        (live / "CURRENT").write_text(garbage)
        result = night(shop, live)
        assert result.published
        assert any("cannot be read, so nothing was compared" in note for note in result.notes)
        assert not any("There is no current model" in note for note in result.notes)
        assert "the first model" not in verdict(result.report)
        assert current_version(live) == result.version


def test_what_was_published_meanwhile_is_not_overwritten(shop: Interactions, live: Path) -> None:
    """An operator rolled back while the night trained: its model was compared with another one."""
    other = night(shop, live, settings=replace(QUICK, publish=False)).version

    def meddle(stage: str, _done: int, _steps: int) -> None:
        if stage == "writing":
            publish(live, other)

    with pytest.raises(PublicationConflict):
        night(shop, live, on_progress=meddle)
    assert current_version(live) == other


def test_a_run_that_lost_its_lease_publishes_nothing(shop: Interactions, live: Path) -> None:
    """A later lease has published; the earlier one wakes up."""
    night(shop, live, fence=8)
    current = current_version(live)
    with pytest.raises(PublicationConflict):
        night(shop, live, fence=7)
    assert current_version(live) == current


def test_whoever_follows_progress_can_stop_a_run_right_before_publishing(
    shop: Interactions, live: Path
) -> None:
    """The last word is theirs; nothing is told once the model is live."""
    before = current_version(live)
    told: list[str] = []

    def stop(stage: str, _done: int, _steps: int) -> None:
        told.append(stage)
        if stage == "publishing":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        night(shop, live, on_progress=stop)
    assert current_version(live) == before
    assert told[-2:] == ["writing", "publishing"]


def test_a_second_training_of_the_same_evening_is_published_unjudged(shop: Interactions, live: Path) -> None:
    """The current model has seen every click that could be held out."""
    result = night(shop, live, days=4)
    assert result.published
    assert not any("do events arrive?" in note for note in result.notes)
    assert any("may have learned from the held-out clicks" in note for note in result.notes)


def test_a_newest_day_that_makes_no_sense_is_mentioned(shop: Interactions, live: Path) -> None:
    """Both models are helpless on it, so neither is worse; one such day among many does little harm."""
    item = shop.item.copy()
    newest = np.flatnonzero(shop.timestamp >= MIDNIGHT + 4 * DAY)
    item[newest] = item[np.random.default_rng(1).permutation(newest)]
    result = night(replace(shop, item=item), live)
    assert result.published
    assert any("the held-out clicks are unlike the shop's others" in note for note in result.notes)


def test_what_cannot_be_tidied_up_afterwards_is_mentioned(
    shop: Interactions, live: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model is live all the same."""

    def stuck(_models_dir: Path, *, keep: int) -> None:
        raise ModelError(f"the newest {keep} cannot be told")

    monkeypatch.setattr("recommender.training.run.prune", stuck)
    result = night(shop, live)
    assert current_version(live) == result.version
    assert "Old versions were not removed: the newest 5 cannot be told" in result.notes


def test_a_storefront_that_has_fallen_silent_is_mentioned(shop: Interactions, live: Path) -> None:
    """After days without events there is no volume to judge any more, and nothing worse to publish."""
    result = train(shop, live, QUICK, created_at=MIDNIGHT + 30 * DAY)
    assert result.published
    assert "The newest interaction is of 2025-11-25, 25 days ago: do events arrive?" in result.notes


def test_a_catalog_of_other_items_is_refused_at_once(shop: Interactions, tmp_path: Path) -> None:
    """No item in stock has neighbours, though the model is a first one; among the shop's own all have."""
    strange = FakeCatalog(tuple(FakeItem(f"other-{number}") for number in range(3)))
    refused = night(shop, tmp_path, catalog=strange)
    assert codes(refused) == ["coverage"]
    own = FakeCatalog(tuple(FakeItem(item_id) for item_id in shop.item_ids))
    result = night(shop, tmp_path, catalog=own)
    assert result.published
    coverage = result.report.coverage
    assert coverage.catalog_items == coverage.in_stock_items == coverage.with_neighbours == 60
    fewer = night(shop.take(shop.item >= 10), tmp_path, catalog=own)
    assert codes(fewer) == ["coverage"]
    assert fewer.refusals[0].detail.startswith(
        "83.3 % of the items in stock has neighbours where the current model"
    )


def test_the_learning_curve_takes_no_longer_than_it_may(shop: Interactions, tmp_path: Path) -> None:
    """With time it ends at the candidate's own figures; without, it is left out."""
    report = night(shop, tmp_path, settings=replace(QUICK, curve_seconds=60.0)).report
    assert report.comparison is not None
    assert report.learning_curve[-1].hits == report.comparison.candidate
    assert [point.share for point in report.learning_curve] == [0.125, 0.25, 0.5, 1.0]
    assert night(shop, tmp_path).report.learning_curve == ()
