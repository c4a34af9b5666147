"""Edits of the experiments' document: pure functions from one document to the next.

Each says all that is wrong before anything is changed (:class:`EditRefused`); an edit that changes nothing returns a
document equal to the one it was given. The document itself is :class:`service.stores.experiments.ExperimentDocument`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, get_args

import msgspec

from recommender.decisions.learning import HOLDOUT_ID, RANDOM_ID
from recommender.decisions.treatment import DecisionName
from recommender.experiments.problems import Problem, pointer_step
from service.experiments.definition import (
    ExperimentDefinition,
    ExperimentStatus,
    default_value,
    rule_of,
    whole,
)
from service.experiments.edit_checks import (
    DefinedElsewhere,
    EditRefused,
    UnknownExperiment,
    checked,
    name_problems,
    new_problems,
    problems_of,
    refuse,
    small_enough,
    unreachable,
)
from service.stores.experiments import ExperimentDocument

BUILT_IN_IDS: Final = frozenset({HOLDOUT_ID, RANDOM_ID})
"""Experiments that a setting switches on."""

DECISIONS: Final[tuple[DecisionName, ...]] = get_args(DecisionName)

_GONE: Final = object()


class LocatedRule(NamedTuple):
    """An experiment's rule in a document: whose it is, and which."""

    feature_id: str
    position: int
    rule: Mapping[str, Any]

    @property
    def pointer(self) -> str:
        """JSON pointer to the rule, from the root of the payload."""
        return f"/features{pointer_step(self.feature_id)}/rules/{self.position}"


def located(document: ExperimentDocument) -> dict[str, list[LocatedRule]]:
    """Return the rules that run an experiment, by experiment id; GrowthBook may share one between features."""
    found: dict[str, list[LocatedRule]] = {}
    for feature_id, index, rule in _rules(document):
        if isinstance(rule, dict) and "variations" in rule and "force" not in rule:
            name = str(rule.get("key") or feature_id)
            found.setdefault(name, []).append(LocatedRule(feature_id, index, rule))
    return found


def with_experiment(
    document: ExperimentDocument, experiment_id: str, definition: ExperimentDefinition
) -> ExperimentDocument:
    """Return the document with an experiment added, or defined anew; who is in which bucket stays.

    Raises:
        EditRefused: with all that is wrong with the definition.
    """
    feature_id = definition.feature
    places = located(document).get(experiment_id, [])
    refuse(name_problems(experiment_id, [place.feature_id for place in places], feature_id))
    before = places[0] if places else None
    rule = rule_of(experiment_id, definition, None if before is None else before.rule)
    feature = document.features.get(feature_id)
    if feature is None:
        feature = {"defaultValue": default_value(feature_id, rule["variations"])}
    rules = list(feature.get("rules") or ())
    if before is None:
        rules.append(rule)
    else:
        rules[before.position] = rule
    changed = _with_feature(document, feature_id, {**feature, "rules": rules})
    changed = _with_stopped(changed, experiment_id, is_stopped=definition.status == "stopped")
    return checked(changed, document)


def with_new_experiment(
    document: ExperimentDocument, experiment_id: str, definition: ExperimentDefinition
) -> ExperimentDocument:
    """Return the document with an experiment added; one that is just the same is left as it is, and started.

    Raises:
        EditRefused: as :func:`with_experiment`, and if there is another experiment of that name.
    """
    changed = with_experiment(document, experiment_id, definition)
    if experiment_id in located(document) and changed.features != document.features:
        reason = f"there is an experiment {experiment_id} already, which is defined otherwise"
        remedy = "take another name, or change its shares with `kabin experiment set`"
        raise EditRefused([Problem(experiment_id, "", reason, remedy)])
    return changed


def without_experiment(
    document: ExperimentDocument, experiment_id: str, known: Collection[str] = ()
) -> ExperimentDocument:
    """Return the document without an experiment; a feature goes with its last rule.

    Raises:
        UnknownExperiment: nobody knows that name.
        DefinedElsewhere: Redis has no definition of it; ``known`` are the experiments of such.
    """
    features = dict(document.features)
    for feature_id, rules in _changed_rules(document, experiment_id, known, None).items():
        if rules:
            features[feature_id] = {**features[feature_id], "rules": rules}
        else:
            del features[feature_id]
    changed = msgspec.structs.replace(document, features=features)
    return checked(_with_stopped(changed, experiment_id, is_stopped=False), document)


def with_shares(
    document: ExperimentDocument,
    experiment_id: str,
    known: Collection[str] = (),
    *,
    weights: Sequence[float] | None = None,
    coverage: float | None = None,
) -> ExperimentDocument:
    """Return the document with other weights or another coverage of an experiment.

    Key and seed stay, so every bucket stays where it is, and whoever holds a variation keeps it.

    Args:
        document: what is changed.
        experiment_id: the experiment.
        known: experiments that are defined elsewhere.
        weights: each variation's share; ``None`` leaves them.
        coverage: of the visitors in question, 0 to 1; ``None`` leaves it.

    Raises:
        UnknownExperiment: nobody knows that name.
        DefinedElsewhere: Redis has no definition of it.
        EditRefused: the numbers make no sense.
    """
    changes: dict[str, Any] = {}
    if weights is not None:
        changes["weights"] = whole(weights)
    if coverage is not None:
        changes["coverage"] = coverage
    features = dict(document.features)
    for feature_id, rules in _changed_rules(document, experiment_id, known, changes).items():
        features[feature_id] = {**features[feature_id], "rules": rules}
    return checked(msgspec.structs.replace(document, features=features), document)


def check_known(document: ExperimentDocument, experiment_id: str, known: Collection[str]) -> None:
    """Return if there is such an experiment: in the document, or among those ``known`` from elsewhere.

    Raises:
        UnknownExperiment: nobody knows that name.
        DefinedElsewhere: it is one of Kabin's own.
    """
    if experiment_id in BUILT_IN_IDS:
        raise DefinedElsewhere(
            f"{experiment_id} is Kabin's own: KABIN_LEARNING_TRAFFIC says whether it runs, from the next start on"
        )
    ids = {*located(document), *known, *document.stopped}
    if experiment_id not in ids:
        raise UnknownExperiment(experiment_id, ids - BUILT_IN_IDS)


def with_status(
    document: ExperimentDocument, experiment_id: str, status: ExperimentStatus
) -> ExperimentDocument:
    """Return the document with an experiment stopped, or running again, wherever it is defined.

    Raises:
        EditRefused: it would run and get no visitors.
    """
    changed = _with_stopped(document, experiment_id, is_stopped=status == "stopped")
    if status == "running":
        refuse(new_problems(unreachable(changed), unreachable(document)))
    return changed


def with_switches(document: ExperimentDocument, switches: Mapping[DecisionName, bool]) -> ExperimentDocument:
    """Return the document with decisions switched on (true) or off; the others stay."""
    off = {*document.switched_off, *(name for name, is_on in switches.items() if not is_on)}
    off -= {name for name, is_on in switches.items() if is_on}
    return msgspec.structs.replace(document, switched_off=tuple(name for name in DECISIONS if name in off))


def with_payload(document: ExperimentDocument, payload: Mapping[str, Any]) -> ExperimentDocument:
    """Return the document with all its definitions replaced; switches stay, and what was stopped stays stopped.

    Args:
        document: what is changed.
        payload: GrowthBook's JSON, parsed.

    Raises:
        EditRefused: with all that is wrong with it.
    """
    refuse(problems_of(payload))
    features, groups = payload["features"], payload.get("savedGroups") or {}
    changed = msgspec.structs.replace(document, features=features, saved_groups=groups)
    gone = located(document).keys() - located(changed).keys()
    stopped = tuple(each for each in document.stopped if each not in gone)
    return small_enough(msgspec.structs.replace(changed, stopped=stopped))


def _changed_rules(
    document: ExperimentDocument,
    experiment_id: str,
    known: Collection[str],
    changes: Mapping[str, Any] | None,
) -> dict[str, list[Any]]:
    """Return the rules of each feature that runs an experiment, with ``changes`` to its rules or without them."""
    places = located(document)
    if experiment_id not in places:
        if experiment_id in known:
            raise DefinedElsewhere(
                f"{experiment_id} is not defined in Redis but in the file or in GrowthBook: change it there; "
                "here it can only be stopped and started"
            )
        raise UnknownExperiment(experiment_id, {*places, *known})
    changed: dict[str, list[Any]] = {}
    for place in places[experiment_id]:
        if changes and place.rule.get("ranges"):
            reason = "the experiment has ranges of its own, which go before weights and coverage"
            raise EditRefused(
                [Problem(experiment_id, f"{place.pointer}/ranges", reason, "define it anew without")]
            )
        rules = changed.setdefault(place.feature_id, list(document.features[place.feature_id]["rules"]))
        rules[place.position] = _GONE if changes is None else {**place.rule, **changes}
    return {
        feature_id: [rule for rule in rules if rule is not _GONE] for feature_id, rules in changed.items()
    }


def _rules(document: ExperimentDocument) -> Iterator[tuple[str, int, Any]]:
    """Yield feature id, number and rule of whatever looks like rules."""
    for feature_id, feature in document.features.items():
        rules = feature.get("rules") if isinstance(feature, dict) else None
        if isinstance(rules, list):
            for index, rule in enumerate(rules):
                yield feature_id, index, rule


def _with_feature(
    document: ExperimentDocument, feature_id: str, feature: Mapping[str, Any]
) -> ExperimentDocument:
    return msgspec.structs.replace(document, features={**document.features, feature_id: feature})


def _with_stopped(
    document: ExperimentDocument, experiment_id: str, *, is_stopped: bool
) -> ExperimentDocument:
    others = {*document.stopped} - {experiment_id}
    stopped = others | {experiment_id} if is_stopped else others
    return msgspec.structs.replace(document, stopped=tuple(sorted(stopped)))
