"""Definitions from two places put together, and what is broken in them kept out of use: pure functions."""

from collections.abc import Callable, Collection, Mapping
from itertools import count
from typing import Any, Final, NamedTuple

from recommender.decisions.policy import Policy, PolicyCompilation
from recommender.experiments.definitions import read_payload
from recommender.experiments.features import compile_features
from recommender.experiments.problems import Problem, pointer_step
from service.stores.experiments import ExperimentDocument

Payload = Mapping[str, Any]
"""GrowthBook's feature JSON, parsed: ``{"features": {…}, "savedGroups": {…}}``."""

Compile = Callable[[Payload], PolicyCompilation]
"""Compiles a payload under the settings and switches in force."""

EMPTY: Final[Payload] = {"features": {}, "savedGroups": {}}

_MOST_ROUNDS: Final = 16
"""Attempts at saving what depends on broken features; after that all of it is left out, which is always sound."""


class Combined(NamedTuple):
    """A payload of both places.

    Attributes:
        payload: without the stopped experiments.
        overridden: ids of the base's features that the document has its own of, in order.
    """

    payload: Payload
    overridden: tuple[str, ...]


class Reconciled(NamedTuple):
    """What is put to use of a payload.

    Attributes:
        payload: what is sound of it, with the former version of what is broken.
        policy: that payload, compiled.
        problems: what is wrong with the given payload, and what becomes of it; one line each.
    """

    payload: Payload
    policy: Policy
    problems: tuple[str, ...]


def combine(base: Payload | None, document: ExperimentDocument) -> Combined:
    """Put the definitions of a file or of GrowthBook and those of Redis together.

    A feature of Redis goes before the base's of the same id, whole: rules are never mixed. So does a saved group.
    Stopped experiments are taken out of both.
    """
    below = _parts(base or EMPTY)
    above = _parts(document.payload())
    payload = {part: {**below[part], **above[part]} for part in below}
    overridden = sorted(below["features"].keys() & above["features"].keys())
    return Combined(without_experiments(payload, document.stopped), tuple(overridden))


def without_experiments(payload: Payload, stopped: Collection[str]) -> Payload:
    """Return a payload without the rules that run one of the experiments; everything else stays as it is."""
    if not stopped:
        return payload
    parts = _parts(payload)
    features = {id_: _without_rules(id_, feature, stopped) for id_, feature in parts["features"].items()}
    return {**parts, "features": features}


def reconcile(previous: Payload | None, given: Payload, compile_: Compile) -> Reconciled:
    """Return what can be used of a payload: nobody is ever assigned half of something.

    A feature that is broken keeps its former version as a whole, if that one still goes with the rest; otherwise
    it is left out, and so are those that depend on it and have no former version that does without. The same goes
    for a saved group that conditions cannot be evaluated with. A sound payload is returned unchanged.

    Args:
        previous: the payload that was in use; it was sound then.
        given: the new one; a whole that can be read (unreadable ones never come this far).
        compile_: under the settings and switches in force.
    """
    compilation = compile_(given)
    if not compilation.problems:
        return Reconciled(given, compilation.policy, ())
    problems = compilation.problems
    former = _parts(previous or EMPTY)
    features = _parts(given)["features"]
    groups = _sound_groups(former["savedGroups"], _parts(given)["savedGroups"])
    kept: set[str] = set()
    for rounds_left in count(_MOST_ROUNDS, -1):
        # What a former version refers to may have gone with the new one.
        former_groups = former["savedGroups"] if kept else {}
        candidate = {"features": features, "savedGroups": {**former_groups, **groups}}
        compilation = compile_(candidate)
        broken = compilation.left_out & features.keys()
        if not broken:
            break
        for feature_id in _roots(broken, candidate) if rounds_left > 0 else broken:
            if rounds_left <= 0 or feature_id in kept or feature_id not in former["features"]:
                kept.discard(feature_id)
                del features[feature_id]
            else:
                kept.add(feature_id)
                features[feature_id] = former["features"][feature_id]
    told = tuple(_told(problem, given, kept, features) for problem in problems)
    return Reconciled(candidate, compilation.policy, told)


def _parts(payload: Payload) -> dict[str, dict[str, Any]]:
    return {part: dict(payload.get(part) or {}) for part in ("features", "savedGroups")}


def _without_rules(feature_id: str, feature: Any, stopped: Collection[str]) -> Any:
    rules = feature.get("rules") if isinstance(feature, dict) else None
    if not isinstance(rules, list):
        return feature
    left = [rule for rule in rules if _experiment_of(feature_id, rule) not in stopped]
    return feature if len(left) == len(rules) else {**feature, "rules": left}


def _experiment_of(feature_id: str, rule: Any) -> str | None:
    """Return the experiment that a rule runs: a rule that forces a value runs none, whatever else it says."""
    if not isinstance(rule, dict) or "variations" not in rule or "force" in rule:
        return None
    key = rule.get("key") or feature_id
    return key if isinstance(key, str) else None


def _sound_groups(former: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given saved groups, with the former version of those that no condition can be evaluated with."""
    probes = {
        group_id: {
            "rules": [{"condition": {"$savedGroup": {"id": group_id, "attributeKey": "id"}}, "force": 1}]
        }
        for group_id in given
        if group_id
    }
    broken = compile_features({"features": probes, "savedGroups": dict(given)}).left_out
    return {
        group_id: former[group_id] if group_id in broken else group
        for group_id, group in given.items()
        if group_id not in broken or group_id in former
    }


def _roots(broken: Collection[str], payload: Payload) -> list[str]:
    """Return the broken features that depend on no other broken one; all of them if they go in circles."""
    read = read_payload(payload).features
    parents = {
        feature_id: {
            parent.id for rule in read[feature_id].rules or () for parent in rule.parent_conditions or ()
        }
        for feature_id in broken
        if feature_id in read
    }
    roots = [feature_id for feature_id in broken if parents.get(feature_id, set()).isdisjoint(broken)]
    return roots or list(broken)


def in_experiment(problem: Problem, payload: Payload) -> Problem:
    """Return a problem of a feature under the name of the experiment that it is in, if it is in one."""
    rules = f"/features{pointer_step(problem.subject)}/rules/"
    if not problem.pointer.startswith(rules):
        return problem
    number = int(problem.pointer[len(rules) :].partition("/")[0])
    rule = payload["features"][problem.subject]["rules"][number]
    key = rule.get("key") if isinstance(rule, dict) else None
    return problem._replace(subject=key) if key and isinstance(key, str) else problem


def _told(problem: Problem, payload: Payload, kept: Collection[str], features: Collection[str]) -> str:
    feature_id, shown = problem.subject, in_experiment(problem, payload)
    if not feature_id:
        return str(problem)
    if feature_id in kept:
        return f"{shown} (the former version of {feature_id} stays in use)"
    return str(shown) if feature_id in features else f"{shown} ({feature_id} is left out)"
