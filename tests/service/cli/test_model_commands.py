"""`kabin model`: what is on disk, what sets two models apart, and going live and back."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from recommender.model import TrainingRecord, current_version, publish, record_training, write_model
from service.cli import main
from tests.recommender.model.small_model import NOON, content

MEASURED = {"held_out": {"hr@20": 43.21, "mrr@20": 17.5}}


class Models:
    """A data folder with four models that a service can use: the second was refused, the others went live."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "models"
        self.flags = ["--data-dir", str(folder)]
        self.versions = [f"20251121T12000{second}Z-000" for second in range(4)]

    @property
    def current(self) -> str | None:
        """The version that is live."""
        return current_version(self.folder)

    def damage(self, place: int) -> None:
        """Cut an array of a version short."""
        (self.folder / self.versions[place] / "popular.npy").write_bytes(b"")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What every test gets a copy of."""
    models = Models(tmp_path_factory.mktemp("data"))
    for place, version in enumerate(models.versions):
        made = content(size_calibration=None, blend={}, metrics=MEASURED, settings={"popular": place})
        assert write_model(models.folder, made, created_at=NOON + place) == version
        if place != 1:
            publish(models.folder, version)
    refused = TrainingRecord("refused", models.versions[1], NOON, 9.0, ("HR@20 fell from 43 to 21.",))
    record_training(models.folder, refused)
    return models.folder


@pytest.fixture
def models(written: Path, tmp_path: Path) -> Models:
    """A data folder with four models."""
    copied = Models(tmp_path)
    shutil.copytree(written, copied.folder)
    return copied


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    """Return what was printed as JSON."""
    return json.loads(capsys.readouterr().out)


def test_the_list_shows_results_figures_and_what_is_live(
    models: Models, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last training's reasons stand below it; --json has the same."""
    assert main(["model", "list", *models.flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if "43.21" in line and "17.50" in line]) == 4
    assert [line.split()[:2] for line in lines if line.strip().startswith("*")] == [["*", models.versions[3]]]
    (refused,) = [line for line in lines if models.versions[1] in line and "43.21" in line]
    assert "refused" in refused
    assert any("refused" in line and "HR@20 fell from 43 to 21." in line for line in lines)
    assert main(["model", "list", "--json", *models.flags]) == 0
    listed = said(capsys)
    assert (listed["current"], listed["problem"]) == (models.versions[3], None)
    assert [each["result"] for each in listed["models"]] == ["published", "refused", "published", "published"]
    assert listed["last_training"]["reasons"] == ["HR@20 fell from 43 to 21."]


def test_rolling_back_goes_from_live_model_to_live_model(
    models: Models, capsys: pytest.CaptureFixture[str]
) -> None:
    """Never to the refused one; at the first one there is no way back."""
    for expected in (models.versions[2], models.versions[0]):
        assert main(["model", "rollback", "--json", *models.flags]) == 0
        assert said(capsys) == {"version": expected}
        assert models.current == expected
    assert main(["model", "rollback", *models.flags]) == 1
    assert "no version was published before" in capsys.readouterr().err
    assert main(["model", "rollback", models.versions[1], *models.flags]) == 1
    assert "has never been published" in capsys.readouterr().err
    assert main(["model", "rollback", models.versions[3], *models.flags]) == 0
    assert capsys.readouterr().out == f"{models.versions[3]} is current\n"


def test_rolling_back_passes_over_what_services_could_not_use(
    models: Models, capsys: pytest.CaptureFixture[str]
) -> None:
    """A damaged model must not take the place of one that works."""
    models.damage(2)
    assert main(["model", "rollback", *models.flags]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{models.versions[0]} is current\n"
    assert "passed over" in captured.err
    publish(models.folder, models.versions[3])
    models.damage(0)
    assert main(["model", "rollback", *models.flags]) == 1
    assert "no earlier model can be used; the current one stays" in capsys.readouterr().err
    assert models.current == models.versions[3]


def test_a_damaged_pointer_is_shown_and_mended(models: Models, capsys: pytest.CaptureFixture[str]) -> None:
    """The list says what to do, and doing it helps."""
    (models.folder / "CURRENT").write_text("garbage")
    assert main(["model", "list", *models.flags]) == 0
    assert "`kabin model rollback` mends it" in " ".join(capsys.readouterr().out.split())
    assert main(["model", "rollback", *models.flags]) == 0
    assert "mended" in capsys.readouterr().err
    assert models.current == models.versions[3]


def test_publishing_by_hand_overrules_the_gate_and_not_the_checksums(
    models: Models, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the gate said of it is said again."""
    assert main(["model", "publish", models.versions[1], *models.flags]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{models.versions[1]} is current\n"
    assert "it was refused: HR@20 fell from 43 to 21." in captured.err
    models.damage(0)
    assert main(["model", "publish", models.versions[0], *models.flags]) == 1
    assert "popular.npy is damaged" in capsys.readouterr().err
    assert models.current == models.versions[1]


def test_two_models_are_compared_in_words_and_in_json(
    models: Models, capsys: pytest.CaptureFixture[str]
) -> None:
    """Settings that differ, figures side by side, and how far the lists agree."""
    first, second = models.versions[:2]
    assert main(["model", "diff", first, second, *models.flags]) == 0
    text = capsys.readouterr().out
    assert "100.0 % of an item's first 20 neighbours (blend) are the same in both" in text
    assert "held_out.hr@20" in text
    assert main(["model", "diff", first, second, "--json", *models.flags]) == 0
    found = said(capsys)
    assert found["settings"] == {"popular": [0, 1]}
    assert (found["agreement"], found["items"], found["changed"]) == (1.0, [3, 3], [])
    assert main(["model", "diff", first, "20300101T000000Z-000", *models.flags]) == 1
    assert "there is no such model" in capsys.readouterr().err


def test_a_model_is_shown_as_json(models: Models, capsys: pytest.CaptureFixture[str]) -> None:
    """The current one, or the one named."""
    assert main(["model", "show", *models.flags]) == 0
    assert said(capsys)["version"] == models.versions[3]
    assert main(["model", "show", models.versions[0], *models.flags]) == 0
    assert said(capsys)["metrics"] == MEASURED


def test_without_models_the_list_says_what_the_last_training_failed_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A first night that failed is no silence."""
    record_training(
        tmp_path / "models", TrainingRecord("failed", None, NOON, 1.0, ("no event to learn from",))
    )
    assert main(["model", "list", "--data-dir", str(tmp_path)]) == 0
    assert "failed. no event to learn from." in capsys.readouterr().out
