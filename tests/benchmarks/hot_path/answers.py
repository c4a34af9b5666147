"""Whether an answer is what the reference request asks for: a benchmark of wrong answers measures nothing."""

import json
from typing import Any

from tests.benchmarks.hot_path.load import Outcome
from tests.benchmarks.hot_path.page_request import LIMIT
from tests.benchmarks.hot_path.shop import EXPERIMENTS


class WrongAnswer(Exception):  # noqa: N818 - what happened
    """An answer is not what was asked for; the message shows it."""


def check(name: str, outcome: Outcome) -> None:
    """Check every answer of a server; the bare route has only to answer.

    Args:
        name: of the server.
        outcome: of a load.

    Raises:
        WrongAnswer: one is wrong, or missing.
    """
    for status, body in zip(outcome.statuses, outcome.bodies, strict=True):
        problem = f"status {status}" if status != 200 else None
        if problem is None and name != "bare":
            problem = problem_of(json.loads(body))
        if problem is not None:
            raise WrongAnswer(f"{name}: {problem}: {body[:2000].decode()}")


def problem_of(answer: dict[str, Any]) -> str | None:
    """Return what is wrong with an answer to the reference request, None if nothing is."""
    if answer["degraded"]:
        return "degraded"
    if answer["events"]["accepted"] != 1:
        return "the event was not accepted"
    if len(answer["recommendations"]) != LIMIT:
        return f"{len(answer['recommendations'])} recommendations"
    if answer["size"]["action"] == "none":
        return "no size"
    if len(answer["experiments"]) != len(EXPERIMENTS):
        return f"{len(answer['experiments'])} experiments"
    return None
