"""Prices as shops write them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.catalog.money import CURRENCY_EXPONENTS, Money, major_units, parse_money


@pytest.mark.parametrize(
    ("text", "minor", "currency"),
    [
        ("59.90 EUR", 5990, "EUR"),
        ("59,90 EUR", 5990, "EUR"),
        ("EUR 59.90", 5990, "EUR"),
        ("eur59.9", 5990, "EUR"),
        ("59 EUR", 5900, "EUR"),
        ("€59.90", 5990, "EUR"),
        ("1,299.00 USD", 129900, "USD"),
        ("1.299,00 EUR", 129900, "EUR"),
        ("1.299.000,50 EUR", 129900050, "EUR"),
        ("1 299,00\u00a0EUR", 129900, "EUR"),
        ("1'299.00 CHF", 129900, "CHF"),
        ("1,299 USD", 129900, "USD"),
        ("59.9000 EUR", 5990, "EUR"),
        (".50 GBP", 50, "GBP"),
        ("5990 JPY", 5990, "JPY"),
        ("5,990 JPY", 5990, "JPY"),
        ("5990.00 JPY", 5990, "JPY"),
        ("12.500 KWD", 12500, "KWD"),
        ("0.500 EUR", 50, "EUR"),
    ],
)
def test_reads_the_ways_in_which_feeds_write_prices(text: str, minor: int, currency: str) -> None:
    """Separators, order and currency signs of real feeds come out in minor units of the currency."""
    assert parse_money(text) == Money(minor, currency)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("59.90", "no currency"),
        ("$59.90", "no currency"),
        ("-5.00 EUR", "negative"),
        ("0.00 EUR", "zero"),
        ("59.999 EUR", "thousands or decimals"),
        ("1.299 EUR", "thousands or decimals"),
        ("12,500 KWD", "thousands or decimals"),
        ("59.9011 EUR", "decimals"),
        ("59.90 XYZ", "ISO 4217"),
        ("59.90 EUR USD", "no price"),
        ("EUR 59.90 USD", "two currencies"),
        ("free", "no price"),
        ("", "no price"),
        ("1.2.3 EUR", "no price"),
        ("nan EUR", "no price"),
        ("9" * 30 + " EUR", "beyond"),
        (" " * 100_000 + "x", "no price"),
    ],
)
def test_refuses_what_is_no_price_and_says_why(text: str, reason: str) -> None:
    """A price that is wrong or could mean two amounts is refused with a reason, never guessed."""
    with pytest.raises(ValueError, match=reason):
        parse_money(text)


def test_uses_the_default_currency_where_a_price_names_none() -> None:
    """A shop with one currency may leave it out."""
    assert parse_money("59,90", default_currency="EUR") == Money(5990, "EUR")
    assert parse_money("$59.90", default_currency="CAD") == Money(5990, "CAD")


@given(st.integers(1, 10**11), st.sampled_from(sorted(CURRENCY_EXPONENTS)))
def test_reads_back_what_the_specification_writes(minor: int, currency: str) -> None:
    """An amount written with a dot and the currency's own decimals means exactly itself."""
    exponent = CURRENCY_EXPONENTS[currency]
    digits = str(minor).rjust(exponent + 1, "0")
    text = f"{digits[:-exponent]}.{digits[-exponent:]}" if exponent else digits
    assert parse_money(f"{text} {currency}") == Money(minor, currency)
    assert major_units(minor, currency) == float(text)


@given(st.text(max_size=60))
def test_never_fails_otherwise_than_with_a_reason(text: str) -> None:
    """Any text is a price or a ValueError."""
    with suppress(ValueError):
        assert parse_money(text, default_currency="EUR").minor > 0
