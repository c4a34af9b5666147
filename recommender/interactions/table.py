"""The columnar table of interactions that training reads."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from recommender.events import EventName


class InteractionKind(IntEnum):
    """What a visitor did with an item; one byte a row."""

    VIEW = 1
    SELECT = 2
    SIZE = 3
    CART = 4
    PURCHASE = 5
    REFUND = 6
    FIT = 7
    DESELECT = 8


KIND_OF: Final[Mapping[EventName, InteractionKind]] = {
    EventName.VIEW_ITEM: InteractionKind.VIEW,
    EventName.SELECT_ITEM: InteractionKind.SELECT,
    EventName.SELECT_SIZE: InteractionKind.SIZE,
    EventName.ADD_TO_CART: InteractionKind.CART,
    EventName.PURCHASE: InteractionKind.PURCHASE,
    EventName.REFUND: InteractionKind.REFUND,
    EventName.FIT_FEEDBACK: InteractionKind.FIT,
    EventName.DESELECT_SIZE: InteractionKind.DESELECT,
}
"""Events that say something about one item. Lists shown, promotions and checkout steps do not."""

KIND_WEIGHTS: Final[Mapping[InteractionKind, float]] = {
    InteractionKind.VIEW: 1.0,
    InteractionKind.SELECT: 1.0,
    InteractionKind.SIZE: 1.0,
    InteractionKind.CART: 3.0,
    InteractionKind.PURCHASE: 10.0,
    InteractionKind.REFUND: 0.0,
    InteractionKind.FIT: 0.0,
    InteractionKind.DESELECT: 0.0,
}
"""Interest that one row speaks of. Refunds, fit feedback and taken-back sizes are kept for sizes only."""

FIT_CODES: Final[Mapping[str, int]] = {"small": 1, "true": 2, "large": 3}
"""Codes of the ``fit`` column; 0 is none."""

UNKNOWN: Final = -1
"""Marks a missing code: no size, no transaction, discount not stated."""


@dataclass(frozen=True, slots=True, eq=False)
class Interactions:
    """What visitors did with items, one row each, in no particular order.

    Attributes:
        visitor: int32 ``[rows]``, codes into ``visitor_ids``.
        item: int32 ``[rows]``, codes into ``item_ids``.
        timestamp: float64 ``[rows]``, Unix seconds; only the order counts if not ``timed``.
        kind: uint8 ``[rows]``, :class:`InteractionKind`.
        discounted: int8 ``[rows]``, 1 or 0, ``UNKNOWN`` where the event does not say.
        size: int32 ``[rows]``, codes into ``size_labels``, ``UNKNOWN`` for none.
        fit: uint8 ``[rows]``, see ``FIT_CODES``.
        preselected: bool ``[rows]``, whether Kabin had preselected the size.
        visitor_ids: identifier of each visitor code.
        item_ids: identifier of each item code.
        size_labels: text of each size code.
        timed: whether ``timestamp`` is real time.
    """

    visitor: NDArray[np.int32]
    item: NDArray[np.int32]
    timestamp: NDArray[np.float64]
    kind: NDArray[np.uint8]
    discounted: NDArray[np.int8]
    size: NDArray[np.int32]
    fit: NDArray[np.uint8]
    preselected: NDArray[np.bool_]
    visitor_ids: list[str]
    item_ids: list[str]
    size_labels: list[str]
    timed: bool = True

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self.visitor.size)

    @property
    def newest(self) -> float:
        """The newest timestamp, which is ``now`` when training on old data; 0.0 without rows."""
        return float(self.timestamp.max()) if len(self) else 0.0

    def weights(self, *, now: float, half_life_days: float | None) -> NDArray[np.float32]:
        """Return the interest of each row: the weight of its kind, halved every ``half_life_days`` of age."""
        table = np.zeros(max(InteractionKind) + 1, dtype=np.float32)
        for kind, weight in KIND_WEIGHTS.items():
            table[kind] = weight
        weights = table[self.kind]
        if half_life_days is not None and self.timed:
            age = np.maximum(now - self.timestamp, 0.0)
            weights = weights * np.exp2(-age / (half_life_days * 86_400.0)).astype(np.float32)
        return weights

    def take(self, rows: NDArray[np.bool_] | NDArray[np.integer]) -> Self:
        """Return the given rows, with the same codes."""
        return replace(
            self,
            visitor=self.visitor[rows],
            item=self.item[rows],
            timestamp=self.timestamp[rows],
            kind=self.kind[rows],
            discounted=self.discounted[rows],
            size=self.size[rows],
            fit=self.fit[rows],
            preselected=self.preselected[rows],
        )
