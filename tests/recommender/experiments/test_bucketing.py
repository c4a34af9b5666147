"""Hashes and buckets: exact, uniform, and the same however they are computed."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from recommender.experiments.bucketing import Seeds, bucket_ranges, choose_variation
from recommender.experiments.hashing import Identity, Prefixes, code_units, fnv1a, fnv1a_of_decimal
from tests.recommender.experiments.definitions import visitor_ids

TEXTS = st.text(st.characters(), max_size=100)


def fnv1a_by_definition(text: str) -> int:
    """Compute FNV-1a as its authors write it, unit by unit."""
    state = 2166136261
    encoded = text.encode("utf-16-le", "surrogatepass")
    for low, high in zip(encoded[::2], encoded[1::2], strict=True):
        state ^= low + 256 * high
        state = state * 16777619 % 2**32
    return state


@given(TEXTS, TEXTS)
def test_a_hash_can_go_on_from_any_prefix(first: str, second: str) -> None:
    """Hashing a prefix beforehand changes nothing, whatever the script and the length."""
    assert fnv1a(code_units(second), fnv1a(code_units(first))) == fnv1a_by_definition(first + second)


@given(st.lists(TEXTS, min_size=1, max_size=16), TEXTS.filter(bool))
def test_prefixes_hashed_together_do_not_touch_each_other(seeds: list[str], text: str) -> None:
    """Every lane holds what its seed alone would have given."""
    prefixes = Prefixes()
    lanes = [prefixes.add(fnv1a(code_units(seed))) for seed in seeds]
    states = Identity("id", text).after(prefixes)
    assert [states[lane] for lane in lanes] == [fnv1a_by_definition(seed + text) for seed in seeds]


@given(st.integers(0, 2**32 - 1) | st.integers(0, 2_000_000))
def test_digits_hashed_by_table_hash_as_digits(number: int) -> None:
    """The tables are exact, also at their edges."""
    assert fnv1a_of_decimal(number) == fnv1a_by_definition(str(number))


@pytest.mark.parametrize("number", [0, 9, 10, 99, 999_999, 1_000_000, 99_999_999, 100_000_000, 2**32 - 1])
def test_digits_at_the_edges_of_the_tables(number: int) -> None:
    """Where the number of digits changes, nothing breaks."""
    assert fnv1a_of_decimal(number) == fnv1a_by_definition(str(number))


@pytest.mark.parametrize("version", [1, 2])
def test_more_seeds_than_lanes_are_hashed_alike(version: int) -> None:
    """A payload of forty experiments buckets each as if it were the only one."""
    together = Seeds()
    functions = {f"seed-{number}": together.bucketing(f"seed-{number}", version) for number in range(40)}
    identity = Identity("id", "visitor-1")
    for seed, bucket_of in functions.items():
        assert bucket_of(identity) == Seeds().bucketing(seed, version)(Identity("id", "visitor-1"))


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("seed", ["homepage", "a", "çok uzun bir tohum"])
def test_buckets_are_uniform(version: int, seed: str) -> None:
    """20,000 visitors fill a hundred equal bins as evenly as chance would (χ², p > 0.0001)."""
    bucket_of = Seeds().bucketing(seed, version)
    bins = Counter(int((bucket_of(Identity("id", each)) or 0.0) * 100 + 1e-9) for each in visitor_ids(20_000))
    expected = 20_000 / 100
    statistic = sum((bins[each] - expected) ** 2 / expected for each in range(100))
    assert chi2.sf(statistic, 99) > 1e-4


def test_two_experiments_are_independent() -> None:
    """Whoever gets one experiment's variation is as likely as anybody to get another's (χ², p > 0.0001)."""
    seeds = Seeds()
    first, second = seeds.bucketing("homepage", 2), seeds.bucketing("size", 2)
    identities = [Identity("id", each) for each in visitor_ids(20_000)]
    table = Counter(((first(each) or 0.0) < 0.5, (second(each) or 0.0) < 0.5) for each in identities)
    statistic = sum((count - 5_000) ** 2 / 5_000 for count in table.values())
    assert chi2.sf(statistic, 3) > 1e-4


WEIGHTS = st.lists(st.integers(1, 100), min_size=2, max_size=6).map(
    lambda parts: [part / sum(parts) for part in parts]
)


@given(WEIGHTS, st.floats(0, 1), st.floats(0, 1), st.floats(0, 1, exclude_max=True))
def test_more_coverage_only_adds_visitors(
    weights: list[float], one: float, other: float, bucket: float
) -> None:
    """Whoever takes part keeps the variation when coverage grows."""
    narrow, wide = sorted((one, other))
    before = choose_variation(bucket, bucket_ranges(len(weights), narrow, weights))
    after = choose_variation(bucket, bucket_ranges(len(weights), wide, weights))
    assert before in {-1, after}


@given(WEIGHTS, st.floats(0, 1))
def test_ranges_do_not_overlap(weights: list[float], coverage: float) -> None:
    """Every bucket belongs to one variation at most, and each has its share of coverage."""
    ranges = bucket_ranges(len(weights), coverage, weights)
    assert all(before[1] <= after[0] for before, after in pairwise(ranges))
    assert sum(end - start for start, end in ranges) == pytest.approx(coverage)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"), (3, "3"), (3.0, "3"), (0.5, "0.5"), (1e21, "1e+21"), (123456789012345680000, "123456789012345680000"),
        (2**53 + 1, "9007199254740992"), (1e-7, "1e-7"), (1.5e-9, "1.5e-9"), (-2.5, "-2.5"), (0.000001, "0.000001"),
        (0, ""), ("", ""), (None, ""), (True, ""), (False, ""), ([1], ""), ({}, ""), (float("nan"), ""),
        (float("inf"), ""), (10**400, ""),
    ],
)  # fmt: skip
def test_numbers_identify_as_javascript_prints_them(value: object, text: str) -> None:
    """The same visitor hashes alike here and in the browser; what identifies nobody is empty."""
    assert Identity("id", value).text == text
