"""What is wrong with a definition: which one, where in the JSON, why, and what to do."""

from typing import NamedTuple


class Problem(NamedTuple):
    """One reason why a definition is left out.

    Attributes:
        subject: key of the feature or experiment; empty where the payload itself is at fault.
        pointer: JSON pointer (RFC 6901) to the place, from the root of the payload.
        reason: what is wrong, in plain words.
        remedy: what to do about it.
    """

    subject: str
    pointer: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        name = f"{self.subject}: " if self.subject else ""
        return f"{name}{self.pointer or '/'}: {self.reason}: {self.remedy}"


class Place:
    """A place in a payload that notes down what is wrong there.

    Places of one definition share a list, so whoever opened the first one finds all problems in it.
    """

    __slots__ = ("_pointer", "_problems", "subject")

    def __init__(self, subject: str, pointer: str, problems: list[Problem]) -> None:
        self.subject = subject
        self._pointer = pointer
        self._problems = problems

    def at(self, *steps: str | int) -> "Place":
        """Return the place that ``steps`` (keys and indexes) lead to."""
        return Place(self.subject, self._pointer + "".join(map(pointer_step, steps)), self._problems)

    def report(self, reason: str, remedy: str) -> None:
        """Note a problem at this place."""
        self._problems.append(Problem(self.subject, self._pointer, reason, remedy))


def pointer_step(step: str | int) -> str:
    """Return one reference token of a JSON pointer, escaped, with its slash."""
    return "/" + str(step).replace("~", "~0").replace("/", "~1")
