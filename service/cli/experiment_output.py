"""Experiments and switches as the command line tells them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from recommender.decisions.treatment import DecisionName
from recommender.evaluation.report import ReportTable
from service.contract.answers import FieldErrorAnswer
from service.experiments.listing import DefinedExperimentAnswer, DefinedVariationAnswer, ExperimentListAnswer

_SOURCES: Final[Mapping[str, str]] = {
    "redis": "Redis",
    "file": "file",
    "growthbook": "GrowthBook",
    "settings": "settings",
}


_LONGEST_VALUE: Final = 30


@dataclass(frozen=True, slots=True)
class ExperimentTable:
    """All experiments, printable as a table and as JSON."""

    listed: ExperimentListAnswer

    def as_json(self) -> dict[str, object]:
        """Return what ``GET /experiments`` answers."""
        return dict(self.listed)

    def tables(self) -> tuple[ReportTable, ...]:
        """Return one table, with a line below it for each problem."""
        experiments = self.listed["experiments"]
        rows = tuple(row for experiment in experiments for row in _rows(experiment))
        # A feature is used whole or not at all: what is wrong with it is told of each of its experiments.
        concerned: dict[str, list[str]] = {}
        for experiment in experiments:
            for problem in experiment["problems"]:
                line = _told(problem)
                concerned.setdefault(line, []).append(experiment["experiment_id"])
        problems = [f"{', '.join(dict.fromkeys(names))}: {line}" for line, names in concerned.items()]
        problems += map(_told, self.listed["problems"])
        columns = ("experiment", "status", "feature", "variations", "visitors", "from")
        return (ReportTable("Experiments", columns, rows, tuple(problems), expendable=("from",)),)


@dataclass(frozen=True, slots=True)
class SwitchTable:
    """Every decision's switch, printable as a table and as JSON."""

    switches: Mapping[DecisionName, bool]

    def as_json(self) -> dict[str, object]:
        """Return what ``GET /switches`` answers."""
        return {str(name): is_on for name, is_on in self.switches.items()}

    def tables(self) -> tuple[ReportTable, ...]:
        """Return one table."""
        rows = tuple((name, "on" if is_on else "off") for name, is_on in self.switches.items())
        return (ReportTable("Switches", ("decision", "switch"), rows),)


def _told(problem: FieldErrorAnswer) -> str:
    return f"{problem['pointer']}: {problem['detail']}" if problem["pointer"] else problem["detail"]


def _rows(experiment: DefinedExperimentAnswer) -> list[tuple[str, ...]]:
    """Return a row for each variation; what holds for all of them stands in the first."""
    first, *others = _shares(experiment)
    head = (
        experiment["experiment_id"],
        experiment["status"],
        experiment["feature"] or "all of Kabin",
        first,
        visitors_of(experiment, is_short=True),
        _SOURCES[experiment["source"]],
    )
    return [head, *(("", "", "", other, "", "") for other in others)]


def sentence(experiment: DefinedExperimentAnswer) -> str:
    """Return one line about an experiment."""
    status, visitors = experiment["status"], visitors_of(experiment)
    head = f"{experiment['experiment_id']} is {status}: {experiment['feature']}, {shares_of(experiment)}"
    return f"{head}; {visitors}" if status == "running" else head


def shares_of(experiment: DefinedExperimentAnswer) -> str:
    """Return the variations with their shares, such as ``personalized 50 %, promo 50 %``."""
    return ", ".join(_shares(experiment))


def _shares(experiment: DefinedExperimentAnswer) -> list[str]:
    shares = enumerate(zip(experiment["variations"], experiment["weights"], strict=False))
    return [f"{_label(variation, index)} {percent(weight)}" for index, (variation, weight) in shares]


def _label(variation: DefinedVariationAnswer, index: int) -> str:
    """Return what a person calls a variation: a key that is only its number, as GrowthBook gives, says nothing."""
    if variation["key"] != str(index):
        return variation["key"]
    value = variation["value"]
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return variation["name"] or (text if 0 < len(text) <= _LONGEST_VALUE else variation["key"])


def visitors_of(experiment: DefinedExperimentAnswer, *, is_short: bool = False) -> str:
    """Return who takes part, in words; in few for a table."""
    coverage = experiment["coverage"]
    if is_short:
        share = "all" if coverage == 1 else percent(coverage)
        return f"{share} (condition)" if experiment["condition"] else share
    who = "all visitors" if coverage == 1 else f"{percent(coverage)} of the visitors"
    return f"{who} that meet the condition" if experiment["condition"] else who


def percent(share: float) -> str:
    """Return a share in percent, with no more digits than it has."""
    return f"{round(share * 100, 2):g} %"
