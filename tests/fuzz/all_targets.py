"""The parsers that are fuzzed, by what they read."""

from typing import Final

from tests.fuzz.target import Target
from tests.fuzz.targets import bodies, experiments, feeds, identities, imports, models, requests, stored

TARGETS: Final[tuple[Target, ...]] = (
    *bodies.TARGETS,
    *requests.TARGETS,
    *identities.TARGETS,
    *feeds.TARGETS,
    *imports.TARGETS,
    *experiments.TARGETS,
    *models.TARGETS,
    *stored.TARGETS,
)
