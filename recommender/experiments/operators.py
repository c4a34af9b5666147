"""The operators of a condition that need nothing but a value: ``$eq`` to ``$vlte``.

Each is made once from its operand and returns a test of one attribute's value (None where a visitor lacks it).
"""

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import regex

from recommender.experiments.values import TYPE_NAMES, as_number, same, sort_key, type_name
from recommender.experiments.versions import sortable_version

Test = Callable[[Any], bool]
"""Whether a value passes."""

OperatorFactory = Callable[[Any], Test]
"""Makes the test from the operand; raises :class:`OperandError`."""

_Compare = Callable[[Any, Any], bool]

PATTERN_SECONDS: Final = 0.002
"""CPU time after which a search counts as no match: ``^(a+)+$`` would take hours for 40 letters and a digit, and
visitors write what is searched.
"""


class OperandError(ValueError):
    """An operand its operator cannot work with; ``args`` are the reason and the remedy."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason, remedy)
        self.reason = reason
        self.remedy = remedy


def negated(test: Test) -> Test:
    """Return the test that passes where ``test`` does not."""
    return lambda value: not test(value)


def as_list(operand: Any) -> list[Any]:
    """Return an operand that must be a list.

    Raises:
        OperandError: it is none.
    """
    if not isinstance(operand, list):
        raise OperandError(f"{operand!r:.60} is no list", "write the values in brackets")
    return operand


def membership(values: Sequence[Any]) -> Test:
    """Return the test whether a value, or for a list one of its items, is among ``values``."""
    # Apart, because to Python True is 1 and False is 0.
    flags = frozenset(value for value in values if isinstance(value, bool))
    plain = frozenset(value for value in values if not isinstance(value, bool | list | dict))

    def is_member(value: Any) -> bool:
        if isinstance(value, bool):
            return value in flags
        if isinstance(value, dict):
            return False
        return value in plain

    def test(value: Any) -> bool:
        if isinstance(value, str):
            return value in plain
        if isinstance(value, list):
            return any(is_member(item) for item in value if not isinstance(item, list))
        return is_member(value)

    return test


def folded_membership(values: Sequence[Any]) -> Test:
    """Return :func:`membership` without regard to upper and lower case."""
    test = membership([fold(value) for value in values])

    def folded_test(value: Any) -> bool:
        return test([fold(item) for item in value] if isinstance(value, list) else fold(value))

    return folded_test


def fold(value: Any) -> Any:
    """Return a text in lower case, anything else as it is."""
    return value.lower() if isinstance(value, str) else value


def _equal(operand: Any) -> Test:
    return lambda value: same(value, operand)


def _ordering(compare: _Compare) -> OperatorFactory:
    """Return the factory of a relational operator: two texts compare as texts, all else as numbers."""

    def factory(operand: Any) -> Test:
        if not isinstance(operand, int | float | str):
            raise OperandError(f"{operand!r:.60} has no order", "compare with a number or a text")
        units = sort_key(operand) if isinstance(operand, str) else b""
        number = as_number(operand)

        def test(value: Any) -> bool:
            if isinstance(value, str) and isinstance(operand, str):
                if value.isascii() and operand.isascii():
                    return compare(value, operand)
                return compare(sort_key(value), units)
            return compare(as_number(value), number)

        return test

    return factory


def _version(compare: _Compare, *, otherwise: bool = False) -> OperatorFactory:
    """Return the factory of an operator on versions, whose test is ``otherwise`` for other kinds of values."""

    def factory(operand: Any) -> Test:
        kind = type_name(operand)
        if kind not in {"string", "number"}:
            raise OperandError(f"{operand!r:.60} is no version", 'write it as "1.2.3"')
        version = sortable_version(operand)
        return lambda value: (
            compare(sortable_version(value), version) if type_name(value) == kind else otherwise
        )

    return factory


def _pattern(flags: int) -> OperatorFactory:
    def factory(operand: Any) -> Test:
        if not isinstance(operand, str):
            raise OperandError(f"{operand!r:.60} is no text", "write the regular expression as a text")
        try:
            # What Python's own module refuses is refused; the other one searches, as it can be told to give up.
            re.compile(operand, flags)
            search = regex.compile(operand, flags | regex.VERSION0).search
        except (re.error, regex.error, OverflowError, RecursionError) as error:
            raise OperandError(f"the regular expression cannot be read: {error}", "correct it") from None

        def test(value: Any) -> bool:
            try:
                return isinstance(value, str) and search(value, timeout=PATTERN_SECONDS) is not None
            except TimeoutError:
                return False

        return test

    return factory


def _exists(operand: Any) -> Test:
    if operand:
        return lambda value: value is not None
    return lambda value: value is None


def _type(operand: Any) -> Test:
    if operand not in TYPE_NAMES:
        raise OperandError(f"{operand!r:.60} is no type", f"write one of {', '.join(TYPE_NAMES)}")
    return lambda value: type_name(value) == operand


def _not(factory: OperatorFactory) -> OperatorFactory:
    return lambda operand: negated(factory(operand))


VALUE_OPERATORS: Final[dict[str, OperatorFactory]] = {
    "$eq": _equal,
    "$ne": _not(_equal),
    "$lt": _ordering(operator.lt),
    "$lte": _ordering(operator.le),
    "$gt": _ordering(operator.gt),
    "$gte": _ordering(operator.ge),
    "$in": lambda operand: membership(as_list(operand)),
    "$nin": lambda operand: negated(membership(as_list(operand))),
    "$ini": lambda operand: folded_membership(as_list(operand)),
    "$nini": lambda operand: negated(folded_membership(as_list(operand))),
    "$regex": _pattern(0),
    "$regexi": _pattern(re.IGNORECASE),
    "$notRegex": _not(_pattern(0)),
    "$notRegexi": _not(_pattern(re.IGNORECASE)),
    "$exists": _exists,
    "$type": _type,
    "$veq": _version(operator.eq),
    "$vne": _version(operator.ne, otherwise=True),
    "$vlt": _version(operator.lt),
    "$vlte": _version(operator.le),
    "$vgt": _version(operator.gt),
    "$vgte": _version(operator.ge),
}
