"""One row of the table: what callers saw of a fault, how fast, and what became of their events."""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, nan
from typing import Final

from tests.faults.operators import Operators
from tests.faults.traffic import Asked, Traffic

STREAK: Final = 30
"""Requests in a row that get all they ask for, when things have gone back to normal."""

HEADINGS: Final = (
    "fault",
    "sent",
    "200",
    "degraded",
    "503",
    "failed",
    "sent again",
    "pages' p99 ms before",
    "during",
    "after",
    "slowest of all",
    "recovered after s",
    "acknowledged = found",
)


@dataclass(frozen=True)
class Row:
    """What was seen.

    Attributes:
        title: of the fault.
        asked: every request, in the order in which they were due.
        began: when the fault began, by ``time.monotonic()``.
        ended: when its cause was removed.
        acknowledged: events that Kabin said it has kept.
        lost: of them, those that are nowhere.
        excused: those that may be: they went with Redis' data before they were archived.
        repeated: events that are there more than once.
        misplaced: entries of visitors who never sent them.
        unsent: events that callers could not bring even afterwards.
        tracebacks: in the service's log.
        may_send_again: whether connections could break under requests.
        notes: of the fault itself.
        seen_broken: promises that the fault itself has seen broken.
        operators_complaints: of everybody else who called, by call.
        operators_slowest_ms: answer to each of them.
    """

    title: str
    asked: Sequence[Asked]
    began: float
    ended: float
    acknowledged: int
    lost: frozenset[str] = frozenset()
    excused: frozenset[str] = frozenset()
    repeated: frozenset[str] = frozenset()
    misplaced: frozenset[str] = frozenset()
    unsent: int = 0
    tracebacks: int = 0
    may_send_again: bool = False
    notes: list[str] = field(default_factory=list)
    seen_broken: list[str] = field(default_factory=list)
    operators_complaints: Mapping[str, str] = field(default_factory=dict)
    operators_slowest_ms: Mapping[str, float] = field(default_factory=dict)

    @property
    def failed(self) -> list[Asked]:
        """Requests without an answer, or with one that Kabin promises nobody gets."""
        return [asked for asked in self.asked if asked.is_failed]

    @property
    def degraded(self) -> int:
        """Pages that were answered without their visitor."""
        return sum(asked.is_degraded and not asked.is_failed for asked in self.asked)

    @property
    def unavailable(self) -> int:
        """Requests that were answered 503."""
        return sum(asked.status == 503 and not asked.is_failed for asked in self.asked)

    @property
    def sent_again(self) -> int:
        """Requests whose connection broke before any answer."""
        return sum(asked.sent_again for asked in self.asked)

    @property
    def slowest_ms(self) -> float:
        """The slowest answer of all."""
        return max((asked.latency_ms for asked in self.asked), default=nan)

    @property
    def recovery_seconds(self) -> float:
        """From when the cause was removed to the first of :data:`STREAK` requests in a row that got all they asked for.

        Not to the last that did not: on a machine that is busy with other things a page misses Redis' 30 ms now and then.
        """
        streak, first = 0, inf
        for asked in self.asked:
            if asked.due >= self.ended:
                streak = streak + 1 if asked.is_healthy else 0
                if streak == 1:
                    first = asked.due
                if streak == STREAK:
                    return first - self.ended
        return inf

    @property
    def recovered_at(self) -> float:
        """When requests were answered in full again."""
        return self.ended + self.recovery_seconds

    def p99_ms(self, start: float, end: float) -> float:
        """Return the 99th percentile of the latencies of pages that were due in between."""
        some = [asked.latency_ms for asked in self.asked if asked.is_page and start <= asked.due < end]
        return statistics.quantiles(some, n=100, method="inclusive")[98] if len(some) > 1 else nan

    @property
    def complaints(self) -> dict[str, int]:
        """What was wrong, and how often."""
        return dict(Counter(asked.complaint for asked in self.failed).most_common(5))

    @property
    def broken(self) -> list[str]:
        """Which promises were broken, in words; none in a good row."""
        sent_again = 0 if self.may_send_again else self.sent_again
        counts = {
            "requests failed": len(self.failed),
            "connections broke under a request": sent_again,
            "acknowledged events are nowhere": len(self.lost - self.excused),
            "events are there more than once": len(self.repeated),
            "entries are with the wrong visitor": len(self.misplaced),
            "events could not be brought even afterwards": self.unsent,
            "tracebacks are in the log": self.tracebacks,
        }
        found = [f"{number:,} {what}" for what, number in counts.items() if number]
        found += self.seen_broken
        found += [f"{times} × {complaint}" for complaint, times in self.complaints.items()]
        if not self.may_send_again:
            found += [f"{call}: {complaint}" for call, complaint in self.operators_complaints.items()]
        return found

    def cells(self) -> list[str]:
        """Return the row of the table."""
        whole = len(self.asked) - self.degraded - self.unavailable - len(self.failed)
        found = self.acknowledged - len(self.lost)
        same = f"{self.acknowledged:,}" if not self.lost else f"{self.acknowledged:,} ≠ {found:,}"
        counts = (len(self.asked), whole, self.degraded, self.unavailable, len(self.failed), self.sent_again)
        times = (
            self.p99_ms(-inf, self.began),
            self.p99_ms(self.began, self.ended),
            self.p99_ms(self.recovered_at + 1e-9, inf),
            self.slowest_ms,
        )
        return [
            self.title,
            *(f"{count:,}" for count in counts),
            *(f"{time:,.0f}" for time in times),
            f"{self.recovery_seconds:.1f}",
            same,
        ]


def row_of(
    title: str,
    traffic: Traffic,
    found: Counter[tuple[str, str]],
    *,
    began: float,
    ended: float,
    tracebacks: int,
    may_send_again: bool,
    notes: list[str],
    complaints: list[str],
    operators: Operators,
) -> Row:
    """Compare what was acknowledged with what was found."""
    prefix = f"{traffic.name}-"
    mine = {place: times for place, times in found.items() if place[1].startswith(prefix)}
    owners = traffic.sent
    return Row(
        title,
        list(traffic.asked),
        began,
        ended,
        len(traffic.acknowledged),
        lost=frozenset(
            event_id
            for event_id, visitor_id in traffic.acknowledged.items()
            if (visitor_id, event_id) not in mine
        ),
        excused=traffic.excused,
        repeated=frozenset(event_id for (_, event_id), times in mine.items() if times > 1),
        misplaced=frozenset(event_id for visitor_id, event_id in mine if owners.get(event_id) != visitor_id),
        unsent=traffic.waiting,
        tracebacks=tracebacks,
        may_send_again=may_send_again,
        notes=notes,
        seen_broken=complaints,
        operators_complaints=operators.complaints,
        operators_slowest_ms=operators.slowest_ms,
    )


def markdown(rows: Sequence[Row]) -> str:
    """Return the table as it stands in the README."""
    lines = [list(HEADINGS), ["---"] + ["---:"] * (len(HEADINGS) - 1), *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
