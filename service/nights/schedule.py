"""When a night is due: pure arithmetic on wall clocks, time zones and their changes.

A time that a day does not have (clocks jump from 02:00 to 03:00, the night is due at 02:30) comes later by as much as
was skipped; of a time that a day has twice, the first counts. So every day has one night: RFC 5545, section 3.3.5,
reads local times like that, and it is what PEP 495 makes of ``fold=0``.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_TIME_OF_DAY: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_DAYS_AROUND: Final = range(-2, 3)
"""Local dates around today's that are looked at: a zone that crosses the date line skips or repeats a whole day."""


@dataclass(frozen=True, slots=True)
class DailySchedule:
    """Once a day, at a time of day in a time zone. Instants are Unix seconds.

    Attributes:
        at: time of day, to the minute.
        zone: whose clocks it is read on.
    """

    at: time
    zone: ZoneInfo

    def on(self, day: date) -> float:
        """Return when the night of a day is due."""
        return datetime.combine(day, self.at, tzinfo=self.zone).timestamp()

    def latest(self, now: float) -> float:
        """Return when the newest night that is due at ``now`` was due."""
        return max(due for due in self._around(now) if due <= now)

    def following(self, now: float) -> float:
        """Return when the next night after ``now`` is due."""
        return min(due for due in self._around(now) if due > now)

    def missed(self, since: float, now: float) -> int:
        """Return how many nights were due after ``since``, up to and with ``now``.

        Args:
            since: when the last night began, or when waiting began if there was none.
            now: as late or later; a clock that was set back has missed nothing.
        """
        nights = 0
        while (due := self.following(since)) <= now:
            since = due
            nights += 1
        return nights

    def local(self, instant: float) -> datetime:
        """Return an instant as the zone's clocks show it."""
        return datetime.fromtimestamp(instant, self.zone)

    def _around(self, now: float) -> list[float]:
        today = self.local(now).date()
        return [self.on(today + timedelta(days=days)) for days in _DAYS_AROUND]


def parse_schedule(at: str, zone_name: str) -> DailySchedule:
    """Return the schedule that two words name, such as ``03:30`` and ``Europe/Berlin``.

    Raises:
        ValueError: one of them is no time of day or no IANA time zone; the message says which.
    """
    matched = _TIME_OF_DAY.fullmatch(at)
    if matched is None:
        raise ValueError(f"{at!r} is no time of day such as 03:30")
    try:
        zone = ZoneInfo(zone_name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{zone_name!r} is no IANA time zone such as Europe/Berlin") from None
    return DailySchedule(time(int(matched[1]), int(matched[2])), zone)
