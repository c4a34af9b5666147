"""Edits of the experiments' document: pure functions that say all that is wrong, or change what they say."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.decisions.policy import compile_policy
from service.experiments.definition import ExperimentDefinition, VariationDefinition, whole
from service.experiments.document import (
    DECISIONS,
    check_known,
    located,
    with_experiment,
    with_new_experiment,
    with_payload,
    with_shares,
    with_status,
    with_switches,
    without_experiment,
)
from service.experiments.edit_checks import (
    MAX_DOCUMENT_BYTES,
    DefinedElsewhere,
    EditRefused,
    UnknownExperiment,
)
from service.stores.experiments import ExperimentDocument, VersionedDocument, decoded_document

EMPTY = ExperimentDocument()
PROMO = ExperimentDefinition("kabin-homepage", ("personalized", "promo"))

names = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20).filter(
    lambda name: name.isprintable() and name == name.strip() and not name.startswith("kabin-")
)
scalars = st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text())
variations = st.lists(
    scalars, min_size=2, max_size=6, unique_by=lambda value: (type(value).__name__, str(value))
)


@st.composite
def definitions(draw: st.DrawFn) -> ExperimentDefinition:
    """Sound experiments on the shop's own features and Kabin's."""
    feature = draw(st.sampled_from(["banner", "kabin-homepage", "kabin-size", "search"]))
    allowed: dict[str, list[Any]] = {
        "kabin-homepage": ["full_price", "promo", "personalized"],
        "kabin-size": [True, False],
    }
    values = allowed[feature] if feature in allowed else draw(variations)
    parts = draw(st.lists(st.integers(1, 20), min_size=len(values), max_size=len(values)))
    return ExperimentDefinition(
        feature,
        tuple(VariationDefinition(value, key=f"v{index}") for index, value in enumerate(values)),
        draw(st.sampled_from([None, tuple(part / sum(parts) for part in parts)])),
        draw(st.floats(0, 0.9)),
        draw(st.sampled_from([None, {}, {"discount_affinity": "high"}])),
        draw(st.sampled_from([None, "customer_id"])),
        draw(st.sampled_from(["running", "stopped"])),
    )


def refusals(edit: Any) -> list[tuple[str, str]]:
    """Return pointer and reason of all that an edit is refused for."""
    with pytest.raises(EditRefused) as refused:
        edit()
    return [(problem.pointer, problem.reason) for problem in refused.value.problems]


@given(st.dictionaries(names, definitions(), max_size=4))
def test_whatever_is_defined_compiles_and_survives_storage(defined: dict[str, ExperimentDefinition]) -> None:
    """Each experiment is there under its name, and the document comes back from its JSON as it was."""
    document = EMPTY
    for name, definition in defined.items():
        document = with_experiment(document, name, definition)
    assert located(document).keys() == defined.keys()
    assert not compile_policy(document.payload()).problems
    assert {*document.stopped} == {name for name, each in defined.items() if each.status == "stopped"}
    assert decoded_document(1, msgspec.json.encode(document)) == VersionedDocument(1, document)


@given(names, definitions(), definitions())
def test_defining_and_removing_leaves_nothing(
    name: str, definition: ExperimentDefinition, other: ExperimentDefinition
) -> None:
    """Removal undoes a definition, next to another experiment too."""
    document = with_experiment(EMPTY, name, definition)
    assert without_experiment(document, name) == EMPTY
    both = with_experiment(document, name + "2", other)
    left = without_experiment(both, name)
    assert located(left).keys() == {name + "2"}
    assert without_experiment(left, name + "2") == EMPTY


@given(names, definitions())
def test_stopping_and_starting_can_be_repeated(name: str, definition: ExperimentDefinition) -> None:
    """The second of two equal edits changes nothing, and one undoes the other; definitions are not touched."""
    document = with_experiment(EMPTY, name, definition)
    stopped = with_status(document, name, "stopped")
    started = with_status(stopped, name, "running")
    assert with_status(stopped, name, "stopped") == stopped
    assert with_status(started, name, "running") == started
    assert (stopped.stopped, started.stopped) == ((name,), ())
    assert stopped.features == started.features == document.features
    assert with_experiment(document, name, definition) == document


@given(names, definitions(), st.floats(0.05, 0.95), st.floats(0, 0.9))
def test_other_shares_leave_every_bucket_where_it_is(
    name: str, definition: ExperimentDefinition, first: float, coverage: float
) -> None:
    """Key, seed, hash and names stay when weights and coverage change, however they change."""
    document = with_experiment(EMPTY, name, definition)
    count = len(definition.variations)
    weights = [first] + [(1 - first) / (count - 1)] * (count - 1)
    changed = with_shares(document, name, weights=weights, coverage=coverage)
    ((before,), (after,)) = located(document)[name], located(changed)[name]
    same = {"key", "seed", "hashVersion", "hashAttribute", "meta", "variations", "condition"}
    assert {field: before.rule.get(field) for field in same} == {
        field: after.rule.get(field) for field in same
    }
    assert after.rule["coverage"] == coverage
    assert after.rule["weights"] == pytest.approx(weights)


@given(st.lists(st.dictionaries(st.sampled_from(DECISIONS), st.booleans()), max_size=5))
def test_switches_hold_what_was_last_said_of_each(changes: list[dict[Any, bool]]) -> None:
    """A decision is off if the last change that named it said so."""
    document, wanted = EMPTY, dict.fromkeys(DECISIONS, True)
    for switches in changes:
        document, wanted = with_switches(document, switches), wanted | switches
    assert document.switched_off == tuple(name for name in DECISIONS if not wanted[name])


def test_an_experiment_becomes_a_rule_of_growthbooks() -> None:
    """Named by key, seeded by name, hashed by version 2; the feature has the value that everybody had before."""
    assert with_experiment(EMPTY, "promo-page", PROMO).features == {
        "kabin-homepage": {
            "defaultValue": "personalized",
            "rules": [
                {
                    "key": "promo-page",
                    "seed": "promo-page",
                    "hashVersion": 2,
                    "variations": ["personalized", "promo"],
                    "weights": [0.5, 0.5],
                    "coverage": 1.0,
                    "meta": [{"key": "personalized"}, {"key": "promo"}],
                }
            ],
        }
    }


@pytest.mark.parametrize(
    ("feature", "values", "default", "keys"),
    [
        ("kabin-size", (False, True), True, ["off", "on"]),
        ("kabin-recommendations", ("als", "covisit"), "blend", ["als", "covisit"]),
        ("banner", ("summer", 2.5), "summer", ["summer", "2.5"]),
        (
            "banner",
            (VariationDefinition({"text": "x"}), VariationDefinition("", name="none")),
            {"text": "x"},
            ["0", "1"],
        ),
    ],
)
def test_features_and_variations_are_named_sensibly(
    feature: str, values: tuple[Any, ...], default: Any, keys: list[str]
) -> None:
    """Kabin's features keep their usual value, others get the control's; keys are the values' texts."""
    made = with_experiment(EMPTY, "test", ExperimentDefinition(feature, values)).features[feature]
    assert made["defaultValue"] == default
    assert [meta["key"] for meta in made["rules"][0]["meta"]] == keys


def test_what_is_wrong_is_said_all_at_once() -> None:
    """Several faults of one definition are told together, each where it stands; nothing is changed."""
    wrong = ExperimentDefinition(
        "kabin-homepage", ("promo", "sale"), (0.5, 0.6), condition={"a": {"$like": 1}}
    )
    assert [
        pointer.rpartition("/rules/0")[2]
        for pointer, _ in refusals(lambda: with_experiment(EMPTY, "x", wrong))
    ] == [
        "/weights",
        "/condition/a/$like",
        "/variations/1",
    ]


@pytest.mark.parametrize(
    ("name", "definition", "reason"),
    [
        ("kabin-promo", PROMO, "Kabin's own"),
        ("", PROMO, "no name"),
        ("a\nb", PROMO, "no name"),
        ("x" * 129, PROMO, "no name"),
        ("x", ExperimentDefinition("kabin-homepge", ("a", "b")), "there is no feature 'kabin-homepge'"),
        ("x", ExperimentDefinition("kabin-size", ("a", "b")), "no value of this feature"),
        ("x", ExperimentDefinition("banner", ("a", "a")), "two variations have the key 'a'"),
        ("x", ExperimentDefinition("banner", ("a", "b"), (0.2, 0.3, 0.5)), "3 weights for 2 variations"),
    ],
)
def test_a_wrong_definition_is_refused(name: str, definition: ExperimentDefinition, reason: str) -> None:
    """Names, features, values, keys and weights."""
    assert any(reason in told for _, told in refusals(lambda: with_experiment(EMPTY, name, definition)))


@pytest.mark.parametrize("depth", [120, 980, 5000])
def test_what_is_nested_without_end_is_refused(depth: int) -> None:
    """Conditions and values: what could be stored and not be read again would take every experiment with it."""
    condition: Any = {"a": 1}
    value: Any = []
    for _ in range(depth):
        condition, value = {"$not": condition}, [value]
    wrong = ExperimentDefinition("banner", ("a", "b"), condition=condition)
    ((_, reason),) = refusals(lambda: with_experiment(EMPTY, "x", wrong))
    assert "nested" in reason
    ((_, reason),) = refusals(lambda: with_payload(EMPTY, {"features": {"banner": {"defaultValue": value}}}))
    assert "nested" in reason


def test_an_experiment_stays_with_its_feature() -> None:
    """The same name on another feature would mix two experiments' visitors."""
    document = with_experiment(EMPTY, "test", PROMO)
    other = ExperimentDefinition("kabin-size", (True, False))
    assert refusals(lambda: with_experiment(document, "test", other)) == [
        ("/feature", "it is an experiment of kabin-homepage already")
    ]


def test_an_experiment_that_no_visitor_could_reach_is_refused() -> None:
    """One that takes everybody comes first: less coverage, a condition or stopping it makes room."""
    document = with_experiment(EMPTY, "first", PROMO)
    second = ExperimentDefinition("kabin-homepage", ("personalized", "full_price"))
    ((pointer, reason),) = refusals(lambda: with_experiment(document, "second", second))
    assert pointer == "/features/kabin-homepage/rules/1"
    assert "second would have no visitors: first of kabin-homepage comes before it" in reason
    half = with_experiment(with_shares(document, "first", coverage=0.5), "second", second)
    stopped = with_experiment(with_status(document, "first", "stopped"), "second", second)
    assert located(half).keys() == located(stopped).keys() == {"first", "second"}
    assert refusals(lambda: with_shares(half, "first", coverage=1.0))
    assert refusals(lambda: with_status(stopped, "first", "running"))
    waiting = with_experiment(document, "second", msgspec.structs.replace(second, status="stopped"))
    assert refusals(lambda: with_status(waiting, "second", "running"))
    apart = with_experiment(
        document, "first", msgspec.structs.replace(PROMO, condition={"page_type": "home"})
    )
    assert located(with_experiment(apart, "second", second)).keys() == {"first", "second"}


def test_adding_what_is_there_already_starts_it_or_is_refused() -> None:
    """The same definition again is no mistake; another one under that name is."""
    document = with_new_experiment(EMPTY, "promo-page", PROMO)
    assert with_new_experiment(document, "promo-page", PROMO) == document
    stopped = with_status(document, "promo-page", "stopped")
    assert with_new_experiment(stopped, "promo-page", PROMO) == document
    other = msgspec.structs.replace(PROMO, coverage=0.5)
    ((_, reason),) = refusals(lambda: with_new_experiment(document, "promo-page", other))
    assert "defined otherwise" in reason


def test_a_new_definition_keeps_what_decides_the_buckets() -> None:
    """Seed, hash version and bucket version of a rule that GrowthBook made survive its being defined anew."""
    rule = {
        "key": "t",
        "seed": "old",
        "hashVersion": 1,
        "bucketVersion": 3,
        "variations": ["a", "b"],
        "phase": "2",
    }
    document = with_payload(EMPTY, {"features": {"banner": {"defaultValue": "z", "rules": [rule]}}})
    feature = with_experiment(document, "t", ExperimentDefinition("banner", ("a", "b", "c"))).features[
        "banner"
    ]
    kept = {field: feature["rules"][0][field] for field in ("seed", "hashVersion", "bucketVersion", "phase")}
    assert kept == {"seed": "old", "hashVersion": 1, "bucketVersion": 3, "phase": "2"}
    assert feature["defaultValue"] == "z"
    assert feature["rules"][0]["variations"] == ["a", "b", "c"]


def test_a_payload_is_taken_whole_or_not_at_all() -> None:
    """All that is wrong with it is said by pointer; what is not GrowthBook's feature JSON is refused."""
    payload = {
        "features": {
            "a": {"rules": [{"variations": [1, 2], "weights": [0.5, 0.1]}]},
            "b": {"rules": [{"parentConditions": [{"id": "nothing", "condition": {}}], "force": 1}]},
            "c": {"defaultValue": 1},
            "kabin-nonsense": {},
        }
    }
    pointers = [pointer for pointer, _ in refusals(lambda: with_payload(EMPTY, payload))]
    assert {pointer.split("/")[2] for pointer in pointers} == {"a", "b", "kabin-nonsense"}
    assert refusals(lambda: with_payload(EMPTY, {"encryptedFeatures": "x"}))
    assert refusals(lambda: with_payload(EMPTY, {}))
    large = {"features": {"a": {"defaultValue": "x" * MAX_DOCUMENT_BYTES}}}
    assert refusals(lambda: with_payload(EMPTY, large))


def test_a_payload_leaves_switches_and_what_was_stopped() -> None:
    """A stopped experiment that is still defined stays stopped, as do those of elsewhere; others are forgotten."""
    rule = {"key": "here", "variations": ["a", "b"]}
    features = {"banner": {"rules": [rule]}, "search": {"rules": [{**rule, "key": "gone"}]}}
    document = with_payload(with_switches(EMPTY, {"size": False}), {"features": features})
    for name in ("here", "gone", "of-growthbook"):
        document = with_status(document, name, "stopped")
    replaced = with_payload(
        document, {"features": {"banner": {"rules": [rule]}}, "savedGroups": {"g": ["a"]}}
    )
    assert replaced.stopped == ("here", "of-growthbook")
    assert replaced.switched_off == ("size",)
    assert replaced.saved_groups == {"g": ["a"]}


def test_an_experiment_that_features_share_is_changed_everywhere() -> None:
    """GrowthBook tells such rules by their common key: shares and removal concern all of them."""
    rule = {"key": "both", "variations": ["a", "b"]}
    features = {"one": {"rules": [rule]}, "two": {"rules": [{"force": 1, "condition": {"a": 1}}, rule]}}
    document = with_payload(EMPTY, {"features": features})
    changed = with_shares(document, "both", weights=(0.9, 0.1))
    assert [place.rule["weights"] for place in located(changed)["both"]] == [[0.9, 0.1]] * 2
    assert without_experiment(document, "both").features == {
        "two": {"rules": [{"force": 1, "condition": {"a": 1}}]}
    }
    assert refusals(lambda: with_experiment(document, "both", ExperimentDefinition("one", ("a", "b"))))


def test_ranges_of_its_own_go_before_shares() -> None:
    """Weights that would have no effect are refused, not taken."""
    rule = {"key": "t", "variations": ["a", "b"], "ranges": [[0, 0.5], [0.5, 1]]}
    document = with_payload(EMPTY, {"features": {"banner": {"rules": [rule]}}})
    ((pointer, _),) = refusals(lambda: with_shares(document, "t", coverage=0.5))
    assert pointer == "/features/banner/rules/0/ranges"


def test_unknown_experiments_are_told_from_those_of_elsewhere() -> None:
    """A name that nobody knows is answered with those that there are; the file's experiments are changed in the file."""
    document = with_experiment(EMPTY, "ours", PROMO)
    check_known(document, "ours", ())
    check_known(document, "theirs", {"theirs"})
    with pytest.raises(UnknownExperiment, match=r"'typo'; known are: ours, theirs$"):
        check_known(document, "typo", {"theirs", "kabin-random"})
    with pytest.raises(DefinedElsewhere, match="KABIN_LEARNING_TRAFFIC"):
        check_known(document, "kabin-holdout", ())
    with pytest.raises(DefinedElsewhere, match="GrowthBook"):
        with_shares(document, "theirs", {"theirs"}, coverage=0.5)
    with pytest.raises(UnknownExperiment):
        without_experiment(document, "typo")


def test_what_was_wrong_before_keeps_nobody_from_editing_the_rest() -> None:
    """A document that an older Kabin took is no trap: other experiments can be added, stopped and removed."""
    broken = {"old": {"rules": [{"key": "old", "variations": [1, 2], "weights": [0.5, 0.1]}]}}
    document = ExperimentDocument(broken)
    changed = with_experiment(document, "promo-page", PROMO)
    assert without_experiment(changed, "promo-page") == document
    assert without_experiment(changed, "old") == with_experiment(EMPTY, "promo-page", PROMO)
    again = {**broken, "new": {"rules": [{"key": "new", "variations": [1, 2], "weights": [0.5, 0.1]}]}}
    assert refusals(lambda: with_payload(document, {"features": again}))


def test_weights_that_just_miss_one_are_made_whole() -> None:
    """Three times 33.3 % leaves no visitor without a variation; what is no sum of 1 is left to be refused."""
    assert sum(whole([0.333] * 3)) == pytest.approx(1.0, abs=1e-12)
    assert whole([0.5, 0.5]) == [0.5, 0.5]
    assert whole([0.5, 0.4]) == [0.5, 0.4]
