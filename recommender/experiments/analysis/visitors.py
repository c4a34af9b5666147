"""The table that an analysis reads: one row for each visitor who was exposed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PRIOR: Final = "prior_"
"""Columns whose name starts like this were known before the exposure."""

_OWN_COLUMNS: Final = frozenset({"variation", "exposed_at", "propensity", "known"})


class VisitorsError(ValueError):
    """The table cannot be analyzed; the message names the column, the first wrong row and what it should hold."""


@dataclass(frozen=True, slots=True, eq=False)
class ExposedVisitors:
    """Exposed visitors of one experiment, one row each, in any order.

    Attributes:
        experiment: its key.
        variations: name of each variation code.
        variation: int16 ``[visitors]``, codes into ``variations``.
        exposed_at: float64 ``[visitors]``, Unix seconds of the first exposure.
        propensity: float64 ``[visitors]``, probability (0 to 1) with which somebody who is in the experiment got
            the variation that this visitor got, when they got it.
        known: bool ``[visitors]``, whether the visitor was seen before the experiment, so has a pre-period.
        outcomes: float64 ``[visitors]`` by column: what happened after the exposure and within the conversion
            window. Columns are those that :class:`~recommender.experiments.analysis.metrics.Metric` names.
        priors: float64 ``[visitors]`` by column: what happened before the exposure; ignored where not ``known``.
    """

    experiment: str
    variations: tuple[str, ...]
    variation: NDArray[np.int16]
    exposed_at: Floats
    propensity: Floats
    known: NDArray[np.bool_]
    outcomes: Mapping[str, Floats] = field(default_factory=dict)
    priors: Mapping[str, Floats] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of visitors."""
        return int(self.variation.size)

    @classmethod
    def from_arrow(cls, table: pa.Table, experiment: str, variations: Sequence[str]) -> Self:
        """Return the visitors of an Arrow table.

        Args:
            table: columns ``variation`` (its name), ``exposed_at`` (seconds or a timestamp), ``propensity``,
                ``known``; every other column is an outcome, or a prior where its name starts with ``prior_``.
            experiment: its key.
            variations: names in the order of their codes.

        Raises:
            VisitorsError: a column is missing or a variation has no place in ``variations``.
        """
        missing = _OWN_COLUMNS - set(table.column_names)
        if missing:
            raise VisitorsError(f"{experiment}: the table has no column {', '.join(sorted(missing))}")
        codes = pc.index_in(
            table["variation"].cast(pa.string()), value_set=pa.array(variations, type=pa.string())
        )
        if codes.null_count:
            strange = pc.unique(pc.filter(table["variation"], pc.is_null(codes))).to_pylist()
            raise VisitorsError(f"{experiment}: variation {strange[0]!r} is none of {', '.join(variations)}")
        exposed_at = table["exposed_at"]
        if pa.types.is_timestamp(exposed_at.type):
            exposed_at = pc.divide(
                exposed_at.cast(pa.timestamp("us")).cast(pa.int64()).cast(pa.float64()), 1e6
            )
        others = [name for name in table.column_names if name not in _OWN_COLUMNS]
        columns = {name: _floats(table[name]) for name in others}
        return cls(
            experiment,
            tuple(variations),
            codes.to_numpy().astype(np.int16),
            _floats(exposed_at),
            _floats(table["propensity"]),
            table["known"].to_numpy().astype(np.bool_),
            {name: values for name, values in columns.items() if not name.startswith(PRIOR)},
            {name: values for name, values in columns.items() if name.startswith(PRIOR)},
        )

    def check(self) -> None:
        """Refuse what would make a report wrong without anybody noticing.

        Raises:
            VisitorsError: columns differ in length, a variation has no name, a number is missing or infinite, or
                a propensity is not above 0 and up to 1.
        """
        columns = {"exposed_at": self.exposed_at, "propensity": self.propensity, **self.outcomes}
        for name, values in {**columns, **self.priors, "known": self.known}.items():
            if values.shape != self.variation.shape:
                raise VisitorsError(
                    f"{self.experiment}: column {name} has {values.size} rows for {len(self)} visitors"
                )
        for name, values in columns.items():
            self._refuse(name, ~np.isfinite(values), "a number")
        for name, values in self.priors.items():
            self._refuse(name, self.known & ~np.isfinite(values), "a number for a known visitor")
        self._refuse("propensity", (self.propensity <= 0) | (self.propensity > 1), "above 0 and up to 1")
        outside = (self.variation < 0) | (self.variation >= len(self.variations))
        self._refuse("variation", outside, f"a code under {len(self.variations)}")

    def take(self, rows: NDArray[np.bool_] | NDArray[np.integer] | slice) -> Self:
        """Return the given rows."""
        return replace(
            self,
            variation=self.variation[rows],
            exposed_at=self.exposed_at[rows],
            propensity=self.propensity[rows],
            known=self.known[rows],
            outcomes={name: values[rows] for name, values in self.outcomes.items()},
            priors={name: values[rows] for name, values in self.priors.items()},
        )

    def counts(self) -> NDArray[np.int64]:
        """Return int64 ``[variations]``, the visitors of each."""
        return np.bincount(self.variation, minlength=len(self.variations)).astype(np.int64)

    def weights(self) -> Floats | None:
        """Return float64 ``[visitors]``, 1 / propensity, or None where every visitor of a variation had the same.

        Once weights were changed, early and late visitors are mixed differently in each variation, and a plain
        difference would also compare early with late.
        """
        least = np.full(len(self.variations), np.inf)
        most = np.zeros(len(self.variations))
        np.minimum.at(least, self.variation, self.propensity)
        np.maximum.at(most, self.variation, self.propensity)
        seen = most > 0
        return None if np.allclose(least[seen], most[seen], rtol=1e-9) else 1.0 / self.propensity

    def _refuse(self, name: str, wrong: NDArray[np.bool_], expected: str) -> None:
        if np.any(wrong):
            row = int(np.argmax(wrong))
            raise VisitorsError(f"{self.experiment}: column {name} must hold {expected}; row {row} does not")


def _floats(column: Any) -> Floats:
    """Return an Arrow column as float64; a missing value is NaN."""
    values = column.cast(pa.float64()).to_numpy()
    return np.asarray(values, dtype=np.float64)
