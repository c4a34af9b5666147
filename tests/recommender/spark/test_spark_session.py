"""What a Spark session starts with, and what is said where there can be none."""

import sys

import pytest

from recommender.spark import SparkUnavailable, open_session
from recommender.spark.session import session_conf


def test_a_session_on_this_machine_listens_to_nobody_else() -> None:
    """Without any property all cores are used, with a heap that suits training and an address that is local."""
    conf = session_conf({})
    assert conf["spark.master"] == "local[*]"
    assert conf["spark.driver.bindAddress"] == conf["spark.driver.host"] == "127.0.0.1"
    assert conf["spark.driver.memory"] == "4g"


def test_given_properties_come_first() -> None:
    """Whoever knows how much memory to give is not overruled."""
    assert session_conf({"spark.driver.memory": "9g", "x": "y"}).items() >= {
        ("spark.driver.memory", "9g"),
        ("x", "y"),
        ("spark.driver.bindAddress", "127.0.0.1"),
    }


def test_a_cluster_decides_on_addresses_and_memory_itself() -> None:
    """Executors elsewhere must reach the driver."""
    conf = session_conf({"spark.master": "spark://cluster:7077"})
    assert not {"spark.driver.bindAddress", "spark.driver.host", "spark.driver.memory"} & set(conf)


def test_without_pyspark_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence says what to install."""
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(SparkUnavailable, match=r'pip install "kabin\[spark\]"'), open_session():
        pass
