"""Items' vectors from Spark MLlib's ALS, under the settings of the one-machine ALS.

Both minimise the same (see :mod:`recommender.recommendations.factorisation`), penalties of Zhou et al. (2008) included, with one
difference: MLlib takes the confidence as 1 + alpha × rating, so a rating of ``c − 1`` with alpha 1 is the same.
"""

# ruff: noqa: PLC0415 - pyspark is an extra: only who trains on Spark has it

from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from numpy.typing import NDArray

from recommender.recommendations.als import AlsSettings, OnIteration, scaled_confidence
from recommender.recommendations.sessions import Sessions
from recommender.spark.session import errors_in_words

if TYPE_CHECKING:
    from pyspark.ml.recommendation import ALS
    from pyspark.sql import SparkSession

LEAST_RATING: Final = 1e-3
"""MLlib reads a rating of 0 or less as a dislike: a confidence of at most 1 becomes a hair above it."""

LEAST_BLOCKS: Final = 10
"""MLlib's own default: blocks of visitors and of items, each one task of a half step."""

JOBS_BEFORE: Final = 6
JOBS_OF_ITERATION: Final = 2
"""Spark jobs by which MLlib prepares its blocks, and those of one alternation: one for each side's Gramian."""

POLL_SECONDS: Final = 1.0


class SparkFactoriser:
    """Fits items' vectors on Spark: a :data:`recommender.recommendations.als.Factorise`.

    The same seed gives the same vectors on the same number of cores; ``threads`` of the settings is Spark's business.
    """

    def __init__(self, spark: "SparkSession", *, poll_seconds: float = POLL_SECONDS) -> None:
        self._spark = spark
        self._poll_seconds = poll_seconds

    def __call__(
        self, sessions: Sessions, settings: AlsSettings, on_iteration: OnIteration | None = None
    ) -> NDArray[np.float32]:
        """Factorise the confidence matrix.

        Args:
            sessions: what to learn from.
            settings: hyper-parameters as the one-machine ALS takes them.
            on_iteration: called every second with (alternations done, of); what it raises ends the Spark jobs.

        Returns:
            float32 ``[items, factors]``, zero for items without any interaction.

        Raises:
            SparkError: a job failed.
        """
        from pyspark.ml.recommendation import ALS

        factors = np.zeros((sessions.item_count, settings.factors), dtype=np.float32)
        confidence = scaled_confidence(sessions, settings).tocoo()
        if confidence.nnz == 0:
            return factors
        blocks = max(LEAST_BLOCKS, self._spark.sparkContext.defaultParallelism)
        als = ALS(
            rank=settings.factors,
            maxIter=settings.iterations,
            regParam=settings.regularization,
            implicitPrefs=True,
            alpha=1.0,
            seed=settings.seed,
            numUserBlocks=blocks,
            numItemBlocks=blocks,
            userCol="visitor",
            itemCol="item",
            ratingCol="rating",
        )
        table = self._fitted(als, mllib_ratings(confidence), on_iteration)
        vectors = table.column("features").combine_chunks().flatten().to_numpy()
        factors[table.column("id").to_numpy()] = vectors.reshape(-1, settings.factors)
        return factors

    def _fitted(self, als: "ALS", ratings: pa.Table, on_iteration: OnIteration | None) -> pa.Table:
        """Return columns ``id`` and ``features``, fitted in another thread: this one tells how far it is, and may call it off."""
        context = self._spark.sparkContext
        group, iterations = als.uid, als.getMaxIter()
        tell = on_iteration or _silent

        def fit() -> pa.Table:
            context.setJobGroup(group, "ALS")
            with errors_in_words("factorising"):
                return als.fit(self._spark.createDataFrame(ratings)).itemFactors.toArrow()

        with ThreadPoolExecutor(max_workers=1) as pool:
            fitting = pool.submit(fit)
            try:
                while wait([fitting], timeout=self._poll_seconds).not_done:
                    with errors_in_words("factorising"):
                        jobs = len(context.statusTracker().getJobIdsForGroup(group))
                    tell(iterations_over(jobs, iterations), iterations)
            except BaseException:
                with errors_in_words("calling off the factorisation"):
                    context.cancelJobGroup(group)
                raise
        factors = fitting.result()
        tell(iterations, iterations)
        return factors


def iterations_over(jobs: int, iterations: int) -> int:
    """Return how many alternations are over at least, by the number of Spark jobs begun; below ``iterations``."""
    return min(max(0, (jobs - JOBS_BEFORE - 1) // JOBS_OF_ITERATION), iterations - 1)


def mllib_ratings(confidence: sp.coo_matrix) -> pa.Table:
    """Return what MLlib learns these confidences from: columns ``visitor``, ``item`` (int32) and ``rating`` (float32)."""
    ratings = np.maximum(confidence.data - 1, np.float32(LEAST_RATING))
    columns = {"visitor": confidence.row, "item": confidence.col}
    return pa.table({**{name: codes.astype(np.int32) for name, codes in columns.items()}, "rating": ratings})


def _silent(_done: int, _of: int) -> None:
    """Tell nobody."""
