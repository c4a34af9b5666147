"""The table of exposed visitors, and the plan it is read with: mistakes are named, not averaged away."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from recommender.experiments.analysis.metrics import METRICS, Direction, Metric, MetricKind, Unit
from recommender.experiments.analysis.plan import AnalysisPlan, Phase, PlanError, check_primary
from recommender.experiments.analysis.visitors import ExposedVisitors, VisitorsError
from tests.recommender.experiments.exposed import exposed


def arrow() -> pa.Table:
    """Return two visitors as an archive would give them."""
    return pa.table(
        {
            "variation": pa.array(["promo", "full_price"]).dictionary_encode(),
            "exposed_at": pa.array([datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, 12, tzinfo=UTC)]),
            "propensity": [0.5, 0.5],
            "known": [True, False],
            "orders": pa.array([1, 0], pa.int32()),
            "prior_orders": pa.array([3, None], pa.int32()),
        }
    )


def test_a_table_is_read_from_arrow() -> None:
    """Names become codes, timestamps seconds, and what was before is told from what came after."""
    visitors = ExposedVisitors.from_arrow(arrow(), "homepage", ["full_price", "promo"])
    visitors.check()
    assert visitors.variation.tolist() == [1, 0]
    assert visitors.exposed_at.tolist() == [1_767_225_600.0, 1_767_355_200.0]
    assert visitors.outcomes["orders"].tolist() == [1.0, 0.0]
    assert list(visitors.priors) == ["prior_orders"]
    assert np.isnan(visitors.priors["prior_orders"][1])
    assert visitors.counts().tolist() == [1, 1]


def test_an_arrow_table_that_lacks_something_is_refused() -> None:
    """The message names the column, or the variation that nobody declared."""
    with pytest.raises(VisitorsError, match="no column propensity"):
        ExposedVisitors.from_arrow(arrow().drop_columns("propensity"), "homepage", ["full_price", "promo"])
    with pytest.raises(VisitorsError, match="'promo' is none of full_price, sale"):
        ExposedVisitors.from_arrow(arrow(), "homepage", ["full_price", "sale"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"propensity": np.array([0.5, 0.0])}, "propensity must hold above 0 and up to 1; row 1"),
        ({"variation": np.array([0, 2], dtype=np.int16)}, "variation must hold a code under 2; row 1"),
        ({"outcomes": {"revenue": np.array([np.nan, 1.0])}}, "revenue must hold a number; row 0"),
        ({"outcomes": {"revenue": np.array([1.0])}}, "revenue has 1 rows for 2 visitors"),
        (
            {"priors": {"prior_orders": np.array([0.0, np.nan])}, "known": np.array([False, True])},
            "prior_orders must hold a number for a known visitor; row 1",
        ),
    ],
)
def test_a_wrong_value_is_named(change: dict[str, Any], message: str) -> None:
    """Column, rule and first row: a wrong number must not become a wrong verdict."""
    with pytest.raises(VisitorsError, match=message):
        replace(exposed([0, 1], revenue=np.ones(2)), **change).check()


def test_equal_propensities_need_no_weights() -> None:
    """Unequal shares of the variations are no reason; a change on the way is."""
    codes = np.array([0, 0, 1, 1])
    assert exposed(codes, propensity=np.array([0.9, 0.9, 0.1, 0.1])).weights() is None
    weights = exposed(codes, propensity=np.array([0.9, 0.5, 0.1, 0.5])).weights()
    assert weights is not None
    assert weights.tolist() == pytest.approx([1 / 0.9, 2.0, 10.0, 2.0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"phases": ()}, "no weights"),
        ({"phases": (Phase(0.0, (1.0, -1.0)),)}, "0 or more"),
        ({"phases": (Phase(0.0, (0.0, 0.0)),)}, "not all 0"),
        ({"phases": (Phase(9.0, (1.0, 1.0)), Phase(1.0, (1.0, 1.0)))}, "oldest first"),
        ({"level": 1.0}, "level"),
        ({"power": 0.2}, "power"),
        ({"minimum_effect": 0.0}, "minimum_effect"),
        ({"planned_visitors": 1}, "planned_visitors"),
        ({"window_seconds": -1.0}, "window_seconds"),
        ({"winsorize_quantile": 0.3}, "winsorize_quantile"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(change: dict[str, Any], message: str) -> None:
    """The message names the setting."""
    settings: dict[str, Any] = {"control": "control", "phases": (Phase(0.0, (1.0, 1.0)),), **change}
    with pytest.raises(PlanError, match=message):
        AnalysisPlan(**settings)


def test_a_plan_must_fit_the_experiment() -> None:
    """A control that is no variation, weights for another number, a metric that does not exist."""
    plan = AnalysisPlan("control", (Phase(0.0, (1.0, 1.0)),), primary="profit")
    assert plan.control_code(["promo", "control"]) == 1
    with pytest.raises(PlanError, match="'control' is none of the variations: a, b"):
        plan.control_code(["a", "b"])
    with pytest.raises(PlanError, match="2 weights for 3 variations"):
        plan.control_code(["control", "b", "c"])
    with pytest.raises(PlanError, match=r"no metric 'profit'; there are conversion, .*return_rate"):
        check_primary(plan)


def test_every_metric_is_declared_soundly() -> None:
    """Names are keys, labels are words, and covariates were known before the exposure."""
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.label == metric.label.lower()
        assert all(column.startswith("prior_") for column in metric.covariates)
        assert metric.numerator in metric.needs


@pytest.mark.parametrize(
    ("kind", "denominator", "covariates"),
    [
        (MetricKind.RATIO, None, ()),
        (MetricKind.MEAN, "orders", ()),
        (MetricKind.RATIO, "orders", ("prior_orders",)),
    ],
)
def test_a_metric_that_contradicts_itself_is_refused(
    kind: MetricKind, denominator: str | None, covariates: tuple[str, ...]
) -> None:
    """A ratio needs a denominator, nothing else may have one, and covariates adjust means only."""
    with pytest.raises(ValueError, match="metric odd"):
        Metric("odd", "odd", kind, Unit.COUNT, Direction.UP, "orders", denominator, covariates)
