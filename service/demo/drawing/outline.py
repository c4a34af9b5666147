"""Outlines: SVG path data of shapes that are the same left and right, from their left half."""

from collections.abc import Sequence

Point = tuple[float, float]
Step = Sequence[Point]
"""One step of a path to its last point: a line (one point), a quadratic (two) or a cubic curve (three)."""

MIDDLE = 150.0
"""x of the axis that garments are mirrored at; drawings are 300 wide and 400 high."""

_COMMANDS = {1: "L", 2: "Q", 3: "C"}


def path(start: Point, *steps: Step, closed: bool = False) -> str:
    """Return path data from ``start`` along ``steps``."""
    parts = ["M" + _text(start)]
    parts += [_COMMANDS[len(step)] + " ".join(map(_text, step)) for step in steps]
    return "".join(parts) + ("Z" if closed else "")


def mirrored(start: Point, *steps: Step) -> str:
    """Return the closed path of a left half and its mirror image.

    The half runs from a point at the axis, or left of it, to another one; the ends are joined by straight lines.
    """
    ends = [start, *(step[-1] for step in steps)]
    back: list[Step] = []
    for number in range(len(steps) - 1, -1, -1):
        controls = [flipped(point) for point in reversed(steps[number][:-1])]
        back.append([*controls, flipped(ends[number])])
    joint: Step = [flipped(ends[-1])]
    return path(start, *steps, joint, *back, closed=True)


def flipped(point: Point) -> Point:
    """Return the point's mirror image."""
    return 2 * MIDDLE - point[0], point[1]


def other_side(start: Point, *steps: Step, closed: bool = False) -> str:
    """Return the mirror image of :func:`path`."""
    return path(flipped(start), *([flipped(point) for point in step] for step in steps), closed=closed)


def _text(point: Point) -> str:
    return f"{point[0]:.1f}".removesuffix(".0") + "," + f"{point[1]:.1f}".removesuffix(".0")
