"""A bounded cache for the hot path."""

from collections.abc import Callable, Hashable
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class RecentCache(dict[Key, Value]):
    """Keeps at least the ``capacity // 2`` most recently used values, and never more than ``capacity``.

    ``cache[key]`` makes what is not held. It is a dictionary of the younger half, with the older one behind it: a
    hit is one lookup without a call of Python's (a page has thirty of them), and nothing is relinked as in an
    exact list of what was used last.

    Args:
        capacity: most values held.
        make: works a value out; ``None`` is answered and not held.
    """

    __slots__ = ("_half", "_make", "_old")

    def __init__(self, capacity: int, make: Callable[[Key], Value]) -> None:
        super().__init__()
        self._half = max(capacity // 2, 1)
        self._make = make
        self._old: dict[Key, Value] = {}

    def __missing__(self, key: Key) -> Value:
        held = self._old.get(key)
        value = self._make(key) if held is None else held
        if value is None:
            return value
        if len(self) >= self._half:
            self._old = dict(self)
            super().clear()
        self[key] = value
        return value

    @property
    def held(self) -> int:
        """Number of values held; ``len`` counts the younger half."""
        return len(self.keys() | self._old.keys())

    def discard(self, key: Key) -> None:
        """Forget a key."""
        self.pop(key, None)
        self._old.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        super().clear()
        self._old.clear()
