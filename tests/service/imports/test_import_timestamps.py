"""Points in time as shops' exports write them."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.imports.timestamps import EARLIEST, timestamp_parser

NOON = datetime(2025, 11, 21, 12, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "cell",
    [
        "2025-11-21T12:00:00Z",
        "2025-11-21T13:00:00+01:00",
        "2025-11-21 12:00:00",
        " 20251121T120000 ",
        "1763726400",
        1763726400,
        1763726400.0,
        1763726400000,
        "1763726400000",
        1763726400000000,
        1763726400000000000,
        datetime(2025, 11, 21, 12, tzinfo=UTC),
        datetime(2025, 11, 21, 12),  # noqa: DTZ001 - a Parquet column without a zone
    ],
)
def test_every_unambiguous_form_is_the_same_instant(cell: object) -> None:
    """ISO 8601 and Unix times in four units are understood without being told."""
    assert timestamp_parser(None)(cell) == NOON


def test_a_day_is_its_first_moment_in_the_shops_zone() -> None:
    """Dates and local times are read in the zone given."""
    istanbul = timestamp_parser(None, ZoneInfo("Europe/Istanbul"))
    assert istanbul("2025-11-21") == NOON - 15 * 3600
    assert istanbul(date(2025, 11, 21)) == NOON - 15 * 3600
    assert istanbul("2025-11-21T12:00:00Z") == NOON


def test_a_format_reads_what_would_have_to_be_guessed() -> None:
    """Day and month are never guessed, but read in the format given."""
    assert timestamp_parser("%d/%m/%Y %H:%M")("21/11/2025 12:00") == NOON
    assert timestamp_parser("%Y%m%d")("20251121") == NOON - 12 * 3600
    assert timestamp_parser("ms")("1763726400000") == NOON


@pytest.mark.parametrize(
    ("form", "cell", "reason"),
    [
        (None, "05/04/2025", "give --timestamp-format"),
        (None, "yesterday", "give --timestamp-format"),
        (None, "20251121", "may be a day or a number of seconds"),
        (None, "42", "no time between 1990 and 2100"),
        (None, "nan", "no time between"),
        (None, "1970-01-01", "no time between"),
        (None, True, "give --timestamp-format"),
        ("%d/%m/%Y", "2025-11-21", "does not follow"),
        ("ms", "soon", "is no number"),
        ("s", "1763726400000", "no time between"),
    ],
)
def test_what_is_no_point_in_time_is_refused(form: str | None, cell: object, reason: str) -> None:
    """The reason names the text and the way out."""
    with pytest.raises(ValueError, match=reason):
        timestamp_parser(form)(cell)


@given(st.floats(min_value=EARLIEST, max_value=4_102_444_799.0))
def test_units_are_told_apart_by_size(seconds: float) -> None:
    """Whatever its unit, a Unix time from 1990 to 2100 is read as the same instant."""
    read = timestamp_parser(None)
    for unit in (1e3, 1e6):
        assert read(round(seconds * unit)) == pytest.approx(seconds, abs=1e-3)
