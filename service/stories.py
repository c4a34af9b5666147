"""Visitors' stories: what each of them did, put together from the entries of log and archive."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import msgspec

from recommender.events import Event
from recommender.visitor.effects import Effects
from recommender.visitor.ledger import VisitorLedger
from recommender.visitor.state import second_of
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
    """One visitor's events so far, and the three things about their arrival that a state or ring needs."""

    ledger: VisitorLedger = field(default_factory=VisitorLedger)
    last_seen: int = 0
    last_arrival: float = 0.0
    recent_events: int = 0


_decode_event = msgspec.json.Decoder(Event).decode


class StoryReading:
    """What one rebuild looks for, and how far it has come.

    Args:
        effects: what an event does to a visitor.
        wanted: whose stories; everybody's if not given.
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
        now: float,
        recent_after: float,
        progress: Progress | None,
    ) -> None:
        self._effects = effects
        self._wanted = wanted
        self.erased = erased
        self.now = now
        self._recent_after = recent_after
        self._progress = progress
        self._read = 0
        self.total = 0
        self.rebuilt = Rebuilt()

    def only(self, visitor_ids: Collection[str]) -> "StoryReading":
        """Return the same run looking for fewer visitors, with the same counts and no progress to tell."""
        narrowed = StoryReading(
            self._effects,
            visitor_ids,
            self.erased,
            now=self.now,
            recent_after=self._recent_after,
            progress=None,
        )
        narrowed.rebuilt = self.rebuilt
        return narrowed

    def take(self, stories: dict[str, Story], visitor_id: str, received_at: float, json: bytes) -> None:
        """Take an entry into its visitor's story if it is one that is looked for."""
        if self._wanted is not None and visitor_id not in self._wanted:
            return
        if self.erased.covers(visitor_id, received_at):
            return
        story = stories.get(visitor_id) or Story()
        try:
            is_new = self._applied(story, received_at, json)
        except msgspec.MsgspecError:
            self.rebuilt.unreadable += 1
            return
        stories[visitor_id] = story
        if is_new:
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

    def _applied(self, story: Story, received_at: float, json: bytes) -> bool:
        """Take one entry into a visitor's story; return whether it was new.

        Raises:
            msgspec.MsgspecError: the entry is no event.
        """
        event = _decode_event(json)
        if not story.ledger.apply(self._effects(event)):
            return False
        story.last_seen = max(story.last_seen, second_of(min(received_at, event.timestamp)))
        story.last_arrival = max(story.last_arrival, received_at)
        story.recent_events += received_at >= self._recent_after
        return True
