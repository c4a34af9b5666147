"""What the simulated crowd was shown and did, as it counts it by itself: a report of the same has to agree."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass
class LiveTally:
    """What the crowd was answered and did.

    Attributes:
        visits: that were made.
        orders: that were placed.
        degraded: answers without the visitor's history.
        shown: visits by homepage variant.
        exposed: for each experiment and variation the visitors whose page was seen in it.
        buyers: for each experiment and variation those of them who ordered, then or later.
    """

    visits: int = 0
    orders: int = 0
    degraded: int = 0
    shown: Counter[str] = field(default_factory=Counter)
    exposed: defaultdict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    buyers: defaultdict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))

    def take_part(
        self, visitor_id: str, experiments: Iterable[tuple[str, str]], *, has_ordered: bool
    ) -> None:
        """Count a visitor in the experiments of a page that was seen, and their order in all that they are in so far."""
        for experiment in experiments:
            self.exposed[experiment].add(visitor_id)
        if has_ordered:
            for experiment, visitors in self.exposed.items():
                if visitor_id in visitors:
                    self.buyers[experiment].add(visitor_id)

    def exposed_to(self, experiment_id: str) -> dict[str, frozenset[str]]:
        """Return an experiment's visitors by variation."""
        return _by_variation(self.exposed, experiment_id)

    def buyers_in(self, experiment_id: str) -> dict[str, frozenset[str]]:
        """Return those of an experiment's visitors who ordered, by variation."""
        return _by_variation(self.buyers, experiment_id)


def _by_variation(
    visitors: Mapping[tuple[str, str], set[str]], experiment_id: str
) -> dict[str, frozenset[str]]:
    return {
        variation: frozenset(members)
        for (experiment, variation), members in sorted(visitors.items())
        if experiment == experiment_id
    }
