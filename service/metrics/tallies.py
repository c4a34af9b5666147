"""Counts and durations in plain numbers, handed to prometheus_client once a second.

Its own values lock a mutex, and write to a file that all workers map, for every increment: 10 µs a request with one
process and 18 with several, against 2. Durations are only put down: their buckets are found for a second's in a row.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable

from prometheus_client import Counter, Histogram


class SecondsHistogram(Histogram):
    """A histogram that takes many durations at once."""

    def observe_all(self, durations: Iterable[float]) -> None:
        """Add durations in seconds; a bucket includes its upper bound, and the last one has none."""
        ordered = sorted(durations)
        counted = 0
        for bucket, bound in zip(self._buckets, self._upper_bounds, strict=True):
            count = bisect_right(ordered, bound, counted)
            if count > counted:
                bucket.inc(count - counted)
            counted = count
        self._sum.inc(sum(ordered))


class Tallies:
    """What happened in this process since it was last handed over; for one thread."""

    def __init__(self) -> None:
        self._counts: defaultdict[tuple[Counter, tuple[str, ...]], int] = defaultdict(int)
        self._durations: defaultdict[tuple[SecondsHistogram, tuple[str, ...]], list[float]] = defaultdict(
            list
        )

    def count(self, counter: Counter, *labels: str, by: int = 1) -> None:
        """Count something under a counter's labels."""
        self._counts[counter, labels] += by

    def durations(self, histogram: SecondsHistogram, *labels: str) -> list[float]:
        """Return the list that takes durations in seconds under a histogram's labels; it stays the same one."""
        return self._durations[histogram, labels]

    def hand_over(self) -> None:
        """Add everything to the metrics it belongs to, and start afresh."""
        for (counter, labels), count in self._counts.items():
            (counter.labels(*labels) if labels else counter).inc(count)
        self._counts.clear()
        for (histogram, labels), durations in self._durations.items():
            if durations:
                histogram.labels(*labels).observe_all(durations)
                durations.clear()
