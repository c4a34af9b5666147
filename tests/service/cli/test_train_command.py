"""`kabin train` on a file: what it prints, and how it ends."""

import csv
import importlib.util
from pathlib import Path

import pytest

from recommender.model import current_version
from service.cli import main
from tests.recommender.training.clicks import shop_days

MAP = ("--map", "visitor_id=visitor,item_id=item,timestamp=at,event=view_item")


def events_file(folder: Path, *, days: int, only_every: int = 1) -> str:
    """Write the views of some days, of every so-manieth visitor, and return the path."""
    shop = shop_days(days, visits_a_day=120)
    path = folder / f"{days}-{only_every}.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["visitor", "item", "at"])
        for visitor, item, at in zip(
            shop.visitor.tolist(), shop.item.tolist(), shop.timestamp.tolist(), strict=True
        ):
            if visitor % only_every == 0:
                rows.writerow([shop.visitor_ids[visitor], shop.item_ids[item], at])
    return str(path)


@pytest.mark.slow
def test_a_refusal_is_exit_code_3_and_a_plain_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A first model goes live; one of a tenth of its data does not, unless somebody insists."""
    data = ["--data-dir", str(tmp_path / "data"), "--tune-seconds", "0"]
    models = tmp_path / "data" / "models"
    assert main(["train", events_file(tmp_path, days=2), *MAP, *data]) == 0
    first = current_version(models)
    out, err = capsys.readouterr()
    assert f"model {first} published: 1,200 interactions" in out
    assert f"report {tmp_path / 'data' / 'reports' / f'{first}.html'}" in out
    assert "refused" not in err
    tenth = events_file(tmp_path, days=2, only_every=10)
    assert main(["train", tenth, *MAP, *data]) == 3
    out, err = capsys.readouterr()
    assert "refused: the current one stays" in out
    assert (
        "refused (volume): The current model learned from 1,200 interactions, and of the same time 120" in err
    )
    assert current_version(models) == first
    assert main(["train", tenth, *MAP, *data, "--no-gate"]) == 0
    out, err = capsys.readouterr()
    assert "The gate is off. It would have refused this model (volume)" in out
    assert current_version(models) != first


def test_bounds_must_be_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Said before anything is read."""
    assert main(["train", "absent.csv", "--day-percent", "50", "20", "--data-dir", str(tmp_path)]) == 2
    assert "the least, 50, is above the most, 20" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--margin-percent", "--tune-seconds", "--holdout-days"])
def test_what_is_no_number_does_not_open_the_gate(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is greater than NaN, so no loss would be; an infinite span has no beginning."""
    for value in ("nan", "inf"):
        assert main(["train", "absent.csv", option, value, "--data-dir", str(tmp_path)]) == 2
        assert option in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--engine", "spark", "--spark-conf", "8g"], "'8g' is no NAME=VALUE"),
        (["--spark-conf", "spark.driver.memory=8g"], "goes with --engine spark"),
        (["--engine", "hadoop"], "'hadoop' is not one of"),
    ],
)
def test_an_engine_must_be_one_and_its_properties_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], reason: str
) -> None:
    """Wrong usage is said before anything is started or read."""
    assert main(["train", "absent.csv", *options, "--data-dir", str(tmp_path)]) == 2
    assert reason in capsys.readouterr().err


@pytest.mark.skipif(importlib.util.find_spec("pyspark") is not None, reason="pyspark is installed")
def test_without_spark_the_error_says_how_to_get_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In one line."""
    assert main(["train", "absent.csv", "--engine", "spark", "--data-dir", str(tmp_path)]) == 1
    assert 'pip install "kabin[spark]"' in capsys.readouterr().err
