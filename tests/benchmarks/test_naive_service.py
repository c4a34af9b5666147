"""The naive service, which the benchmarks hold Kabin against, does the work that is asked of both."""

from functools import partial
from pathlib import Path

import pytest

from tests.benchmarks.hot_path.answers import check
from tests.benchmarks.hot_path.load import Load, run
from tests.benchmarks.hot_path.servers import bring_histories, naive_process, redis_process
from tests.benchmarks.hot_path.shop import ReferenceShop


@pytest.mark.slow
def test_the_naive_service_answers_the_reference_request(tmp_path: Path) -> None:
    """Size, twelve recommendations, three experiments, and the event kept: for known visitors with signed tokens."""
    shop = ReferenceShop(items=1000, visitors=3)
    with (
        redis_process(tmp_path / "redis") as redis,
        naive_process(tmp_path / "naive", redis, shop) as service,
    ):
        bring_histories(service, shop)
        outcome = run(Load(service.port, partial(shop.requests, 10, stream=1), 100.0))
    check(service.name, outcome)
