"""Counting in plain numbers comes to the same as counting at once."""

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from service.metrics.tallies import SecondsHistogram, Tallies

BOUNDS = (0.001, 0.01, 0.1, 1.0)
SECONDS = st.one_of(st.sampled_from([0.0, *BOUNDS]), st.floats(0, 2))


def samples(registry: CollectorRegistry) -> list[str]:
    """Return what is exposed, sums of seconds to the nanosecond, without when a metric was made."""
    lines = [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]
    return [
        f"{name} {float(value):.9f}" if "_sum" in name else f"{name} {value}"
        for name, _, value in (line.rpartition(" ") for line in lines)
    ]


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(["ok", "failed"]), SECONDS)), st.integers(1, 5))
def test_tallied_durations_come_to_the_same_buckets_and_sum(
    durations: list[tuple[str, float]], flush_every: int
) -> None:
    """However often they are handed over; a duration equal to a bound falls below it, as in prometheus_client."""
    tallied, direct = CollectorRegistry(), CollectorRegistry()
    histogram = SecondsHistogram("seconds", "…", ["outcome"], buckets=BOUNDS, registry=tallied)
    expected = Histogram("seconds", "…", ["outcome"], buckets=BOUNDS, registry=direct)
    tallies = Tallies()
    for number, (outcome, seconds) in enumerate(durations):
        tallies.durations(histogram, outcome).append(seconds)
        expected.labels(outcome).observe(seconds)
        if number % flush_every == 0:
            tallies.hand_over()
    tallies.hand_over()
    tallies.hand_over()
    assert samples(tallied) == samples(direct)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 9))))
def test_tallied_counts_come_to_the_same(counts: list[tuple[str, int]]) -> None:
    """With labels and without."""
    tallied, direct = CollectorRegistry(), CollectorRegistry()
    tallies = Tallies()
    labelled, plain = (Counter("l", "…", ["x"], registry=tallied), Counter("p", "…", registry=tallied))
    expected, total = (Counter("l", "…", ["x"], registry=direct), Counter("p", "…", registry=direct))
    for label, count in counts:
        tallies.count(labelled, label, by=count)
        tallies.count(plain, by=count)
        expected.labels(label).inc(count)
        total.inc(count)
    tallies.hand_over()
    assert samples(tallied) == samples(direct)
