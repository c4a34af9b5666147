"""Targeting conditions: MongoDB-like JSON, compiled once to nested functions.

A condition that is not understood (an unknown operator, a malformed operand) matches nobody, whatever stands
around it, and says so; definitions that contain one are left out.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from recommender.experiments.operators import (
    VALUE_OPERATORS,
    OperandError,
    Test,
    as_list,
    fold,
    membership,
    negated,
)
from recommender.experiments.problems import Place
from recommender.experiments.values import alike, index_of

Attributes = dict[str, Any]
"""What is known of a visitor: JSON values by name."""

Condition = Callable[[Attributes], bool]
"""Whether a visitor is meant."""

_LOGICAL: Final = frozenset({"$or", "$nor", "$and", "$savedGroup"})
_DEEPEST: Final = 64
"""Conditions nested deeper are refused; nobody writes them by hand."""


class SavedGroup(NamedTuple):
    """A named group of visitors that conditions refer to: a list of values, or a condition of its own."""

    kind: Literal["list", "condition"]
    values: Sequence[Any] = ()
    attribute: str | None = None
    condition: Any = None


class ConditionCompiler:
    """Compiles the conditions of one payload.

    Args:
        groups: saved groups by id.
    """

    def __init__(self, groups: Mapping[str, SavedGroup]) -> None:
        self._groups = groups

    def compile(self, condition: Any, place: Place) -> Condition:
        """Return the test of a visitor's attributes; what is malformed is reported and matches nobody.

        Args:
            condition: the condition as in the JSON.
            place: where it stands.
        """
        try:
            return self._object(condition, place, _Depth())
        except _Malformed:
            return lambda _: False

    def _object(self, condition: Any, place: Place, depth: "_Depth") -> Test:
        """Compile a condition on the fields of an object."""
        if not isinstance(condition, dict):
            raise malformed(place, "the condition is no object", 'write {"attribute": value}')
        below = depth.below(place)
        return _all([self._entry(key, value, place.at(key), below) for key, value in condition.items()])

    def _entry(self, key: str, value: Any, place: Place, depth: "_Depth") -> Test:
        if key in {"$or", "$nor", "$and"}:
            if not isinstance(value, list):
                raise malformed(place, f"{key} holds no list", "write the conditions in brackets")
            tests = [self._object(each, place.at(index), depth) for index, each in enumerate(value)]
            if key == "$and":
                return _all(tests)
            return _any(tests) if key == "$or" else negated(_any(tests))
        if key == "$not":
            return negated(self._object(value, place, depth))
        if key == "$savedGroup":
            return self._typed_group(value, place, depth)
        if key == "$savedGroups":
            raise malformed(place, "$savedGroups is no longer evaluated", "use one $savedGroup for each")
        get = _getter(key)
        test = self._value(value, place, depth)
        if "." in key:
            return lambda attributes: test(get(attributes))
        return lambda attributes: test(
            attributes.get(key) if isinstance(attributes, dict) else get(attributes)
        )

    def _value(self, expected: Any, place: Place, depth: "_Depth", *, folded: bool = False) -> Test:
        """Compile what a value is held against: an object of operators, or a literal."""
        if isinstance(expected, dict) and all(key.startswith("$") for key in expected):
            below = depth.below(place)
            return _all(
                [self._operator(name, operand, place.at(name), below) for name, operand in expected.items()]
            )
        if folded and isinstance(expected, str):
            lower = expected.lower()
            return lambda value: fold(value) == lower
        if isinstance(expected, str):
            return lambda value: value == expected
        return lambda value: alike(expected, value)

    def _operator(self, name: str, operand: Any, place: Place, depth: "_Depth") -> Test:
        factory = VALUE_OPERATORS.get(name)
        try:
            if factory is not None:
                return factory(operand)
            if name in {"$all", "$alli"}:
                return self._all_of(as_list(operand), place, depth, folded=name == "$alli")
        except OperandError as error:
            raise malformed(place, f"{name}: {error.reason}", error.remedy) from None
        if name == "$not":
            return negated(self._value(operand, place, depth))
        if name == "$size":
            test = self._value(operand, place, depth)
            return lambda value: isinstance(value, list) and test(len(value))
        if name == "$elemMatch":
            return self._element(operand, place, depth)
        if name in {"$inGroup", "$notInGroup"}:
            test = self._group(operand, place)
            return test if name == "$inGroup" else negated(test)
        raise malformed(place, f"{name} is no operator of GrowthBook's", "correct its spelling")

    def _all_of(self, operand: list[Any], place: Place, depth: "_Depth", *, folded: bool) -> Test:
        tests = [self._value(each, place.at(at), depth, folded=folded) for at, each in enumerate(operand)]
        return lambda value: (
            isinstance(value, list) and all(any(test(item) for item in value) for test in tests)
        )

    def _element(self, operand: Any, place: Place, depth: "_Depth") -> Test:
        """Compile ``$elemMatch``: operators test the item itself, everything else the item's fields."""
        on_item = isinstance(operand, dict) and all(
            key.startswith("$") and key not in _LOGICAL for key in operand
        )
        test = self._value(operand, place, depth) if on_item else self._object(operand, place, depth)
        return lambda value: isinstance(value, list) and any(test(item) for item in value if item is not None)

    def _group(self, group_id: Any, place: Place) -> Test:
        """Compile a reference to a list of values; one that is missing counts as empty, and is reported."""
        group = self._groups.get(group_id) if isinstance(group_id, str) else None
        if group is None:
            place.report(
                f"the saved group {group_id!r:.60} is not in the payload",
                "add it under /savedGroups, or take the condition out",
            )
            return membership(())
        if group.kind != "list":
            raise malformed(
                place, f"the saved group {group_id!r:.60} is no list", "refer to it by $savedGroup"
            )
        return membership(group.values)

    def _typed_group(self, reference: Any, place: Place, depth: "_Depth") -> Test:
        """Compile ``$savedGroup``: ``{"id": …, "attributeKey": …}``, a list or a condition of its own."""
        group_id = reference.get("id") if isinstance(reference, dict) else None
        group = self._groups.get(group_id) if isinstance(group_id, str) else None
        if group is None:
            raise malformed(
                place, f"the saved group {group_id!r:.60} is not in the payload", "add it under /savedGroups"
            )
        if group.kind == "condition":
            return self._object(group.condition, place, depth.inside(str(group_id), place))
        key = reference.get("attributeKey", group.attribute)
        if not isinstance(key, str):
            raise malformed(place, "it is not said which attribute the group lists", "give attributeKey")
        get, test = _getter(key), membership(group.values)
        return lambda attributes: test(get(attributes))


class _Malformed(Exception):  # noqa: N818 - a way out of the recursion, caught where it starts
    """A part of a condition cannot be compiled; its problem is already reported."""


def malformed(place: Place, reason: str, remedy: str) -> _Malformed:
    """Report a problem and return the exception that ends the compilation of its condition."""
    place.report(reason, remedy)
    return _Malformed()


class _Depth(NamedTuple):
    """How deep the compiler is, and inside which saved groups."""

    levels: int = 0
    groups: tuple[str, ...] = ()

    def below(self, place: Place) -> "_Depth":
        if self.levels >= _DEEPEST:
            raise malformed(place, f"the condition is nested over {_DEEPEST} deep", "simplify it")
        return _Depth(self.levels + 1, self.groups)

    def inside(self, group_id: str, place: Place) -> "_Depth":
        if group_id in self.groups:
            raise malformed(place, f"the saved group {group_id!r:.60} refers to itself", "break the circle")
        return _Depth(self.levels, (*self.groups, group_id))


def _all(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]

    def test(value: Any) -> bool:
        for each in tests:  # noqa: SIM110 - a generator costs more than the tests
            if not each(value):
                return False
        return True

    return test


def _any(tests: list[Test]) -> Test:
    """Return the test that one of ``tests`` passes; without any, everybody does."""
    return lambda value: not tests or any(test(value) for test in tests)


def _getter(path: str) -> Callable[[Any], Any]:
    """Return the function that reads a dotted path; None where it leads nowhere."""
    steps = path.split(".")

    def get(value: Any) -> Any:
        for step in steps:
            if isinstance(value, dict):
                value = value.get(step)
            elif isinstance(value, list):
                value = _of_list(value, step)
            else:
                return None
        return value

    return get


def _of_list(items: list[Any], step: str) -> Any:
    """Return what a list has under a key: an item by its index, or its length."""
    if step == "length":
        return len(items)
    index = index_of(step)
    return items[index] if index is not None and index < len(items) else None
