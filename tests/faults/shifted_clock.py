"""A clock that jumps, for processes that are not ours to patch: every Python process of the service reads it.

The folder of a :class:`ShiftedClock` goes to the front of ``PYTHONPATH``; Python imports ``sitecustomize`` from
there before anything else, which makes ``time.time`` add the seconds that stand in a shared file. As in a real jump, the
monotonic clock goes on, and Redis on its machine knows nothing of it.
"""

import mmap
import struct
from pathlib import Path
from typing import Final

_SOURCE: Final = '''"""Makes the wall clock of this process jump as a shared file says."""

import mmap
import struct
import time

with open({path!r}, "rb") as file:
    shift = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
real = time.time
time.time = lambda: real() + struct.unpack("d", shift)[0]
'''


class ShiftedClock:
    """The wall clock of processes that run with :attr:`python_path`.

    Args:
        folder: for the two files of it; created if absent.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.python_path = str(folder)
        self._path = folder / "shift"
        self.shift(0.0)
        (folder / "sitecustomize.py").write_text(_SOURCE.format(path=str(self._path)))

    def shift(self, seconds: float) -> None:
        """Make the clock jump to so many seconds ahead of the real one."""
        if not self._path.exists():
            self._path.write_bytes(bytes(8))
        with self._path.open("r+b") as file, mmap.mmap(file.fileno(), 8) as shared:
            shared[:] = struct.pack("d", seconds)
