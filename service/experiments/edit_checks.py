"""What stands in the way of an edit: definitions that would be wrong, or that could never have a visitor."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

import msgspec

from recommender.decisions.policy import compile_policy
from recommender.decisions.treatment import RESERVED_PREFIX
from recommender.experiments.definitions import Rule, read_payload
from recommender.experiments.problems import Problem, pointer_step
from service.experiments.definition import MAX_NAME_CHARACTERS
from service.experiments.definitions import in_experiment
from service.stores.experiments import ExperimentDocument

MAX_DOCUMENT_BYTES: Final = 4 * 1024 * 1024
"""Largest document; every worker reads it whole after every change."""

_MOST_NAMED: Final = 10

MAX_DEPTH: Final = 100
"""Levels of objects and lists in a payload; JSON decoders give up at some thousand, and then nobody could read it."""


class EditRefused(Exception):  # noqa: N818 - what happened
    """An edit would leave definitions that are wrong; nothing was changed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


class UnknownExperiment(Exception):  # noqa: N818 - likewise
    """There is no experiment of that name.

    Attributes:
        experiment_id: the name.
        known: those that there are, in order.
    """

    def __init__(self, experiment_id: str, known: Collection[str]) -> None:
        self.experiment_id = experiment_id
        self.known = tuple(sorted(known))
        super().__init__(f"there is no experiment {experiment_id!r}; {_among(experiment_id, self.known)}")


def _among(name: str, known: Sequence[str]) -> str:
    """Tell which experiments there are; of many those whose names are most like ``name``."""
    if not known:
        return "there is none yet"
    if len(known) <= _MOST_NAMED:
        return "known are: " + ", ".join(known)
    alike = get_close_matches(name, known, n=_MOST_NAMED)
    meant = f"did you mean {' or '.join(alike)}? " if alike else ""
    return f"{meant}There are {len(known)}: kabin experiment list"


class DefinedElsewhere(Exception):  # noqa: N818 - likewise
    """The experiment is not Redis's, so what was asked cannot be done here; the message says where it can."""


def checked(document: ExperimentDocument, before: ExperimentDocument) -> ExperimentDocument:
    """Return ``document`` if nothing is wrong with it that was not wrong before.

    What was wrong before (definitions that an older Kabin took) does not keep anybody from editing the rest.

    Raises:
        EditRefused: with all that is wrong.
    """
    problems = new_problems(problems_of(document.payload()), problems_of(before.payload()))
    refuse(problems or new_problems(unreachable(document), unreachable(before)))
    return small_enough(document)


def problems_of(payload: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Return what keeps a payload of GrowthBook's from being used as it is."""
    if _nests_deeper(payload, MAX_DEPTH):
        reason = f"something is nested more than {MAX_DEPTH} levels deep"
        return (Problem("", "/features", reason, "make it flatter"),)
    return tuple(in_experiment(problem, payload) for problem in compile_policy(payload).problems)


def _nests_deeper(value: Any, limit: int) -> bool:
    """Tell whether objects and lists are nested deeper than ``limit``, however deep they are."""
    level = [value]
    for _ in range(limit + 1):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def name_problems(experiment_id: str, owners: Collection[str], feature_id: str) -> list[Problem]:
    """Return what is wrong with a name for an experiment of a feature.

    Args:
        experiment_id: the name.
        owners: features whose rules run an experiment of that name already, one entry a rule.
        feature_id: the feature.
    """
    problems = []
    is_printable = experiment_id.isprintable() and experiment_id == experiment_id.strip()
    if not 0 < len(experiment_id) <= MAX_NAME_CHARACTERS or not is_printable:
        problems.append(
            Problem(
                experiment_id,
                "",
                "this is no name of an experiment",
                f"give 1 to {MAX_NAME_CHARACTERS} characters in one line, without a space at either end",
            )
        )
    if experiment_id.startswith(RESERVED_PREFIX):
        problems.append(
            Problem(
                experiment_id,
                "",
                f"names that begin with {RESERVED_PREFIX} are Kabin's own",
                "name it otherwise",
            )
        )
    if len(owners) > 1 or any(owner != feature_id for owner in owners):
        whose = " and ".join(dict.fromkeys(owners))
        problems.append(
            Problem(
                experiment_id,
                "/feature",
                f"it is an experiment of {whose} already",
                "remove that one first, or name this one otherwise",
            )
        )
    return problems


def unreachable(document: ExperimentDocument) -> list[Problem]:
    """Return a problem for each running experiment that no visitor reaches: one before it takes everybody."""
    problems = []
    for feature_id, feature in read_payload(document.payload()).features.items():
        taker: str | None = None
        for index, rule in enumerate(feature.rules or ()):
            experiment = rule.experiment(feature_id)
            if experiment is not None and experiment.key in document.stopped:
                continue
            if taker is not None and experiment is not None and not rule.forces:
                problems.append(
                    Problem(
                        experiment.key,
                        f"/features{pointer_step(feature_id)}/rules/{index}",
                        f"{experiment.key} would have no visitors: {taker} of {feature_id} comes before it and takes "
                        "everybody",
                        f"stop {taker}, lower its coverage, or give it a condition",
                    )
                )
            elif taker is None and _takes_everybody(rule):
                taker = experiment.key if experiment is not None else f"rule {index + 1}"
    return problems


def _takes_everybody(rule: Rule) -> bool:
    restrictions = (
        rule.condition,
        rule.parent_conditions,
        rule.filters,
        rule.namespace,
        rule.range,
        rule.ranges,
    )
    if any(restrictions) or rule.hash_attribute not in (None, "", "id") or rule.coverage not in (None, 1.0):
        return False
    passes_on = any(each.passthrough for each in rule.meta or ())
    return rule.forces or (rule.variations is not None and not passes_on)


def small_enough(document: ExperimentDocument) -> ExperimentDocument:
    """Return the document.

    Raises:
        EditRefused: it is larger than workers should have to read.
    """
    size = len(msgspec.json.encode(document))
    if size > MAX_DOCUMENT_BYTES:
        raise EditRefused(
            [
                Problem(
                    "",
                    "/features",
                    f"the definitions take {size:,} bytes, {MAX_DOCUMENT_BYTES:,} at most",
                    "take out what no longer runs, or shorten the lists of saved groups",
                )
            ]
        )
    return document


def new_problems(problems: Sequence[Problem], before: Sequence[Problem]) -> list[Problem]:
    """Return the problems that were not there before, wherever they stand now."""
    known = Counter((problem.subject, problem.reason) for problem in before)
    found = []
    for problem in problems:
        same = (problem.subject, problem.reason)
        if known[same]:
            known[same] -= 1
        else:
            found.append(problem)
    return found


def refuse(problems: Sequence[Problem]) -> None:
    """Raise :class:`EditRefused` if there are problems."""
    if problems:
        raise EditRefused(problems)
