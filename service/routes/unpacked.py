"""Compressed bodies, unpacked no further than they may be large: 10 MB of them can hold 10 GB."""

import gzip
import io
from typing import TYPE_CHECKING, BinaryIO, cast

from recommender.catalog.feed import FeedError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


def unpacked(packed: BinaryIO, *, max_bytes: int) -> BinaryIO:
    """Return what a gzip file holds, as it is read.

    Reading it raises what :mod:`gzip` does if it is damaged, and :class:`FeedError` if it holds more than ``max_bytes``.
    """
    return cast("BinaryIO", io.BufferedReader(_Bounded(gzip.GzipFile(fileobj=packed), max_bytes)))


class _Bounded(io.RawIOBase):
    def __init__(self, stream: gzip.GzipFile, max_bytes: int) -> None:
        self._stream = stream
        self._max_bytes = max_bytes
        self._read_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        data = self._stream.read(len(view))
        self._read_bytes += len(data)
        if self._read_bytes > self._max_bytes:
            raise FeedError(f"the feed is larger than {self._max_bytes} bytes when it is unpacked")
        view[: len(data)] = data
        return len(data)
