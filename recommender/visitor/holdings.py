"""Everything that a store holds of one visitor: what moves when they sign in."""

from typing import Final, NamedTuple

from recommender.visitor.effects import OrderCopy
from recommender.visitor.state import EMPTY_STATE, VisitorState


class Holdings(NamedTuple):
    """A visitor's state with what keeps repetitions out of it.

    Attributes:
        state: what decisions are made from.
        ring: fingerprints, oldest first: an event's (even) precedes those that it counted once (odd).
        orders: the report of each order that counted, with the ``affinity_version`` it counted at.
    """

    state: VisitorState = EMPTY_STATE
    ring: tuple[int, ...] = ()
    orders: tuple[tuple[OrderCopy, int], ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to move: a visitor who was never seen."""
        return not self.state.is_known and not self.ring and not self.orders


NOTHING: Final = Holdings()
"""Of whom nothing is held."""
