"""From values to places on an axis, with ticks at round numbers."""

import math
from dataclasses import dataclass
from typing import Final, Self

_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear axis.

    Attributes:
        low: value at ``start``.
        high: value at ``end``, above ``low``.
        start: place of ``low`` in the drawing.
        end: place of ``high``; smaller than ``start`` for an axis that points up.
        ticks: round values from ``low`` to ``high``.
    """

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]

    @classmethod
    def over(
        cls, low: float, high: float, start: float, end: float, *, ticks: int = 6, tight: bool = False
    ) -> Self:
        """Return a scale that spans some values.

        Args:
            low: least value to be shown.
            high: greatest value to be shown.
            start: place of the least.
            end: place of the greatest.
            ticks: wished for; there may be a few more or less.
            tight: whether the axis ends with the values themselves and not with the next round ones.

        Raises:
            ValueError: a limit is no number, or the least is above the greatest.
        """
        if not (math.isfinite(low) and math.isfinite(high) and low <= high):
            raise ValueError(f"an axis cannot run from {low} to {high}")
        if low == high:
            low, high = low - max(abs(low), 1.0) / 2, high + max(abs(high), 1.0) / 2
        step = _round_step((high - low) / max(1, ticks - 1))
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        places = tuple(number * step for number in range(first, last + 1))
        if tight:
            return cls(low, high, start, end, tuple(place for place in places if low <= place <= high))
        return cls(places[0], places[-1], start, end, places)

    def place(self, value: float) -> float:
        """Return where a value stands."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def clipped(self, value: float) -> float:
        """Return where a value stands, at the edge if it is outside."""
        return self.place(min(max(value, self.low), self.high))


def _round_step(step: float) -> float:
    """Return the least of 1, 2, 2.5, 5 times a power of ten that is not below ``step``."""
    power: float = 10.0 ** math.floor(math.log10(step))
    return next(times * power for times in _STEPS if times * power >= step * (1 - 1e-9))
