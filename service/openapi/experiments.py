"""The paths of experiments and switches."""

from collections.abc import Iterable
from typing import Any, Final

from service.openapi.operations import answer, json_body, operation, path_parameter

_BODY_PROBLEMS: Final = (400, 408, 413, 415, 422)
_ID: Final = path_parameter("id", "An experiment's id.", minLength=1, maxLength=128)
_CONFLICT: Final = (
    "Nothing was changed: the experiment is defined elsewhere or Kabin's own, others were changing experiments at "
    "the same time, or what Redis holds cannot be read."
)
_PAYLOAD: Final = {
    "type": "object",
    "description": "GrowthBook's feature JSON, as its SDK endpoint answers it.",
    "required": ["features"],
    "properties": {"features": {"type": "object"}, "savedGroups": {"type": ["object", "null"]}},
}


def experiment_paths() -> dict[str, Any]:
    """Describe how a shop's servers define, stop and start experiments, and switch decisions off."""
    return {"/experiments": _all(), "/experiments/{id}": _one(), "/switches": _switches()}


def _all() -> dict[str, Any]:
    experiments = answer("ExperimentListAnswer", "The experiments, those of Redis first.")
    return {
        "get": _operation(
            "experiments", "All experiments, wherever they are defined", answers={200: experiments}
        ),
        "put": _operation(
            "replace_experiments",
            "Replace all experiments in Redis by a payload of GrowthBook's",
            "Refused as a whole if anything is wrong with it. Switches stay as they are, and what was stopped and is still "
            "defined stays stopped.",
            answers={200: experiments},
            body={"required": True, "content": {"application/json": {"schema": _PAYLOAD}}},
            problems=(409, *_BODY_PROBLEMS),
        ),
    }


def _one() -> dict[str, Any]:
    changed = answer("ChangedExperimentAnswer", "The experiment as it is now.")
    return {
        "parameters": [_ID],
        "put": _operation(
            "define_experiment",
            "Define an experiment, and start it unless it is to be `stopped`",
            "One that exists is defined anew; its buckets stay where they are. In effect in every worker within a second. "
            "Unknown fields are refused.",
            answers={200: changed, 201: answer("ChangedExperimentAnswer", "The experiment is a new one.")},
            body=json_body("ExperimentDefinition"),
            problems=(409, *_BODY_PROBLEMS),
        ),
        "patch": _operation(
            "change_experiment",
            "Stop or start an experiment, or change its shares",
            "Those of the file or GrowthBook can be stopped and started too. Whoever holds a variation keeps it.",
            answers={200: changed},
            body=json_body("ExperimentChange"),
            problems=(404, 409, *_BODY_PROBLEMS),
        ),
        "delete": _operation(
            "remove_experiment",
            "Remove an experiment that Redis defines; its feature goes with its last rule",
            answers={200: answer("RemovedExperimentAnswer", "It is gone.")},
            problems=(404, 409, 422),
        ),
    }


def _switches() -> dict[str, Any]:
    switches = answer("SwitchesAnswer", "Which decisions are made.")
    return {
        "get": _operation("switches", "Which decisions are made", answers={200: switches}, problems=(409,)),
        "patch": _operation(
            "switch",
            "Switch decisions off for everybody, or on again",
            "Off: no size, the full-price homepage, no recommendations. What is not named stays. Unknown names are refused.",
            answers={200: switches},
            body=json_body("SwitchChange"),
            problems=(409, *_BODY_PROBLEMS),
        ),
    }


def _operation(
    operation_id: str,
    summary: str,
    description: str | None = None,
    *,
    answers: dict[int, Any],
    body: dict[str, Any] | None = None,
    problems: Iterable[int] = (409,),
) -> dict[str, Any]:
    described = operation(
        operation_id,
        summary,
        description,
        answers=answers,
        body=body,
        server=True,
        problems=(401, 403, 405, 503, *problems),
    )
    described["responses"]["409"]["description"] = _CONFLICT
    return described
