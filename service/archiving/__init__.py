"""Moving the event log into the archive: exactly once in effect, whatever is killed when."""

from service.archiving.archiver import Archiver, Drained
from service.archiving.compaction import Compacted
from service.archiving.following import follow

__all__ = ["Archiver", "Compacted", "Drained", "follow"]
