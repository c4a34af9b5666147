"""On real sessions, Spark's factorisation recommends as well as one machine's: what the README claims."""

from pathlib import Path
from typing import Any

import psutil
import pytest

from recommender.recommendations.als import fit_item_factors
from recommender.recommendations.replay import Hits
from recommender.spark import SparkFactoriser
from tests.benchmarks.spark_quality import READERS, TimedFactorise, newest_share, run_engine

POINT = 0.01


@pytest.mark.proof
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.parametrize(("dataset", "share"), [("yoochoose", 1.0), ("diginetica", 0.2)])
def test_the_hit_rate_is_within_a_point_of_one_machines(
    spark: Any, data_dir: Path, dataset: str, share: float
) -> None:
    """The published blend is within a point on either side; ALS alone is not behind by more, and may be ahead."""
    split = newest_share(READERS[dataset](data_dir), share)
    implicit = run_engine(split, TimedFactorise(fit_item_factors, psutil.Process))
    by_spark = run_engine(split, TimedFactorise(SparkFactoriser(spark), psutil.Process))
    rates = {
        name: (Hits.of(by_spark.ranks[name]).hit_rate, Hits.of(implicit.ranks[name]).hit_rate)
        for name in ("als", "blend")
    }
    assert abs(rates["blend"][0] - rates["blend"][1]) < POINT, rates
    assert rates["als"][0] > rates["als"][1] - POINT, rates
