"""Proof that reports can be trusted: thousands of simulated experiments, and a real one.

``python -m tests.data.experiment_proof`` prints how often each interval was wrong under daily peeking, what CUPED
saves, how often the split test cries wolf, whether policy values are recovered, and the report on Cookie Cats.
"""

import argparse
import math
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
from numpy.typing import NDArray
from scipy.special import ndtr
from threadpoolctl import threadpool_limits

from recommender.evaluation.report import ReportTable
from recommender.experiments.analysis.always_valid import always_valid_critical, mixture_variance
from recommender.experiments.analysis.comparison import compare_variations
from recommender.experiments.analysis.days import compare_by_day
from recommender.experiments.analysis.metrics import Direction, Metric, MetricKind, Unit
from recommender.experiments.analysis.plan import AnalysisPlan, Phase
from recommender.experiments.analysis.policies import policy_values
from recommender.experiments.analysis.report import ExperimentReport, analyze_experiment
from recommender.experiments.analysis.split import ALARM, split_test
from recommender.experiments.analysis.visitors import ExposedVisitors
from service.cli.output import print_report
from tests.data.simulated_experiment import (
    DAYS,
    REVENUE,
    SimulatedShop,
    simulated_decisions,
    true_policy_value,
)

ALPHA: Final = 0.05
LIFT: Final = 0.05
RETENTION: Final = tuple(
    Metric(
        f"retention_{days}", f"{days}-day retention", MetricKind.PROPORTION, Unit.SHARE, Direction.UP, column
    )
    for days, column in ((1, "retention_1"), (7, "retention_7"))
)
Boundary = Callable[[NDArray[np.float64]], NDArray[np.float64]]
POLICIES: Final = {"always full_price": (0, 0, 0), "always promo": (1, 1, 1), "personalized": (0, 0, 1)}


@dataclass(frozen=True, slots=True)
class Looks:
    """Daily looks at simulated experiments, each array ``[experiments, days]``.

    Attributes:
        error: estimate minus truth, in standard errors.
        visitors: compared so far.
        standard_error: of the difference, in money.
    """

    error: NDArray[np.float64]
    visitors: NDArray[np.float64]
    standard_error: NDArray[np.float64]

    def ever_beyond(self, critical: Boundary, least: float) -> float:
        """Return the share of experiments beyond a boundary on any day; it starts at ``least`` visitors."""
        return float(np.mean(np.any(np.abs(self.error) > critical(np.maximum(self.visitors, least)), axis=1)))


@dataclass(frozen=True, slots=True)
class Errors:
    """How often intervals did not hold the truth; shares of experiments.

    Attributes:
        experiments: simulated.
        once: the interval for one look, at the end.
        once_relative: the same for the relative difference (Fieller).
        once_peeking: the interval for one look, on any of the days: what peeking does to it.
        always: the always-valid interval, on any of the days.
        always_relative: the same for the relative difference.
        found_once: experiments in which the interval for one look excluded zero at the end.
        found_always: experiments in which the always-valid one did on any day.
        variance_kept: median of the adjusted variance over the unadjusted one.
        looks: every look.
    """

    experiments: int
    once: float
    once_relative: float
    once_peeking: float
    always: float
    always_relative: float
    found_once: float
    found_always: float
    variance_kept: float
    looks: Looks


def measure_errors(shop: SimulatedShop, experiments: int, seed: int) -> Errors:
    """Run experiments, look at each on every day, and count the intervals that miss the truth."""
    # Products of small matrices are slower on several threads, the more so on a busy machine.
    with threadpool_limits(1):
        return _measure_errors(shop, experiments, seed)


def _measure_errors(shop: SimulatedShop, experiments: int, seed: int) -> Errors:
    plan, truth = shop.plan(), shop.true_difference
    rng = np.random.default_rng(seed)
    wrong: dict[str, list[bool]] = {name: [] for name in _COUNTED}
    kept, errors, sizes, noise = [], [], [], []
    for _ in range(experiments):
        run = shop.run(rng)
        points = compare_by_day(REVENUE, run, plan)
        looks = [(point.visitors, point.differences["treatment"]) for point in points]
        last = looks[-1][1]
        whole = compare_variations(REVENUE, run, plan).comparisons[0]
        kept.append(whole.variance_kept or 1.0)
        reach = [always_valid_critical(n, mixture_variance(shop.visitors, ALPHA), ALPHA) for n, _ in looks]
        error = [
            (d.always_absolute.high - d.always_absolute.estimate) / c
            for (_, d), c in zip(looks, reach, strict=True)
        ]
        noise.append(error)
        sizes.append([n for n, _ in looks])
        errors.append([(d.absolute.estimate - truth) / e for (_, d), e in zip(looks, error, strict=True)])
        verdicts = {
            "once": not last.absolute.covers(truth),
            "once_relative": last.relative is not None and not last.relative.covers(shop.lift),
            "once_peeking": any(not d.absolute.covers(truth) for _, d in looks),
            "always": any(not d.always_absolute.covers(truth) for _, d in looks),
            "always_relative": any(
                d.always_relative is not None and not d.always_relative.covers(shop.lift) for _, d in looks
            ),
            "found_once": last.absolute.excludes_zero,
            "found_always": any(d.always_absolute.excludes_zero for _, d in looks),
        }
        for name, value in verdicts.items():
            wrong[name].append(value)
    looks_at = Looks(np.array(errors), np.array(sizes, dtype=np.float64), np.array(noise))
    shares = {name: float(np.mean(values)) for name, values in wrong.items()}
    return Errors(experiments, variance_kept=float(np.median(kept)), looks=looks_at, **shares)


_COUNTED: Final = (
    "once", "once_relative", "once_peeking", "always", "always_relative", "found_once", "found_always",
)  # fmt: skip


def split_alarms(experiments: int, visitors: int, seed: int) -> tuple[float, float]:
    """Return the share of sound experiments that the split test stops: at the end, and on any of the days."""
    rng = np.random.default_rng(seed)
    daily = rng.binomial(visitors // DAYS, 0.5, (experiments, DAYS)).cumsum(axis=1)
    seen = visitors // DAYS * np.arange(1, DAYS + 1)
    # The day that is furthest off in standard errors has the smallest p-value.
    worst = np.argmax((2 * daily - seen) ** 2 / seen, axis=1)
    last = [_stopped(one, int(seen[-1])) for one in daily[:, -1].tolist()]
    ever = [_stopped(int(daily[row, day]), int(seen[day])) for row, day in enumerate(worst.tolist())]
    return float(np.mean(last)), float(np.mean(ever))


def _stopped(first: int, both: int) -> bool:
    return split_test(np.array([[first, both - first]]), np.array([[1.0, 1.0]])).p_value < ALARM


def boundary_rows(shop: SimulatedShop, looks: Looks) -> list[tuple[str, ...]]:
    """Compare always-valid boundaries on the same looks: error, and width against one look on four days."""
    n, noise = shop.visitors, float(np.median(looks.standard_error[:, -1]))
    sd = noise * math.sqrt(n)  # of one visitor's contribution to the difference
    planned = mixture_variance(n, ALPHA)
    effect = 0.05 * replace(shop, lift=1.0).true_difference
    started = n / DAYS
    boundaries: dict[str, Boundary] = {
        "confidence sequence, ρ² from planned visitors": lambda t: _mixture(t, planned),
        "the same, planned for ten times as many": lambda t: _mixture(t, planned / 10),
        "the same, planned for a tenth": lambda t: _mixture(t, planned * 10),
        "mixture SPRT, τ = an effect of 5 %": lambda t: _mixture(t, (effect / sd) ** 2),
        "delayed start, from the first day": lambda t: np.sqrt(_delayed_start() ** 2 + np.log(t / started)),
    }
    rows = []
    for name, critical in boundaries.items():
        widths = [float(critical(np.array([n * share]))[0]) / 1.96 for share in (1 / DAYS, 0.25, 0.5, 1.0)]
        # A boundary that starts after the first day has come is not defined a few visitors earlier.
        ever = looks.ever_beyond(critical, started)
        rows.append((name, f"{ever:.2%}", *(f"{width:.2f} ×" for width in widths)))
    return rows


def _mixture(visitors: NDArray[np.float64], variance: float) -> NDArray[np.float64]:
    scaled = visitors * variance
    return np.asarray(
        np.sqrt((scaled + 1) / scaled * (np.log1p(scaled) - 2 * math.log(ALPHA))), dtype=np.float64
    )


def _delayed_start() -> float:
    """Return a with 2·(1 − Φ(a) + a·φ(a)) = α: Robbins and Siegmund 1970, boundary √(t·(a² + log(t/m))) from m on."""
    low, high = 1.0, 6.0
    for _ in range(60):
        a = (low + high) / 2
        exceeded = 2 * (1 - float(ndtr(a)) + a * math.exp(-a * a / 2) / math.sqrt(2 * math.pi))
        low, high = (a, high) if exceeded > ALPHA else (low, a)
    return low


@dataclass(frozen=True, slots=True)
class PolicyErrors:
    """How one policy's estimates did: shares of runs whose interval missed the truth, mean and spread of estimates."""

    truth: float
    snips: float
    doubly_robust: float
    gain: float | None
    snips_mean: float
    doubly_robust_mean: float
    snips_width: float
    doubly_robust_width: float
    effective_decisions: float


def measure_policies(runs: int, visitors: int, seed: int) -> dict[str, PolicyErrors]:
    """Estimate the policies' values from many randomized slices and compare with the truth."""
    rng = np.random.default_rng(seed)
    truths = {name: true_policy_value(choice) for name, choice in POLICIES.items()}
    baseline = "always full_price"
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in POLICIES}
    for _ in range(runs):
        logged = simulated_decisions(visitors, rng)
        policies = {
            name: logged.choosing(np.array(choice)[logged.segment]) for name, choice in POLICIES.items()
        }
        for value in policy_values(logged, policies, baseline=baseline):
            truth, snips, robust = truths[value.policy], value.snips, value.doubly_robust
            assert snips is not None
            gained = value.gain is None or value.gain.covers(truth - truths[baseline])
            found[value.policy].append(
                (
                    float(not snips.covers(truth)),
                    float(not robust.covers(truth)),
                    float(not gained),
                    snips.estimate,
                    robust.estimate,
                    snips.high - snips.low,
                    robust.high - robust.low,
                    value.effective_decisions,
                )
            )
    results = {}
    for name, rows in found.items():
        means = np.mean(rows, axis=0).tolist()
        gain = None if name == baseline else means[2]
        results[name] = PolicyErrors(truths[name], means[0], means[1], gain, *means[3:])
    return results


def read_cookie_cats(path: Path) -> ExposedVisitors:
    """Return the players of Cookie Cats; the file has no times and no history."""
    table = pcsv.read_csv(path)
    n = table.num_rows
    columns = {
        "variation": table["version"],
        "exposed_at": pa.array(np.zeros(n)),
        "propensity": pa.array(np.full(n, 0.5)),
        "known": pa.array(np.zeros(n, dtype=bool)),
        "retention_1": pc.cast(table["retention_1"], pa.float64()),
        "retention_7": pc.cast(table["retention_7"], pa.float64()),
    }
    return ExposedVisitors.from_arrow(pa.table(columns), "cookie_cats", ("gate_30", "gate_40"))


def report_on_cookie_cats(path: Path) -> ExperimentReport:
    """Read the experiment as if it had been planned for the players it got."""
    players = read_cookie_cats(path)
    plan = AnalysisPlan(
        "gate_30",
        (Phase(0.0, (0.5, 0.5)),),
        primary="retention_7",
        planned_visitors=len(players),
        window_seconds=0.0,
    )
    return analyze_experiment(players, plan, now=0.0, metrics=RETENTION)


@dataclass(frozen=True, slots=True)
class ProofPart:
    """One table of the proof, as a report that the command line can print."""

    table: ReportTable

    def as_json(self) -> dict[str, object]:
        """Return the rows by column."""
        return {"rows": [dict(zip(self.table.columns, row, strict=True)) for row in self.table.rows]}

    def tables(self) -> tuple[ReportTable, ...]:
        """Return the table."""
        return (self.table,)


def proof_tables(experiments: int, runs: int) -> Iterable[ReportTable]:
    """Yield the tables of the proof, each when it is done."""
    shop = SimulatedShop()
    null = measure_errors(shop, experiments, seed=1)
    lifted = measure_errors(replace(shop, lift=LIFT), experiments, seed=2)
    labels = {
        "once": "interval for one look, at the end, misses the truth",
        "once_relative": "the same, relative (Fieller)",
        "once_peeking": "interval for one look, looked at daily",
        "always": "always-valid interval, looked at daily",
        "always_relative": "the same, relative",
        "found_once": "zero excluded at the end, one look",
        "found_always": "zero excluded on any day, always valid",
        "variance_kept": "variance after CUPED (median)",
    }
    yield ReportTable(
        f"{experiments:,} simulated experiments each, {shop.visitors:,} visitors, {DAYS} daily looks, simulated data",
        ("", "A/A", f"+{LIFT:.0%}"),
        tuple(
            (label, *(f"{getattr(one, name):.1%}" for one in (null, lifted)))
            for name, label in labels.items()
        ),
    )
    yield ReportTable(
        "Always-valid boundaries on the same A/A looks: error, and width over that of one look at n",
        ("boundary", "ever wrong", "day 1", "n/4", "n/2", "planned n"),
        tuple(boundary_rows(shop, null.looks)),
    )
    splits = 200_000
    last, ever = split_alarms(splits, shop.visitors, seed=3)
    yield ReportTable(
        "Sample-ratio-mismatch test on sound splits",
        ("splits", "stopped at the end", "stopped on any of the days"),
        ((f"{splits:,}", f"{last:.3%}", f"{ever:.3%}"),),
    )
    visitors = 4_000
    rows = tuple(
        (
            name, f"{one.truth:.3f}", f"{one.snips_mean:.3f}", f"{one.doubly_robust_mean:.3f}",
            f"{1 - one.snips:.1%}", f"{1 - one.doubly_robust:.1%}", "-" if one.gain is None else f"{1 - one.gain:.1%}",
            f"{one.doubly_robust_width / one.snips_width:.2f} ×", f"{one.effective_decisions:,.0f}",
        )
        for name, one in measure_policies(runs, visitors, seed=4).items()
    )  # fmt: skip
    yield ReportTable(
        f"Policy values from {runs:,} randomized slices of {visitors:,} visitors, simulated data",
        (
            "policy", "truth", "SNIPS", "DR", "SNIPS covers", "DR covers", "gain covers", "DR width", "effective decisions",
        ),
        rows,
    )  # fmt: skip


def main() -> None:
    """Run the proof and print it."""
    parser = argparse.ArgumentParser(description="How far the reports of experiments can be trusted.")
    parser.add_argument("--experiments", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=2000)
    given = parser.parse_args()
    path = Path(os.environ.get("KABIN_DATA", "../shared/data")) / "cookie_cats.csv.gz"
    if path.is_file():
        print_report(report_on_cookie_cats(path), as_json=False)
    else:
        print(f"Skipped: no file {path} (KABIN_DATA names the folder of the real data sets).")
    for table in proof_tables(given.experiments, given.runs):
        print_report(ProofPart(table), as_json=False)


if __name__ == "__main__":
    main()
