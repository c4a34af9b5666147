"""Sessions as one sparse structure: what training and evaluation of recommendations read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

SESSION_GAP_SECONDS = 1800.0
"""Pause that ends a session: half an hour, as web analytics counts."""


@dataclass(frozen=True, slots=True, eq=False)
class Sessions:
    """Sessions in time order, each a run of item rows, in compressed sparse row form.

    Attributes:
        indptr: int64 ``[sessions + 1]``; session ``s`` is ``items[indptr[s]:indptr[s + 1]]``.
        items: int32 ``[clicks]``, item rows below ``item_count``, oldest first within a session.
        item_count: number of item rows of the model, also of items never clicked.
        weights: float32 ``[clicks]``, event weight times time decay of each click, not negative; None counts
            each as 1.
        visitors: int32 ``[sessions]``, whose session it is, for sources that look at whole histories;
            None makes each session its own visitor.
    """

    indptr: NDArray[np.int64]
    items: NDArray[np.int32]
    item_count: int
    weights: NDArray[np.float32] | None = None
    visitors: NDArray[np.int32] | None = None

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together.

        Raises:
            ValueError: lengths disagree or an item row is outside ``[0, item_count)``.
        """
        if self.indptr.size == 0 or int(self.indptr[0]) != 0 or int(self.indptr[-1]) != self.items.size:
            raise ValueError(f"indptr must run from 0 to the {self.items.size} clicks")
        if self.items.size and not 0 <= int(self.items.min()) <= int(self.items.max()) < self.item_count:
            raise ValueError(f"item rows must lie in [0, {self.item_count})")
        if self.weights is not None and self.weights.size != self.items.size:
            raise ValueError(f"{self.weights.size} weights for {self.items.size} clicks")
        if self.visitors is not None and self.visitors.size != len(self):
            raise ValueError(f"{self.visitors.size} visitors for {len(self)} sessions")

    @classmethod
    def of(cls, sequences: Iterable[Sequence[int]], item_count: int) -> Self:
        """Return sessions from lists of item rows, oldest session first."""
        rows = [np.asarray(sequence, dtype=np.int32) for sequence in sequences]
        indptr = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum([row.size for row in rows], out=indptr[1:])
        items = np.concatenate(rows) if rows else np.empty(0, dtype=np.int32)
        return cls(indptr, items, item_count)

    @classmethod
    def from_clicks(
        cls,
        visitors: NDArray[np.int32],
        items: NDArray[np.int32],
        timestamps: NDArray[np.float64],
        *,
        item_count: int,
        weights: NDArray[np.float32] | None = None,
        gap_seconds: float = SESSION_GAP_SECONDS,
    ) -> Self:
        """Cut clicks into sessions wherever a visitor pauses for longer than ``gap_seconds``.

        Args:
            visitors: int32 ``[clicks]`` visitor codes, in any order.
            items: int32 ``[clicks]`` item rows.
            timestamps: float64 ``[clicks]``, Unix seconds.
            item_count: number of item rows of the model.
            weights: float32 ``[clicks]``, event weight times time decay.
            gap_seconds: longest pause inside a session; ``math.inf`` makes a visitor's history one
                session, which suits rentals and orders.

        Returns:
            Sessions in the order of their last click.
        """
        order = np.lexsort((np.arange(items.size), timestamps, visitors))
        who, when = visitors[order], timestamps[order]
        starts = np.ones(items.size, dtype=bool)
        starts[1:] = (who[1:] != who[:-1]) | (np.diff(when) > gap_seconds)
        first = np.flatnonzero(starts).astype(np.int64)
        session = cls(
            np.append(first, items.size),
            items[order].astype(np.int32),
            item_count,
            None if weights is None else weights[order].astype(np.float32),
            who[first].astype(np.int32),
        )
        ends = session.indptr[1:] - 1
        return session.take(np.argsort(when[ends], kind="stable"))

    def __len__(self) -> int:
        """Return the number of sessions."""
        return int(self.indptr.size) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Clicks of each session, int64 ``[sessions]``."""
        return np.diff(self.indptr)

    @property
    def session_of_click(self) -> NDArray[np.int64]:
        """Index of the session of each click, int64 ``[clicks]``."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @property
    def click_weights(self) -> NDArray[np.float32]:
        """Weight of each click, ones where none were given, float32 ``[clicks]``."""
        return np.ones(self.items.size, dtype=np.float32) if self.weights is None else self.weights

    def item_weights(self) -> NDArray[np.float64]:
        """Return each item's summed click weight, float64 ``[item_count]``."""
        sums = np.bincount(self.items, weights=self.click_weights, minlength=self.item_count)
        return sums.astype(np.float64)

    def take(self, sessions: NDArray[np.integer]) -> Self:
        """Return the given sessions in the given order."""
        lengths = self.lengths[sessions]
        indptr = np.zeros(lengths.size + 1, dtype=np.int64)
        np.cumsum(lengths, out=indptr[1:])
        clicks = np.arange(indptr[-1]) + np.repeat(self.indptr[sessions] - indptr[:-1], lengths)
        return replace(
            self,
            indptr=indptr,
            items=self.items[clicks],
            weights=None if self.weights is None else self.weights[clicks],
            visitors=None if self.visitors is None else self.visitors[sessions],
        )

    def split_newest(self, share: float) -> tuple[Self, Self]:
        """Return (the older sessions, the newest ``share`` of them)."""
        cut = len(self) - round(len(self) * share)
        return self.take(np.arange(cut)), self.take(np.arange(cut, len(self)))

    def sequences(self) -> list[list[int]]:
        """Return the sessions as lists of item rows."""
        flat = self.items.tolist()
        bounds = self.indptr.tolist()
        return [flat[start:end] for start, end in pairwise(bounds)]


def repeat_rates(sessions: Sessions, lags: int) -> NDArray[np.float64]:
    """Return how often a click repeats the item clicked 1, 2, … ``lags`` clicks before, float64 ``[lags]``."""
    of_session, items = sessions.session_of_click, sessions.items
    rates = np.zeros(lags)
    for lag in range(1, min(lags, items.size - 1) + 1):
        together = of_session[:-lag] == of_session[lag:]
        if not together.any():
            break
        rates[lag - 1] = float(np.mean(items[:-lag][together] == items[lag:][together]))
    return rates
