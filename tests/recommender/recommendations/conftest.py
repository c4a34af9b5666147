"""Sessions of a small made-up shop with structure that every source can find."""

import numpy as np
import pytest

from recommender.recommendations.sessions import Sessions

GROUPS = 30
GROUP_SIZE = 6


@pytest.fixture(scope="session")
def grouped_sessions() -> Sessions:
    """Thousands of sessions, each of items of one of 30 groups, mostly walked in order."""
    rng = np.random.default_rng(7)
    sequences = []
    for _ in range(3000):
        group = int(rng.integers(GROUPS))
        start, length = int(rng.integers(GROUP_SIZE)), int(rng.integers(2, 6))
        steps = np.cumsum(rng.choice([1, 2, 0], p=[0.7, 0.2, 0.1], size=length)) + start
        sequences.append((group * GROUP_SIZE + steps % GROUP_SIZE).tolist())
    return Sessions.of(sequences, GROUPS * GROUP_SIZE + 2)
