"""What assigning a visitor costs: three running experiments together, Kabin's and the ``growthbook`` package's.

    python -m tests.benchmarks.assignment

Kabin's figures are of a request: ``Policy.assign`` reads what sticks from the visitor's state and returns the
treatment and the experiments. One core, one thread, new visitors all the time (nothing is cached from one to the
next). The clock is the process's CPU time; each figure is the mean of a round of visitors, and the best and the
median round are printed. The package is optional (``pip install growthbook``).
"""

import argparse
import base64
import importlib.util
import random
import statistics
import time
from collections.abc import Callable
from typing import Any, Final

from recommender.decisions.policy import compile_policy
from recommender.experiments import compile_features
from recommender.visitor.state import EMPTY_STATE, Exposure, VisitorState, experiment_key_of

Json = dict[str, Any]
Task = Callable[[str, Json], object]

EXPERIMENTS: Final = ("kabin-homepage", "kabin-size", "kabin-recommendations")
BUDGET_US: Final = 20.0


def definitions(version: int) -> Json:
    """Return three running experiments as GrowthBook's payload has them: one with a condition, one in a namespace."""
    rules: list[Json] = [
        {"variations": ["personalized", "full_price", "promo"], "weights": [0.34, 0.33, 0.33]},
        {"variations": [True, False], "condition": {"country": {"$in": ["TR", "DE"]}}},
        {"variations": ["als", "covisit", "blend"], "coverage": 0.9, "namespace": ["slots", 0, 0.9]},
    ]
    return {
        key: {
            "defaultValue": None,
            "rules": [
                {
                    **rule, "key": key, "seed": f"{key}-seed", "hashVersion": version,
                    "meta": [{"key": str(number)} for number, _ in enumerate(rule["variations"])],
                }
            ],
        }
        for key, rule in zip(EXPERIMENTS, rules, strict=True)
    }  # fmt: skip


def visitor_ids(count: int, rng: random.Random) -> list[str]:
    """Return ids as the service issues them: 22 characters of base64."""
    return [base64.urlsafe_b64encode(rng.randbytes(16)).rstrip(b"=").decode() for _ in range(count)]


def kabin(payload: Json, state: VisitorState = EMPTY_STATE, *, learning_traffic: bool = False) -> Task:
    """Return the assignment of all three by Kabin: sticky variations, treatment and all."""
    policy = compile_policy({"features": payload}, learning_traffic=learning_traffic).policy
    return lambda visitor_id, attributes: policy.assign(visitor_id, attributes, state)


def engine(payload: Json) -> Task:
    """Return the evaluation of the features alone."""
    return compile_features({"features": payload}).features.assign


def holding(*others: str) -> VisitorState:
    """Return the state of a visitor who holds a variation of each and of ``others``; five more are over."""
    names = (*EXPERIMENTS, *others, *(f"over-{number}" for number in range(5)))
    return VisitorState(
        exposures=tuple(Exposure(1_763_740_800, 1, experiment_key_of(name)) for name in names),
        last_seen=1_763_740_800,
    )


def package(payload: Json) -> Task:
    """Return the evaluation of all three by the package's client, whose attributes are set for each visitor."""
    from growthbook import GrowthBook

    client = GrowthBook(features=payload)

    def evaluate(visitor_id: str, attributes: Json) -> object:
        client.set_attributes({**attributes, "id": visitor_id})
        return [client.eval_feature(key) for key in EXPERIMENTS]

    return evaluate


def round_us(task: Task, visitors: int, rng: random.Random) -> float:
    """Return the microseconds that each of so many new visitors costs."""
    batch = [
        (visitor_id, {"country": rng.choice(["TR", "DE", "US"])}) for visitor_id in visitor_ids(visitors, rng)
    ]
    started = time.process_time_ns()
    for visitor_id, attributes in batch:
        task(visitor_id, attributes)
    return (time.process_time_ns() - started) / visitors / 1000


def main() -> None:
    """Measure in turns, so that a noisy neighbour hits all alike, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--visitors", type=int, default=2000, help="visitors of a round")
    chosen = parser.parse_args()
    tasks: dict[str, Task] = {}
    for version in (2, 1):
        payload = definitions(version)
        tasks[f"hash version {version}, kabin, new visitor"] = kabin(payload)
        tasks[f"hash version {version}, kabin, holds all three"] = kabin(payload, holding())
        tasks[f"hash version {version}, kabin, learning traffic, new visitor"] = kabin(
            payload, learning_traffic=True
        )
        tasks[f"hash version {version}, kabin, learning traffic, holds all five"] = kabin(
            payload, holding("kabin-holdout", "kabin-random"), learning_traffic=True
        )
        tasks[f"hash version {version}, kabin, the features alone"] = engine(payload)
        if importlib.util.find_spec("growthbook") is not None:
            tasks[f"hash version {version}, growthbook package"] = package(payload)
    measured: dict[str, list[float]] = {name: [] for name in tasks}
    rng = random.Random(7)
    for _ in range(chosen.rounds):
        for name, task in tasks.items():
            measured[name].append(round_us(task, chosen.visitors, rng))
    print(f"{f'{len(EXPERIMENTS)} experiments, budget {BUDGET_US:g} µs':<57}{'best':>8}{'median':>9}")
    for name, rounds in measured.items():
        print(f"{name:<57}{min(rounds):>8.1f}{statistics.median(rounds):>9.1f}")


if __name__ == "__main__":
    main()
