"""Prices as feeds write them, in minor units of an ISO 4217 currency."""

import re
from decimal import Decimal
from typing import Final, NamedTuple

_TWO_DECIMALS: Final = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY "
    "COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS "
    "INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR "
    "MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD "
    "SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)
_NO_DECIMALS: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE_DECIMALS: Final = "BHD IQD JOD KWD LYD OMR TND"
CURRENCY_EXPONENTS: Final[dict[str, int]] = {
    **dict.fromkeys(_TWO_DECIMALS.split(), 2),
    **dict.fromkeys(_NO_DECIMALS.split(), 0),
    **dict.fromkeys(_THREE_DECIMALS.split(), 3),
}
"""Decimals of each currency's minor unit (ISO 4217, list one): JPY 0, EUR 2, KWD 3."""

MAX_MINOR: Final = 10**12
_LONGEST_PRICE: Final = 40
_SIGNS: Final = {"€": "EUR", "£": "GBP", "₺": "TRY", "zł": "PLN", "₹": "INR"}
_AMBIGUOUS_SIGNS: Final = frozenset("$¥")
_PRICE: Final = re.compile(r"([^\W\d_]{3}|[€£¥₺₹$])?\s*(-?[\d.,'’\s]*\d)\s*([^\W\d_]{3}|zł|[€£¥₺₹$])?")


class Money(NamedTuple):
    """An amount in minor units of a currency: ``Money(5990, "EUR")`` is 59.90 EUR."""

    minor: int
    currency: str


def major_units(minor: int, currency: str) -> float:
    """Return an amount in major units, as GA4 and the answers write it: 5990 EUR-cents are 59.9."""
    exponent = CURRENCY_EXPONENTS.get(currency, 2)
    return minor / 10**exponent if exponent else float(minor)


def parse_money(text: str, *, default_currency: str | None = None) -> Money:
    """Read a price such as ``"59.90 EUR"``, ``"EUR 59,90"`` or ``"1,299.00 USD"``.

    A dot or a comma is the decimal separator if it comes last and fits the currency's decimals (trailing zeros
    beyond them are dropped). Thousands are told from decimals by the number of digits, and a text that could
    mean both ("1.299 EUR") is refused rather than guessed a thousand times too small.

    Args:
        text: the feed's ``price``.
        default_currency: the currency of prices that name none.

    Raises:
        ValueError: with the reason and what to write instead.
    """
    match = _PRICE.fullmatch(text.strip()) if len(text) <= _LONGEST_PRICE else None
    if match is None:
        raise ValueError(f"{text!r:.60} is no price: write it as 59.90 EUR")
    currency = _currency(match[1], match[3], default_currency, text)
    exponent = CURRENCY_EXPONENTS[currency]
    amount = _amount(match[2], exponent, text)
    minor = amount.scaleb(exponent)
    if minor != minor.to_integral_value():
        raise ValueError(f"{text!r:.60} has more than the {exponent} decimals of {currency}: round it")
    if minor < 0:
        raise ValueError(f"{text!r:.60} is negative: write the price as a positive amount")
    if minor == 0:
        raise ValueError(f"{text!r:.60} is zero: give the price, or leave the item out of the feed")
    if minor > MAX_MINOR:
        raise ValueError(f"{text!r:.60} is beyond {MAX_MINOR:,} minor units: check the number")
    return Money(int(minor), currency)


def _currency(before: str | None, after: str | None, default: str | None, text: str) -> str:
    stated = before or after
    if before and after and _code(before) != _code(after):
        raise ValueError(f"{text!r:.60} names two currencies: keep one, as in 59.90 EUR")
    if stated is None or stated in _AMBIGUOUS_SIGNS:
        if default is None:
            raise ValueError(
                f"{text!r:.60} has no currency: write it as 59.90 EUR, or set a default currency"
            )
        stated = default
    code = _code(stated)
    if code not in CURRENCY_EXPONENTS:
        raise ValueError(f"{stated!r} is no ISO 4217 currency code: write one, as in 59.90 EUR")
    return code


def _code(sign: str) -> str:
    return _SIGNS.get(sign.lower(), sign.upper())


def _amount(number: str, exponent: int, text: str) -> Decimal:
    """Tell decimal separators from thousands separators."""
    digits = re.sub(r"[\s'’]", "", number)
    last = max(digits.rfind("."), digits.rfind(","))
    if last < 0:
        return Decimal(digits)
    mark, other = digits[last], "," if digits[last] == "." else "."
    whole, decimals = digits[:last], digits[last + 1 :]
    if mark in whole:
        return _grouped(digits, mark, other, text)
    if other in whole:
        return _grouped(whole, other, mark, text) + (-1 if digits[0] == "-" else 1) * Decimal(f"0.{decimals}")
    if len(decimals) == 3 and exponent != 3 and whole.lstrip("-") not in {"", "0"}:
        if mark == ".":
            raise ValueError(
                f"{text!r:.60} could mean thousands or decimals: write 1299.00 EUR, with {exponent} decimals"
            )
        return Decimal(whole + decimals)
    if len(decimals) == 3 and exponent == 3 and mark == ",":
        raise ValueError(
            f"{text!r:.60} could mean thousands or decimals: write it with a dot, as in 12.500 KWD"
        )
    return Decimal(f"{whole or '0'}.{decimals}")


def _grouped(digits: str, mark: str, other: str, text: str) -> Decimal:
    """Read a whole number whose thousands are set apart by ``mark``."""
    first, *groups = digits.lstrip("-").split(mark)
    if other in digits or not 1 <= len(first) <= 3 or any(len(group) != 3 for group in groups):
        raise ValueError(f"{text!r:.60} is no price: write it as 1299.00 EUR, without thousands separators")
    return Decimal(digits.replace(mark, ""))
