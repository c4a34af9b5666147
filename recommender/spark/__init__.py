"""Training past one machine: Apache Spark reads the archive and factorises, everything else stays as it is.

Importing this package needs no Spark; using it needs ``pip install "kabin[spark]"`` and Java 17 or newer.
"""

from recommender.spark.factors import SparkFactoriser
from recommender.spark.reading import read_interactions
from recommender.spark.session import SparkError, SparkUnavailable, open_session

__all__ = ["SparkError", "SparkFactoriser", "SparkUnavailable", "open_session", "read_interactions"]
