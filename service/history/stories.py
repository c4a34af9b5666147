"""Visitors' stories: what each of them did, put together from the entries of log and archive.

What a visitor did until they were recognised as a customer is taken apart from what they did later; a customer's story
takes it in where the log says that it arrived.
"""

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import msgspec

from recommender.events import Event, EventName
from recommender.visitor.effects import Effects
from recommender.visitor.holdings import Holdings
from recommender.visitor.ledger import VisitorLedger
from recommender.visitor.state import second_of
from service.history.transfers import Part, Transfers, moment_of
from service.stores.erasures import Erased
from service.stores.log import LogEntry

EffectsOf = Callable[[Event], Effects]
"""Returns what an event does to a visitor's state."""

Progress = Callable[[int, int], None]
"""Is told how many entries have been read, and of how many."""


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild did; ``repeated`` entries were an event already seen, ``unreadable`` ones no event at all."""

    visitors: int = 0
    events: int = 0
    repeated: int = 0
    unreadable: int = 0


@dataclass(slots=True)
class Story:
    """One visitor's events so far, and the four things about their arrival that a state or ring needs."""

    ledger: VisitorLedger = field(default_factory=VisitorLedger)
    last_seen: int = 0
    last_arrival: float = 0.0
    recent_events: int = 0
    has_returned: bool = False
    arrived: set[Part] = field(default_factory=set)

    def held(self) -> Holdings:
        """Return what a store would have held of the visitor at the end of the story."""
        ring = self.ledger.ring(self.recent_events)
        state = self.ledger.state(last_seen=self.last_seen, session_started=self.last_seen)
        return Holdings(state, ring, self.ledger.orders())

    def absorb(self, part: Part, held: Holdings, arrived_at: float) -> None:
        """Take in what a visitor did before they were recognised; a second time does nothing."""
        if part in self.arrived:
            return
        self.arrived.add(part)
        self.ledger.absorb(held)
        self.last_seen = max(self.last_seen, held.state.last_seen)
        self.last_arrival = max(self.last_arrival, arrived_at)
        self.recent_events += sum(1 for print_ in held.ring if not print_ & 1)
        self.has_returned = True


class _Entry(NamedTuple):
    """An entry of log or archive, and the stories that its visitor's is among."""

    received_at: float
    visitor_id: str
    json: bytes
    stories: dict[str, Story]


_Key = TypeVar("_Key", bound=Hashable)

_decode_event = msgspec.json.Decoder(Event).decode


class StoryReading:
    """What one rebuild looks for, and how far it has come.

    Args:
        effects: what an event does to a visitor.
        wanted: whose stories; everybody's if not given.
        left_out: whose stories are not looked for even so.
        in_order: tell stories in the order of arrival, which the archive has not, once everything was taken. A customer's
            needs it: what counts once a day may have been counted before a part arrived, or by the part. It holds all
            entries meanwhile.
        transfers: who turned out to be whom.
        erased: entries that are left out.
        now: Unix seconds.
        recent_after: Unix seconds; repetitions of what arrived since are guarded against.
        progress: told of each page that was read.
    """

    def __init__(
        self,
        effects: EffectsOf,
        wanted: Collection[str] | None,
        erased: Erased,
        *,
        transfers: Transfers,
        left_out: Collection[str] = (),
        in_order: bool = False,
        now: float,
        recent_after: float,
        progress: Progress | None,
    ) -> None:
        self._effects = effects
        self._wanted = wanted
        self._left_out = left_out
        self._waiting: list[_Entry] | None = [] if in_order else None
        self.erased = erased
        self.transfers = transfers
        self._parts: dict[Part, Story] = {}
        self.missing: list[tuple[Story, Part, float]] = []
        self.now = now
        self._recent_after = recent_after
        self._progress = progress
        self._read = 0
        self.total = 0
        self.rebuilt = Rebuilt()

    def only(
        self, visitor_ids: Collection[str] | None, *, in_order: bool = False, is_counted: bool = True
    ) -> "StoryReading":
        """Return the same run looking for other visitors, with the same counts if wished, and no progress to tell."""
        narrowed = StoryReading(
            self._effects,
            visitor_ids,
            self.erased,
            transfers=self.transfers,
            in_order=in_order,
            now=self.now,
            recent_after=self._recent_after,
            progress=None,
        )
        if is_counted:
            narrowed.rebuilt = self.rebuilt
        return narrowed

    def take(self, stories: dict[str, Story], visitor_id: str, received_at: float, json: bytes) -> None:
        """Take an entry that is looked for into its visitor's story, or note it for :meth:`told`."""
        if (self._wanted is not None and visitor_id not in self._wanted) or visitor_id in self._left_out:
            return
        if self.erased.covers(visitor_id, received_at):
            return
        entry = _Entry(received_at, visitor_id, json, stories)
        if self._waiting is None:
            self._tell(entry)
        else:
            self._waiting.append(entry)

    def told(self) -> None:
        """Tell in the order of arrival what was noted, and keep what parts come to of which every entry has been taken."""
        for entry in sorted(self._waiting or (), key=lambda entry: entry.received_at):
            self._tell(entry)
        if self._waiting:
            self._waiting.clear()
        for part, story in self._parts.items():
            self.transfers.keep(part, story.held())
        self._parts.clear()

    def _tell(self, entry: "_Entry") -> None:
        """Let a story go on by an entry.

        A part that has arrived in a customer's story without its being known what it comes to is noted in ``missing``,
        with the story and the time of arrival.
        """
        received_at, visitor_id, json, stories = entry
        try:
            event = _decode_event(json)
        except msgspec.MsgspecError:
            self.rebuilt.unreadable += 1
            return
        if event.name is EventName.IDENTIFIED:
            self._end_part(stories, visitor_id, event)
            return
        part = self.transfers.part_of(visitor_id, received_at)
        story = _of(stories, visitor_id) if part is None else _of(self._parts, part)
        if event.name is EventName.MERGED:
            self._take_part(story, event, received_at)
        elif self._applied(story, received_at, event):
            self.rebuilt.events += 1
        else:
            self.rebuilt.repeated += 1

    def take_logged(self, stories: dict[str, Story], entries: Sequence[LogEntry]) -> None:
        """Take in entries of the log."""
        for entry in entries:
            self.take(stories, entry.visitor_id, entry.received_at, entry.json)
        self.tell(len(entries))

    def tell(self, entries: int) -> None:
        """Count entries read and report."""
        self._read += entries
        if self._progress is not None:
            self._progress(self._read, max(self.total, self._read))

    def _end_part(self, stories: dict[str, Story], visitor_id: str, event: Event) -> None:
        """Deal with a moment at which a visitor was recognised; if that is news, what they did so far is before it."""
        self.transfers.note(visitor_id, event)
        part, story = Part(visitor_id, moment_of(event)), stories.get(visitor_id)
        if story is not None and round(story.last_arrival * 1000) <= part.until_ms:
            del stories[visitor_id]
            if not self.transfers.knows(part):
                self.transfers.keep(part, story.held())

    def _take_part(self, story: Story, event: Event, received_at: float) -> None:
        part = Part(event.link or "", moment_of(event))
        if self.transfers.knows(part):
            story.absorb(part, self.transfers.held_of(part), received_at)
        else:
            self.missing.append((story, part, received_at))

    def _applied(self, story: Story, received_at: float, event: Event) -> bool:
        """Take one event into a visitor's story; return whether it was new."""
        if not story.ledger.apply(self._effects(event)):
            return False
        story.last_seen = max(story.last_seen, second_of(min(received_at, event.timestamp)))
        story.last_arrival = max(story.last_arrival, received_at)
        story.recent_events += received_at >= self._recent_after
        story.has_returned |= not event.is_first_visit
        return True


def _of(stories: dict[_Key, Story], key: _Key) -> Story:
    story = stories.get(key)
    if story is None:
        story = stories[key] = Story()
    return story
