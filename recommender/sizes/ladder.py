"""An item's ladder: its distinct sizes of one scale, in order, with distances measured in steps.

A step is the distance of two neighbouring sizes of the item. Where the ladder has a hole (36, 38, 44), the
hole counts as several steps, by the ordinary step of the scale or else the ladder's own median gap:
otherwise a visitor of size 40 would be pulled to 38 or 44 with false confidence.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from math import exp
from typing import Final

from recommender.sizes.conversion import convert
from recommender.sizes.scales import Scale, base_of, step_of
from recommender.sizes.size import Size

BANDWIDTH_STEPS: Final = 0.75
"""Width h of the kernel in steps; measured on RentTheRunway's tuning visitors, flat between ½ and 1."""

SAME_SIZE: Final = 0.95
"""Closeness from which a piece of evidence is the same size as a rung, after conversion (0.24 steps)."""

NOT_OFFERED: Final = -1
"""Instead of a row: the ladder does not have the size."""

_REMEMBERED_ROWS: Final = 512
_WIDTH_POSITIONS: Final = {1: -2, 2: 2, 4: 4}


def position_of(size: Size) -> tuple[int, int]:
    """Return where a size lies on the two axes of its scale, in half units.

    The second axis is the inseam, the cup or the shoe's width (narrow −2, wide 2, extra wide 4); 0 where a
    scale has one axis. ``"00"`` lies one ordinary step (two sizes) below ``"0"``.
    """
    base = base_of(size.scale)
    if base < Scale.ALPHA:
        return size.value - 4 * size.second, 0
    if Scale.SHOE <= base <= Scale.SHOE_MEX:
        return size.value, _WIDTH_POSITIONS.get(size.second, 0)
    return size.value, size.second


class Ladder:
    """The ordered distinct sizes of an item, all of one scale, and the kernel over them.

    Equal ladders are one object: items share them, and with them the kernel rows that were computed once.

    Attributes:
        sizes: ascending, at least one.
        scale: the scale code of all sizes.
        department: the item's department, in which other systems' sizes are converted.
        index: row of each size.
        gaps: by row, how far the next smaller and the next larger size are: half units up to 8, as a share of 8.
    """

    __slots__ = (
        "_first", "_rows", "_rungs", "_second", "_steps", "department", "gaps", "index", "scale", "sizes",
    )  # fmt: skip

    def __init__(self, sizes: tuple[Size, ...], department: int) -> None:
        self.sizes = sizes
        self.scale = sizes[0].scale
        self.department = department
        self.index = {size: row for row, size in enumerate(sizes)}
        positions = [position_of(size) for size in sizes]
        self._first = _Axis(sorted({first for first, _ in positions}), step_of(self.scale))
        self._second = _Axis(sorted({second for _, second in positions}), 4 if _is_waist(self.scale) else 2)
        self._steps = tuple(
            (self._first.steps_to(first), self._second.steps_to(second)) for first, second in positions
        )
        self.gaps = tuple(
            (_gap(positions, row, row - 1), _gap(positions, row, row + 1)) for row in range(len(positions))
        )
        self._rows: dict[Size, tuple[float, ...] | None] = {}
        self._rungs: dict[Size, int | None] = {}

    @classmethod
    def of(cls, sizes: Iterable[Size | None], department: int) -> "Ladder | None":
        """Return the ladder of an item, ``None`` if it has no readable size.

        Args:
            sizes: the sizes of the item's SKUs in any order and number; ``None`` for unreadable labels. If they
                are of several scales (regular and petite, US and EU), the scale with most sizes is the ladder.
            department: the item's department code.
        """
        by_scale: dict[int, set[Size]] = {}
        for size in sizes:
            if size is not None:
                by_scale.setdefault(size.scale, set()).add(size)
        if not by_scale:
            return None
        scale = min(by_scale, key=lambda code: (-len(by_scale[code]), code))
        return _shared(tuple(sorted(by_scale[scale], key=position_of)), department)

    def __len__(self) -> int:
        return len(self.sizes)

    def __repr__(self) -> str:
        return f"Ladder(scale={self.scale}, department={self.department}, sizes={len(self.sizes)})"

    def steps_to(self, size: Size) -> tuple[float, float] | None:
        """Return the position of any size on this ladder's axes, in steps from its first size.

        Between and beyond the ladder's sizes positions are interpolated and extrapolated. A size of another
        scale is converted by table; ``None`` where no table allows it, or where a waist size without
        inseam meets a ladder with inseams.
        """
        here: Size | None = size
        if size.scale != self.scale:
            here = convert(size, self.scale, self.department)
        if here is None:
            return None
        first, second = position_of(here)
        if _is_waist(self.scale):
            if not self._second.positions[-1]:
                second = 0
            elif not second:
                return None
        return self._first.steps_to(first), self._second.steps_to(second)

    def kernel_row(self, size: Size) -> tuple[float, ...] | None:
        """Return ``exp(−½ (distance / h)²)`` of one piece of evidence to each size of the ladder.

        Rows are remembered (the 512 sizes asked for first), so a decision only adds them up.

        Returns:
            One float in [0, 1] per ladder size, ``None`` if the size cannot be placed on this ladder.
        """
        row = self._rows.get(size)
        if row is not None or size in self._rows:
            return row
        at = self.steps_to(size)
        if at is not None:
            row = tuple(
                exp(-0.5 * ((first - at[0]) ** 2 + (second - at[1]) ** 2) / BANDWIDTH_STEPS**2)
                for first, second in self._steps
            )
        if len(self._rows) < _REMEMBERED_ROWS:
            self._rows[size] = row
        return row

    def rung_of(self, size: Size) -> int | None:
        """Return the row of the ladder's size that is ``size``, by table if that is of another system.

        Returns:
            :data:`NOT_OFFERED` if the ladder does not have it, ``None`` if it cannot be placed. Remembered like the
            kernel's rows: a request asks a dozen ladders about one size.
        """
        rung = self._rungs.get(size)
        if rung is not None or size in self._rungs:
            return rung
        closeness = self.kernel_row(size)
        if closeness is not None:
            best = max(closeness)
            rung = closeness.index(best) if best > SAME_SIZE else NOT_OFFERED
        if len(self._rungs) < _REMEMBERED_ROWS:
            self._rungs[size] = rung
        return rung

    def steps_between(self, row: int, other: int) -> float:
        """Return the distance of two sizes of the ladder, by row, in steps (the larger of the two axes)."""
        here, there = self._steps[row], self._steps[other]
        return max(abs(here[0] - there[0]), abs(here[1] - there[1]))


class _Axis:
    """Turns positions in half units into steps, linearly between the ladder's own positions."""

    __slots__ = ("positions", "steps", "unit")

    def __init__(self, positions: list[int], ordinary_step: int) -> None:
        gaps = sorted(high - low for low, high in pairwise(positions))
        median = gaps[(len(gaps) - 1) // 2] if gaps else ordinary_step or 2
        self.positions = positions
        self.unit = min(median, ordinary_step) if ordinary_step else median
        steps = [0.0]
        for low, high in pairwise(positions):
            steps.append(steps[-1] + max(1.0, (high - low) / self.unit))
        self.steps: Sequence[float] = steps

    def steps_to(self, position: int) -> float:
        if position <= self.positions[0]:
            return (position - self.positions[0]) / self.unit
        if position >= self.positions[-1]:
            return self.steps[-1] + (position - self.positions[-1]) / self.unit
        above = bisect_right(self.positions, position)
        low, high = self.positions[above - 1], self.positions[above]
        share = (position - low) / (high - low)
        return self.steps[above - 1] + share * (self.steps[above] - self.steps[above - 1])


def _gap(positions: Sequence[tuple[int, int]], row: int, other: int) -> float:
    if not 0 <= other < len(positions):
        return 1.0
    (first, second), (there, across) = positions[row], positions[other]
    return min(abs(first - there) + abs(second - across), 8) / 8


def _is_waist(scale: int) -> bool:
    return base_of(scale) == Scale.WAIST_INSEAM


@lru_cache(maxsize=8192)
def _shared(sizes: tuple[Size, ...], department: int) -> Ladder:
    return Ladder(sizes, department)
