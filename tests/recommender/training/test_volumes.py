"""Volumes by day, for the report and for the gate."""

from dataclasses import replace

from recommender.events import SECONDS_PER_DAY
from recommender.training.report import DayVolume
from recommender.training.volumes import DAYS_REPORTED, daily_volumes, whole_days
from tests.recommender.training.clicks import MIDNIGHT, shop_days, views

DAY = SECONDS_PER_DAY


def test_every_day_has_its_interactions_and_visitors() -> None:
    """Also a day without any, and a day counts as held out that mostly is."""
    rows = [
        ("v", "a", MIDNIGHT),
        ("v", "b", MIDNIGHT + 5),
        ("w", "a", MIDNIGHT + 9),
        ("v", "a", MIDNIGHT + 2 * DAY),
    ]
    volumes = daily_volumes(views(rows), MIDNIGHT + 1.5 * DAY)
    assert volumes == (
        DayVolume("2025-11-21", 3, 2, held_out=False),
        DayVolume("2025-11-22", 0, 0, held_out=False),
        DayVolume("2025-11-23", 1, 1, held_out=True),
    )
    assert not any(volume.held_out for volume in daily_volumes(views(rows), None))


def test_a_report_shows_a_quarter() -> None:
    """One order of the year 1 must not make a report of 740,000 days."""
    rows = [("v", "a", -62_135_596_800.0), ("v", "a", MIDNIGHT), ("v", "a", MIDNIGHT + DAY)]
    volumes = daily_volumes(views(rows), None)
    assert [volume.day for volume in volumes] == ["2025-11-21", "2025-11-22"]
    long = views([("v", "a", MIDNIGHT + number * DAY) for number in range(200)])
    assert len(daily_volumes(long, None)) == DAYS_REPORTED


def test_without_times_there_are_no_days() -> None:
    """Nor without interactions."""
    assert daily_volumes(replace(shop_days(1), timed=False), None) == ()
    assert daily_volumes(views([]), None) == ()
    assert whole_days((), 0.0, 0.0) == ()


def test_a_day_is_over_when_the_clock_or_its_last_hour_says_so() -> None:
    """The first day is left out: it began before anybody looked; a morning is not a day."""
    shop = shop_days(4)
    volumes = daily_volumes(shop, None)
    days = [("2025-11-22", 350), ("2025-11-23", 350), ("2025-11-24", 350)]
    assert list(whole_days(volumes, shop.newest, 0.0)) == days
    morning = shop.take(shop.timestamp < MIDNIGHT + 3.3 * DAY)
    volumes = daily_volumes(morning, None)
    assert list(whole_days(volumes, morning.newest, morning.newest)) == days[:2]
    assert [day for day, _ in whole_days(volumes, morning.newest, MIDNIGHT + 4 * DAY)] == [
        day for day, _ in days
    ]


def test_days_that_passed_without_any_event_count_with_nothing() -> None:
    """The storefront stopped sending two days ago; a year ago is another matter."""
    shop = shop_days(4)
    volumes = daily_volumes(shop, None)
    two_days_later = whole_days(volumes, shop.newest, MIDNIGHT + 6.2 * DAY)
    assert two_days_later[-3:] == (("2025-11-24", 350), ("2025-11-25", 0), ("2025-11-26", 0))
    a_year_later = whole_days(volumes, shop.newest, MIDNIGHT + 365 * DAY)
    assert [count for _, count in a_year_later] == [350] + [0] * 7
