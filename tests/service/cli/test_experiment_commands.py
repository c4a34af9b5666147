"""`kabin experiment` as a merchandiser uses it, on the embedded Valkey."""

import asyncio
import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from recommender.decisions.running import ExperimentSummary
from service.cli import main
from service.experiments.growthbook import GrowthBookSource
from service.experiments.live import source_of
from service.experiments.sources import SourceCopy
from service.settings import load_settings
from service.stores.connection import Client
from service.stores.experiments import RedisExperimentStore
from service.stores.keys import ExperimentKeys, Keyspace

_numbers = count()

PROMO = ["start", "promo-page", "--feature", "kabin-homepage", "--variations", "personalized,promo"]

Kabin = Callable[..., tuple[int, str, str]]


@pytest.fixture
def prefix() -> str:
    """Of keys that no other test uses."""
    return f"experiments-{next(_numbers)}"


@pytest.fixture
def kabin(valkey_url: str, prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Kabin:
    """Call ``kabin experiment …`` and return exit code, output and errors."""
    place = ["--redis-url", valkey_url, "--redis-prefix", prefix, "--data-dir", str(tmp_path)]

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(["experiment", *arguments, *place])
        said = capsys.readouterr()
        errors = [line for line in said.err.splitlines() if not line.startswith("warning: Redis has no")]
        return code, said.out, "\n".join(errors)

    return call


def listed(kabin: Kabin, *options: str) -> dict[str, dict[str, Any]]:
    """Return the experiments by id."""
    experiments = json.loads(kabin("list", "--json", *options)[1])["experiments"]
    return {experiment["experiment_id"]: experiment for experiment in experiments}


def test_an_experiment_is_started_changed_stopped_and_started_again(kabin: Kabin) -> None:
    """Each command says in one line what the experiment is like now."""
    assert kabin("list") == (0, "no experiments yet: kabin experiment start --help\n", "")
    code, said, errors = kabin(*PROMO, "--coverage", "20%")
    running = "promo-page is running: kabin-homepage, personalized 50 %, promo 50 %; 20 % of the visitors\n"
    assert (code, said, errors) == (0, running, "")
    code, said, _ = kabin("set", "promo-page", "--weights", "80,20", "--coverage", "100")
    assert code == 0
    assert "personalized 80 %, promo 20 %; all visitors" in said
    assert "Visitors who have been shown a variation keep it" in said
    assert kabin("stop", "promo-page")[1].startswith("promo-page is stopped: kabin-homepage")
    assert listed(kabin)["promo-page"]["status"] == "stopped"
    assert "nothing had to be changed" in kabin("stop", "promo-page")[1]
    assert kabin("start", "promo-page")[1].startswith("promo-page is running: kabin-homepage")
    experiment = listed(kabin)["promo-page"]
    assert (experiment["status"], experiment["weights"], experiment["coverage"]) == (
        "running",
        [0.8, 0.2],
        1.0,
    )


def test_an_experiment_can_be_removed(kabin: Kabin) -> None:
    """It leaves nothing behind; a second time it is unknown."""
    kabin(*PROMO)
    assert kabin("remove", "promo-page") == (0, "promo-page is removed\n", "")
    assert listed(kabin) == {}
    assert kabin("remove", "promo-page")[0] == 1


def test_the_same_start_twice_is_one_experiment(kabin: Kabin) -> None:
    """Repeating a command does no harm; another definition under the same name is refused."""
    assert kabin(*PROMO)[0] == 0
    code, said, _ = kabin(*PROMO)
    assert (code, "nothing had to be changed" in said) == (0, True)
    code, _, errors = kabin(*PROMO, "--weights", "90,10")
    assert code == 1
    assert "defined otherwise" in errors


def test_variations_are_named_as_people_name_them(kabin: Kabin) -> None:
    """Sizes are on and off, features of the shop's own may have numbers and truth values, and conditions are JSON."""
    kabin("start", "no-size", "--feature", "kabin-size", "--variations", "on, off", "--weights", "90,10")
    condition = '{"discount_affinity": "high"}'
    kabin("start", "rows", "--feature", "rows", "--variations", "2,3.5,many,true", "--condition", condition)
    found = listed(kabin)
    assert [each["value"] for each in found["no-size"]["variations"]] == [True, False]
    assert [each["key"] for each in found["no-size"]["variations"]] == ["on", "off"]
    assert [each["value"] for each in found["rows"]["variations"]] == [2, 3.5, "many", True]
    assert found["rows"]["condition"] == {"discount_affinity": "high"}
    table = kabin("list")[1]
    for word in ("no-size", "on 90 %", "off 10 %", "kabin-size", "all (condition)", "Redis"):
        assert word in table


@pytest.mark.parametrize(
    ("arguments", "code", "reasons"),
    [
        (["start", "x"], 1, ["there is no experiment 'x'; there is none yet"]),
        (["start", "x", "--weights", "50,50"], 2, ["--feature and --variations"]),
        (["start", "x", "--feature", "kabin-size"], 2, ["--variations"]),
        ([*PROMO, "--weights", "50,40"], 1, ["--weights: 50,40 adds up to 90, not to 100"]),
        ([*PROMO, "--weights", "0.5,0.5"], 1, ["adds up to 1, not to 100"]),
        ([*PROMO, "--weights", "50,,50"], 1, ["empty part"]),
        ([*PROMO, "--weights", "30,30,40"], 1, ["3 weights for 2 variations"]),
        ([*PROMO, "--coverage", "half"], 1, ["--coverage: 'half' is no percentage"]),
        ([*PROMO, "--coverage", "0.5"], 1, ["50 if you mean 50 of 100 visitors, 0.5% if"]),
        (["start", "x", "--feature", "kabin-size", "--variations", "on,no"], 1, ["on or off, not no"]),
        ([*PROMO, "--coverage", "120"], 1, ["--coverage: '120' is no percentage"]),
        ([*PROMO, "--condition", "{"], 1, ["--condition"]),
        ([*PROMO, "--condition", "[]"], 1, ["no object"]),
        (["start", "x", "--feature", "kabin-homepge", "--variations", "a,b"], 1, ["there is no feature"]),
        (
            ["start", "x", "--feature", "kabin-homepage", "--variations", "promo,sale,none"],
            1,
            ['"sale" is no value', '"none" is no value'],
        ),
        (["stop", "nothing"], 1, ["there is no experiment 'nothing'"]),
        (["stop", "kabin-holdout"], 1, ["KABIN_LEARNING_TRAFFIC"]),
        (["set", "nothing", "--weights", "50,50"], 1, ["there is no experiment"]),
        (["set"], 2, ["give NAME with --weights or --coverage, or --file"]),
        (["set", "x", "--file", "absent.json"], 2, ["give it alone"]),
        (["set", "--file", "absent.json"], 1, ["absent.json: No such file"]),
        (["switch", "size"], 2, ["say on or off"]),
        (["switch", "prices", "off"], 2, ["'prices' is not one of"]),
    ],
)
def test_mistakes_are_told_line_by_line(
    kabin: Kabin, arguments: list[str], code: int, reasons: list[str]
) -> None:
    """Wrong usage is 2, a refused edit 1 with a line for each reason; nothing is stored."""
    given, said, errors = kabin(*arguments)
    assert (given, said) == (code, "")
    for reason in reasons:
        assert reason in errors
    if code == 1:
        assert len(errors.splitlines()) == len(reasons), errors
        assert errors.startswith("kabin: ")
    assert listed(kabin) == {}


def test_a_second_experiment_must_find_visitors(kabin: Kabin) -> None:
    """One that takes everybody leaves none: the refusal says which, and what to do."""
    kabin(*PROMO)
    code, _, errors = kabin(
        "start", "second", "--feature", "kabin-homepage", "--variations", "full_price,promo"
    )
    assert code == 1
    assert "second would have no visitors: promo-page of kabin-homepage comes before it" in errors
    assert "stop promo-page, lower its coverage" in errors


def test_a_file_replaces_what_is_defined(kabin: Kabin, tmp_path: Path) -> None:
    """GrowthBook's JSON: told is what is defined now, what no longer is, and what stays stopped."""
    rule = {"key": "theirs", "variations": ["a", "b"]}
    file = tmp_path / "growthbook.json"
    file.write_text(json.dumps({"features": {"banner": {"rules": [rule]}, "rows": {"defaultValue": 2}}}))
    kabin(*PROMO)
    kabin("switch", "size", "off")
    code, said, _ = kabin("set", "--file", str(file))
    assert code == 0
    assert said == "Redis defines 2 features with 1 experiment: theirs\nno longer defined: promo-page\n"
    kabin("stop", "theirs")
    assert "still stopped: theirs" in kabin("set", "--file", str(file))[1]
    assert "off" in kabin("switch")[1]
    file.write_text('{"features": {"a": {"rules": [{"coverage": 2, "force": 1}]}, "b": 5}}')
    code, _, errors = kabin("set", "--file", str(file))
    assert (code, len(errors.splitlines())) == (1, 2)
    file.write_text("<html>")
    code, _, errors = kabin("set", "--file", str(file))
    assert (code, "web page" in errors) == (1, True)
    assert listed(kabin).keys() == {"theirs"}


def test_definitions_that_cannot_be_read_are_replaced_by_force_alone(
    kabin: Kabin, valkey_url: str, prefix: str, tmp_path: Path
) -> None:
    """Every command names the damage; ``set --file … --force`` is the way out."""
    key = ExperimentKeys(Keyspace(prefix)).definitions
    with Redis.from_url(valkey_url) as redis:
        redis.hset(key, mapping={"version": 3, "document": b"{"})
    file = tmp_path / "growthbook.json"
    file.write_text('{"features": {"rows": {"defaultValue": 2}}}')
    for arguments in (["list"], ["switch"], PROMO, ["set", "--file", str(file)]):
        code, _, errors = kabin(*arguments)
        assert (code, "--force" in errors, len(errors.splitlines())) == (1, True, 1)
    assert kabin("set", "--file", str(file), "--force")[0] == 0
    assert kabin("list")[0] == 0


def test_experiments_of_a_file_can_be_stopped_and_not_changed(kabin: Kabin, tmp_path: Path) -> None:
    """The file is named where its experiments are; one that Redis defines itself goes before it, and says so."""
    rule = {"key": "theirs", "variations": ["personalized", "promo"]}
    file = tmp_path / "experiments.json"
    file.write_text(json.dumps({"features": {"kabin-homepage": {"rules": [rule]}}}))
    given = ["--experiments-file", str(file)]
    assert listed(kabin, *given)["theirs"]["source"] == "file"
    code, said, _ = kabin("stop", "theirs", *given)
    assert (code, said.startswith("theirs is stopped: kabin-homepage, personalized 50 %")) == (0, True)
    assert listed(kabin, *given)["theirs"]["status"] == "stopped"
    code, _, errors = kabin("set", "theirs", "--weights", "90,10", *given)
    assert (code, "change it there" in errors) == (1, True)
    assert kabin("start", "theirs", *given)[0] == 0
    code, said, errors = kabin(*PROMO, *given)
    assert (code, said.startswith("promo-page is running")) == (0, True)
    assert errors.startswith("warning: theirs: Redis has a feature kabin-homepage of its own")
    overridden = listed(kabin, *given)["theirs"]
    assert overridden["status"] == "stopped"
    assert "goes before the file's" in overridden["problems"][0]["detail"]
    file.write_text("{")
    code, _, errors = kabin("list", *given)
    assert (code, errors.startswith(f"warning: {file}")) == (0, True)


def test_what_a_service_has_got_from_growthbook_is_known(kabin: Kabin, tmp_path: Path) -> None:
    """The copy that a service keeps is enough: GrowthBook itself is not asked."""
    rule = {"key": "theirs", "variations": ["a", "b"], "meta": [{"key": "0", "name": "Blue"}, {"key": "1"}]}
    url = "http://127.0.0.1:9/api/features/sdk-abc"
    settings = load_settings(data_dir=tmp_path, growthbook_url=url)
    source = source_of(settings, lambda: 1.0)
    assert isinstance(source, GrowthBookSource)
    source._copy.keep(SourceCopy({"features": {"banner": {"rules": [rule]}}}), at=1.0)
    table = kabin("list", "--growthbook-url", url)[1]
    assert "GrowthBook" in table
    assert "Blue 50 %" in table
    assert "b 50 %" in table
    assert kabin("stop", "theirs", "--growthbook-url", url)[0] == 0


@pytest.mark.anyio
async def test_what_has_run_can_be_stopped_without_its_source(
    client: Client, prefix: str, valkey_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The journal knows GrowthBook's experiments too, so an emergency stop needs no access to GrowthBook."""
    store = RedisExperimentStore(client, Keyspace(prefix))
    summary = ExperimentSummary("of-growthbook", "banner", ("a", "b"), (0.5, 0.5), 1.0, "banner")
    await store.note_phases([summary], version=0, at=1.0)
    place = ["--redis-url", valkey_url, "--redis-prefix", prefix, "--data-dir", str(tmp_path)]
    code = await asyncio.to_thread(main, ["experiment", "stop", "of-growthbook", *place])
    assert (code, capsys.readouterr().out) == (0, "of-growthbook is stopped\n")
    assert (await store.read()).document.stopped == ("of-growthbook",)


def test_switches_are_listed_and_set(kabin: Kabin) -> None:
    """Without arguments they are listed; with --json as the API answers them."""
    everything = {"size": True, "homepage": True, "recommendations": True}
    assert json.loads(kabin("switch", "--json")[1]) == everything
    assert json.loads(kabin("switch", "size", "off", "--json")[1]) == everything | {"size": False}
    assert [line.split() for line in kabin("switch")[1].splitlines() if line.startswith("  size")] == [
        ["size", "off"]
    ]
    assert json.loads(kabin("switch", "size", "on", "--json")[1]) == everything


def test_the_help_shows_how(capsys: pytest.CaptureFixture[str]) -> None:
    """`kabin experiment --help` has an example that can be copied, and every subcommand."""
    assert main(["experiment", "--help"]) == 0
    said = capsys.readouterr().out
    assert (
        "kabin experiment start promo-page --feature kabin-homepage --variations personalized,promo" in said
    )
    for command in ("list", "start", "stop", "remove", "set", "switch", "report"):
        assert f"\n  {command}" in said


def test_a_file_is_refused_with_experiment_and_place_of_each_mistake(kabin: Kabin, tmp_path: Path) -> None:
    """Nobody could find it otherwise, in a file of fifty experiments."""
    rules = [
        {"key": "first", "variations": ["personalized", "promo"], "weights": [0.5, 0.4]},
        {"key": "second", "variations": ["personalized", "sale"], "weights": [0.5, 0.5]},
    ]
    file = tmp_path / "definitions.json"
    file.write_text(json.dumps({"features": {"kabin-homepage": {"rules": rules}}}))
    code, _, errors = kabin("set", "--file", str(file))
    assert code == 1
    first, second = errors.splitlines()
    assert "first: /features/kabin-homepage/rules/0/weights: the weights add up to 0.9" in first
    assert 'second: /features/kabin-homepage/rules/1/variations/1: "sale" is no value' in second


def test_of_many_experiments_the_likeliest_is_named(kabin: Kabin) -> None:
    """A list of a thousand names would help nobody."""
    for number in range(11):
        kabin("start", f"banner-{number}", "--feature", f"feature-{number}", "--variations", "a,b")
    errors = kabin("stop", "baner-7")[2]
    assert "did you mean banner-7 or " in errors
    assert "There are 11: kabin experiment list" in errors


def test_a_change_that_no_service_sees_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In another folder than the service's, "size is off" would otherwise be believed."""
    assert main(["experiment", "switch", "size", "off", "--data-dir", str(tmp_path)]) == 0
    assert f"warning: no service runs on {tmp_path} now" in capsys.readouterr().err
