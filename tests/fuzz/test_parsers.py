"""Every parser, attacked for a moment; ``python -m tests.fuzz`` does the same for as long as one likes."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.all_targets import TARGETS
from tests.fuzz.mutations import mutated
from tests.fuzz.target import CORPUS, Attempt, Target

EXAMPLES = 8
"""Mutants a parser in every run of the tests; the campaign tries a hundred thousand."""


@pytest.fixture(scope="module")
def attempt_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Target], Attempt]:
    """Return a function that prepares each target once."""
    return cache(lambda target: target.prepare(tmp_path_factory.mktemp(target.name)))


def _named(target: Target) -> str:
    return target.name


@pytest.mark.parametrize("target", TARGETS, ids=_named)
def test_a_parser_refuses_what_it_does_not_understand(
    target: Target, attempt_of: Callable[[Target], Attempt]
) -> None:
    """Good inputs, what crashed once, and mutants of the good ones: parsed, or refused as the parser says it refuses."""
    attempt = attempt_of(target)
    for data in (*target.seeds, *(saved.read_bytes() for saved in target.saved())):
        attempt(data)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(mutated(target.seeds, target.words))
    def attack(data: bytes) -> None:
        attempt(data)

    attack()


@pytest.mark.proof
@pytest.mark.parametrize("target", TARGETS, ids=_named)
def test_a_parser_survives_thousands_of_mutants(
    target: Target, attempt_of: Callable[[Target], Attempt]
) -> None:
    """The same, other mutants in every run."""
    attempt = attempt_of(target)

    @settings(max_examples=5_000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(mutated(target.seeds, target.words) | st.binary(max_size=64))
    def attack(data: bytes) -> None:
        attempt(data)

    attack()


def test_the_corpus_belongs_to_targets() -> None:
    """An input that crashed a parser is tried again for as long as it lies in the folder of a target."""
    assert {folder.name for folder in CORPUS.iterdir()} <= {target.name for target in TARGETS}
    assert all(Path(file).stat().st_size for file in CORPUS.rglob("*") if file.is_file())
