"""JSON values as GrowthBook's reference compares, orders and prints them: by the rules of ECMAScript.

A visitor's attributes are plain JSON: ``None``, ``bool``, ``int``, ``float``, ``str``, lists and dicts with
string keys. What Python and JavaScript see differently (``True == 1``, ``str(1e21)``, the order of keys) is
settled here, once.
"""

from decimal import Decimal
from math import inf, isfinite, nan
from typing import Any, Final

TYPE_NAMES: Final = ("null", "boolean", "number", "string", "array", "object")
"""What ``$type`` can ask for."""

_EXACT: Final = 1 << 53
"""Whole numbers below this are doubles, and print, exactly."""

_LONGEST_INDEX: Final = 10
_LAST_INDEX: Final = (1 << 32) - 2


def type_name(value: Any) -> str:
    """Return the name of a value's JSON type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "array"
    return "object" if isinstance(value, dict) else "unknown"


def same(left: Any, right: Any) -> bool:
    """Compare as ``===`` does: two lists or two objects are never the same."""
    kind = type_name(left)
    return kind == type_name(right) and kind not in {"array", "object"} and bool(left == right)


def alike(left: Any, right: Any) -> bool:
    """Compare as the JSON texts would: types, order of list items and of keys count."""
    kind = type_name(left)
    if kind != type_name(right):
        return False
    if kind == "array":
        return len(left) == len(right) and all(
            alike(_as_json(a), _as_json(b)) for a, b in zip(left, right, strict=True)
        )
    if kind == "object":
        return _key_order(left) == _key_order(right) and all(
            alike(_as_json(left[key]), _as_json(right[key])) for key in left
        )
    return bool(left == right)


def _as_json(value: Any) -> Any:
    """Return the value that JSON has for it: NaN and the infinities are null."""
    return None if isinstance(value, float) and not isfinite(value) else value


def _key_order(record: dict[str, Any]) -> list[str]:
    """Return keys in the order of an object's properties: array indexes by number, then as inserted."""
    indexes = [key for key in record if index_of(key) is not None]
    return sorted(indexes, key=int) + [key for key in record if index_of(key) is None]


def index_of(key: str) -> int | None:
    """Return the array index that a key spells (``"0"``, not ``"01"``), or None."""
    if not key.isdigit() or not key.isascii() or len(key) > _LONGEST_INDEX or (key[0] == "0" and key != "0"):
        return None
    index = int(key)
    return index if index <= _LAST_INDEX else None


def sort_key(text: str) -> bytes:
    """Return UTF-16 code units, greatest byte first: their order is the order of JavaScript strings."""
    return text.encode("utf-16-be", "surrogatepass")


def as_number(value: Any) -> float:
    """Return the number that a relational operator sees in a value; NaN where there is none.

    Null is 0, a boolean 0 or 1 and an empty text 0. Lists and objects are no numbers here.
    """
    if value is None:
        return 0.0
    if isinstance(value, int | float):
        return _as_double(value)
    return _text_as_number(value) if isinstance(value, str) else nan


def _as_double(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return inf if number > 0 else -inf


def _text_as_number(text: str) -> float:
    trimmed = text.strip()
    if not trimmed:
        return 0.0
    try:
        if trimmed[:2].lower() in {"0x", "0o", "0b"}:
            return _as_double(int(trimmed, 0)) if "_" not in trimmed else nan
        if trimmed.lstrip("+-") == "Infinity":
            return -inf if trimmed[0] == "-" else inf
        # Python also reads "nan", "inf", "1_000" and the digits of other scripts.
        return float(trimmed) if trimmed.isascii() and not set(trimmed.lower()) & set("in_") else nan
    except ValueError:
        return nan


def number_text(number: float) -> str:
    """Print a finite number as ECMAScript's ``Number::toString`` does: the shortest digits of its double.

    Positional from 1e-6 up to 1e21, else with an exponent: ``1``, ``0.5``, ``1e+21``, ``1.5e-7``.
    """
    if isinstance(number, int) and -_EXACT < number < _EXACT:
        return str(number)
    double = float(number)
    if double == 0.0:
        return "0"
    negative, all_digits, exponent = Decimal(repr(double)).as_tuple()
    text = "".join(map(str, all_digits)).lstrip("0")
    point = len(text) + int(exponent)
    digits = text.rstrip("0")
    if len(digits) <= point <= 21:
        printed = digits.ljust(point, "0")
    elif 0 < point <= 21:
        printed = f"{digits[:point]}.{digits[point:]}"
    elif -6 < point <= 0:
        printed = f"0.{'0' * -point}{digits}"
    else:
        fraction = f".{digits[1:]}" if len(digits) > 1 else ""
        printed = f"{digits[0]}{fraction}e{point - 1:+d}"
    return f"-{printed}" if negative else printed


def hash_text(value: Any) -> str:
    """Return the text that stands for a visitor in a hash; empty if the value identifies nobody.

    Texts and finite numbers other than 0 identify; booleans, null, lists and objects do not.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    return number_text(value) if value and isfinite(_as_double(value)) else ""
