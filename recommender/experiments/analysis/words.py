"""Figures as people read them."""

from typing import Final

from recommender.experiments.analysis.intervals import Interval
from recommender.experiments.analysis.metrics import Unit

MINUS: Final = "\N{MINUS SIGN}"
NONE: Final = "-"


def count(number: float) -> str:
    """Return a whole number with thousands separated."""
    return f"{number:,.0f}"


def percent(share: float, *, signed: bool = False) -> str:
    """Return a share as per cent with two significant digits after the first: ``3.1 %``, ``0.042 %``, ``+12 %``."""
    return f"{_signed(100.0 * share, _digits(100.0 * share), signed=signed)} %"


def level(share: float) -> str:
    """Return a confidence or a probability that somebody set: ``95 %``, ``98.3 %``."""
    return f"{100.0 * share:.3g} %"


def tick(share: float) -> str:
    """Return a relative difference beside an axis, as short as it can be: ``+20 %``."""
    text = f"{100.0 * share:+.3g} %".replace("-", MINUS)
    return "0 %" if abs(share) < 1e-9 else text


def rounded_up(number: int) -> int:
    """Return a count rounded up to two significant digits, for what nobody can know more of."""
    step: int = 10 ** max(0, len(str(number)) - 2)
    return -(-number // step) * step


def duration(seconds: float) -> str:
    """Return a time span in the largest unit that it is a whole number of: ``7 days``, ``36 hours``, ``30 seconds``."""
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= size and seconds % size == 0:
            return _plural(seconds / size, unit)
    return _plural(seconds, "second") if seconds < 86_400 else f"{seconds / 86_400:.3g} days"


def _plural(number: float, noun: str) -> str:
    return f"{number:g} {noun}" if number == 1 else f"{number:g} {noun}s"


def amount(value: float, unit: Unit, currency: str, *, signed: bool = False) -> str:
    """Return a metric's value in its unit."""
    if unit is Unit.SHARE:
        return percent(value, signed=signed)
    digits = max(2, _digits(value)) if unit is Unit.MONEY else _digits(value) + 1
    text = _signed(value, digits, signed=signed)
    return f"{text} {currency}" if unit is Unit.MONEY else text


def span(interval: Interval | None, *, signed: bool = True) -> str:
    """Return a relative interval's ends, such as ``−4.9 to −1.2 %``."""
    if interval is None:
        return NONE
    ends = (abs(100.0 * interval.low), abs(100.0 * interval.high))
    digits = _digits(max(ends))
    # An end that is not zero must not be printed as zero: the interval would seem to touch it.
    while min(ends) > 0 and round(min(ends), digits) == 0 and digits < 4:
        digits += 1
    low, high = (_signed(100.0 * end, digits, signed=signed) for end in (interval.low, interval.high))
    return f"{low} to {high} %"


def absolute_span(interval: Interval, unit: Unit, currency: str) -> str:
    """Return an absolute interval's ends in the unit of the metric; of shares, percentage points."""
    if unit is Unit.SHARE:
        return span(interval).replace(" %", " points")
    low, high = (amount(end, unit, currency, signed=True) for end in (interval.low, interval.high))
    return f"{low} to {high}"


def probability(value: float) -> str:
    """Return a p-value with two significant digits, never as 0."""
    if value < 0.0001:
        return "< 0.0001"
    return f"{value:.2g}" if value < 0.1 else f"{value:.2f}"


def _digits(value: float) -> int:
    """Return the decimals that leave two or three significant digits."""
    size = abs(value)
    for limit, digits in ((99.95, 0), (0.995, 1), (0.0995, 2)):
        if size >= limit:
            return digits
    return 3 if size else 0


def _signed(value: float, digits: int, *, signed: bool) -> str:
    text = f"{abs(value):,.{digits}f}"
    if float(text.replace(",", "")) == 0.0:
        return text
    if value < 0:
        return MINUS + text
    return f"+{text}" if signed else text
