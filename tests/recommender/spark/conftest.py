"""Spark on this machine, for the proofs that need it."""

from collections.abc import Iterator
from typing import Any

import pytest

from recommender.spark import SparkUnavailable, open_session


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """Two cores of Spark; without it the test is skipped, with a word on what is missing."""
    try:
        with open_session({"spark.master": "local[2]", "spark.driver.memory": "3g"}) as session:
            yield session
    except SparkUnavailable as error:
        pytest.skip(str(error))
