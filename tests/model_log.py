"""The event log as a plain model: what Redis keeps, loses and numbers, in a few lines; the same contract holds for both."""

import itertools
from dataclasses import dataclass, field

from service.archiving.batches import DrainableLog
from service.stores.log import FIRST, LogEntry, place_of
from service.stores.log_drain import LogHead


@dataclass(frozen=True)
class _Write:
    """One write as the append-only file has it."""

    partition: int
    log_id: str
    visitor_id: str = ""
    json: bytes = b""

    @property
    def is_trim(self) -> bool:
        return not self.json


@dataclass
class ModelLog(DrainableLog):
    """A log whose server can be killed: it comes back without its last writes, and with any clock."""

    clock_ms: int = 1_763_740_800_000
    lives: int = 0
    _writes: list[_Write] = field(default_factory=list)

    def append(self, partition: int, visitor_id: str, json: bytes) -> str:
        """Append an entry as XADD does; return its id."""
        last_ms, last_number = max(
            (place_of(write.log_id) for write in self._writes if write.partition == partition), default=(0, 0)
        )
        log_id = f"{self.clock_ms}-0" if self.clock_ms > last_ms else f"{last_ms}-{last_number + 1}"
        self._writes.append(_Write(partition, log_id, visitor_id, json))
        return log_id

    def restart(self, *, lost: int, clock_ms: int) -> None:
        """Kill the server; its file lacks the last writes, trims among them."""
        self._writes = self._writes[: len(self._writes) - lost]
        self.lives += 1
        self.clock_ms = clock_ms

    @property
    def trailing_trims(self) -> int:
        """How many of the last writes are trims."""
        return len(list(itertools.takewhile(lambda write: write.is_trim, reversed(self._writes))))

    def entries(self, partition: int) -> list[LogEntry]:
        """Return what a partition holds."""
        held: list[LogEntry] = []
        for write in self._writes:
            if write.partition == partition and write.is_trim:
                held = [entry for entry in held if place_of(entry.log_id) > place_of(write.log_id)]
            elif write.partition == partition:
                held.append(LogEntry(write.log_id, write.visitor_id, write.json))
        return held

    async def head(self, partition: int, *, after: str = FIRST, count: int = 500) -> LogHead:
        """See :meth:`service.stores.log_drain.LogDrain.head`."""
        found = [entry for entry in self.entries(partition) if place_of(entry.log_id) > place_of(after)][
            :count
        ]
        return LogHead(found, len(found), found[-1].log_id if found else None, b"%d" % self.lives)

    async def trim(self, partition: int, *, through: str, server: bytes) -> bool:
        """See :meth:`service.stores.log_drain.LogDrain.trim`."""
        if server != b"%d" % self.lives:
            return False
        self._writes.append(_Write(partition, through))
        return True
