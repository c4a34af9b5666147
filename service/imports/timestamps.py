"""Every form in which a shop's export writes a point in time, and nothing that has to be guessed."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from typing import Final

EARLIEST: Final = 631_152_000.0
"""1990-01-01: a number that lands before it is no time of a shop's event but another number."""

EPOCH_UNITS: Final = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}

ParseTimestamp = Callable[[object], float]
"""Turns one cell into Unix seconds; raises ``ValueError`` with the reason."""


def timestamp_parser(form: str | None, zone: tzinfo = UTC) -> ParseTimestamp:
    """Return the function that reads a file's timestamps.

    Args:
        form: ``None`` reads ISO 8601 and Unix times and tells seconds from milli-, micro- and
            nanoseconds by their size; ``s``, ``ms``, ``us`` or ``ns`` names the unit; anything else
            is a ``strptime`` format such as ``%d/%m/%Y``.
        zone: the zone of times that name none.
    """
    if form in EPOCH_UNITS:
        per_second = EPOCH_UNITS[form]
        return lambda cell: _plausible(_number(cell) / per_second, cell)
    if form is not None:
        return lambda cell: _from_format(cell, form, zone)
    return lambda cell: _from_any(cell, zone)


def _from_any(cell: object, zone: tzinfo) -> float:
    if isinstance(cell, datetime | date):
        return _plausible(_seconds(cell, zone), cell)
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return _plausible(_scaled(float(cell)), cell)
    text = str(cell).strip()
    try:
        number = float(text)
    except ValueError:
        pass
    else:
        if len(text) == 8 and text.isdigit():
            raise ValueError(
                f"{text!r} may be a day or a number of seconds: give --timestamp-format '%Y%m%d'"
            )
        return _plausible(_scaled(number), cell)
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither ISO 8601 (2025-11-21 or 2025-11-21T17:20:00Z) nor a Unix time: "
            "give --timestamp-format, for example '%d/%m/%Y'"
        ) from None
    return _plausible(_seconds(when, zone), cell)


def _from_format(cell: object, form: str, zone: tzinfo) -> float:
    if isinstance(cell, datetime | date):
        return _plausible(_seconds(cell, zone), cell)
    try:
        when = datetime.strptime(str(cell).strip(), form)  # noqa: DTZ007 - _seconds gives it its zone
    except (ValueError, re.error):  # the latter of a format that has a field twice
        raise ValueError(f"{cell!r} does not follow --timestamp-format {form!r}") from None
    return _plausible(_seconds(when, zone), cell)


def _seconds(when: date, zone: tzinfo) -> float:
    if not isinstance(when, datetime):
        return datetime(when.year, when.month, when.day, tzinfo=zone).timestamp()
    return (when if when.tzinfo else when.replace(tzinfo=zone)).timestamp()


def _number(cell: object) -> float:
    try:
        return float(str(cell))
    except ValueError:
        raise ValueError(f"{cell!r} is no number") from None


def _scaled(number: float) -> float:
    # 1e11 seconds are the year 5138, 1e11 milliseconds are 1973: no unit's plausible range meets the next one's.
    size = abs(number)
    if size < 1e11:
        return number
    if size < 1e14:
        return number / EPOCH_UNITS["ms"]
    if size < 1e17:
        return number / EPOCH_UNITS["us"]
    return number / EPOCH_UNITS["ns"]


def _plausible(seconds: float, cell: object) -> float:
    if not EARLIEST <= seconds < 4_102_444_800.0:  # 2100-01-01; also false for nan
        raise ValueError(f"{str(cell)!r} is no time between 1990 and 2100")
    return seconds
