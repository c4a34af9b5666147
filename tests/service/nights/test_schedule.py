"""When a night is due, in every time zone and through every change of its clocks."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.nights.schedule import DailySchedule, parse_schedule

ZONES = sorted(available_timezones() - {"localtime", "Factory"})
DAY_SECONDS = 86_400.0


def at(text: str) -> float:
    """Return the Unix seconds of an ISO 8601 time with an offset."""
    return datetime.fromisoformat(text).timestamp()


def iso(instant: float, schedule: DailySchedule) -> str:
    """Return an instant as the schedule's zone writes it, to the minute."""
    return schedule.local(instant).isoformat(timespec="minutes")


@pytest.mark.parametrize(
    ("now", "latest", "following"),
    [
        ("2026-11-22T03:29:59+01:00", "2026-11-21T03:30+01:00", "2026-11-22T03:30+01:00"),
        ("2026-11-22T03:30:00+01:00", "2026-11-22T03:30+01:00", "2026-11-23T03:30+01:00"),
        ("2026-12-31T23:59:00+01:00", "2026-12-31T03:30+01:00", "2027-01-01T03:30+01:00"),
        ("2026-11-22T02:31:00+00:00", "2026-11-22T03:30+01:00", "2026-11-23T03:30+01:00"),
    ],
)
def test_a_night_is_due_at_its_time_on_the_zones_clocks(now: str, latest: str, following: str) -> None:
    """The instant itself counts as due, and days begin and end where the shop is."""
    schedule = parse_schedule("03:30", "Europe/Berlin")
    assert iso(schedule.latest(at(now)), schedule) == latest
    assert iso(schedule.following(at(now)), schedule) == following


@pytest.mark.parametrize(
    ("zone", "time_of_day", "day", "due"),
    [
        ("Europe/Berlin", "02:30", "2026-03-29", "2026-03-29T03:30+02:00"),  # 02:00 to 03:00 is skipped
        ("Europe/Berlin", "02:30", "2026-10-25", "2026-10-25T02:30+02:00"),  # 02:00 to 03:00 comes twice
        ("Europe/Berlin", "03:30", "2026-03-29", "2026-03-29T03:30+02:00"),
        ("America/New_York", "02:00", "2026-03-08", "2026-03-08T03:00-04:00"),
        ("America/Santiago", "00:15", "2026-09-06", "2026-09-06T01:15-03:00"),  # a day without midnight
        ("Australia/Lord_Howe", "02:15", "2026-10-04", "2026-10-04T02:45+11:00"),  # half an hour is skipped
        ("Pacific/Apia", "03:30", "2011-12-30", "2011-12-31T03:30+14:00"),  # a day that there never was
    ],
)
def test_a_time_that_is_skipped_comes_later_and_one_that_comes_twice_comes_first(
    zone: str, time_of_day: str, day: str, due: str
) -> None:
    """Changes of the clocks neither lose a night nor add one."""
    schedule = parse_schedule(time_of_day, zone)
    assert iso(schedule.on(date.fromisoformat(day)), schedule) == due


@given(
    zone=st.sampled_from(ZONES),
    time_of_day=st.times().map(lambda one: one.replace(second=0, microsecond=0)),
    now=st.datetimes(datetime(1971, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - the zone is added
)
@example(zone="Pacific/Apia", time_of_day=time(3, 30), now=datetime(2011, 12, 30, 13, 30, tzinfo=UTC))
@example(zone="Pacific/Kwajalein", time_of_day=time(0, 0), now=datetime(1993, 8, 21, 12, 0, tzinfo=UTC))
@example(zone="America/Metlakatla", time_of_day=time(1, 30), now=datetime(2015, 11, 1, 10, 0, tzinfo=UTC))
def test_nights_follow_each_other_about_a_day_apart_everywhere(
    zone: str, time_of_day: time, now: datetime
) -> None:
    """In every zone, at every time: ``now`` lies between two neighbours, and waiting never stands still."""
    schedule = DailySchedule(time_of_day, ZoneInfo(zone))
    instant = now.timestamp()
    latest, following = schedule.latest(instant), schedule.following(instant)
    assert latest <= instant < following
    assert schedule.latest(following) == following
    assert schedule.following(latest) == following
    assert 0 < following - latest <= 2 * DAY_SECONDS  # two where the zone crossed the date line
    assert schedule.missed(latest, instant) == 0
    assert schedule.missed(latest, following) == 1


def test_missed_nights_are_counted() -> None:
    """A machine that was off from Monday noon to Friday noon has missed four nights, however the clocks changed."""
    schedule = parse_schedule("3:30", "Europe/Berlin")
    monday, friday = at("2026-03-23T12:00+01:00"), at("2026-03-27T12:00+01:00")
    assert schedule.missed(monday, friday) == 4
    assert schedule.missed(at("2026-03-28T12:00+01:00"), at("2026-03-29T12:00+02:00")) == 1
    assert schedule.missed(friday, monday) == 0


@pytest.mark.parametrize(
    ("time_of_day", "zone", "reason"),
    [
        ("24:00", "UTC", "'24:00' is no time of day such as 03:30"),
        ("half past three", "UTC", "is no time of day"),
        ("03:30:00", "UTC", "is no time of day"),
        ("03:30", "Mars/Phobos", "'Mars/Phobos' is no IANA time zone such as Europe/Berlin"),
        ("03:30", "../etc/passwd", "is no IANA time zone"),
        ("03:30", "", "is no IANA time zone"),
    ],
)
def test_what_is_no_time_or_no_zone_is_refused(time_of_day: str, zone: str, reason: str) -> None:
    """The message names the word that is wrong and shows a right one."""
    with pytest.raises(ValueError, match=reason):
        parse_schedule(time_of_day, zone)
