"""Where definitions come from besides Redis: each source keeps the last good ones, whatever happens to it."""

import asyncio
import codecs
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import msgspec

from recommender.experiments.definitions import read_payload
from service.experiments.last_good import MOST_BYTES, LastGoodCopy, Signature, signature_of

Payload = Mapping[str, Any]
"""GrowthBook's feature JSON, parsed: ``{"features": {…}, "savedGroups": {…}}``."""

SourceKind = Literal["file", "growthbook"]

_RACY_SECONDS: Final = 2.0
"""A file this young may be written again within the resolution of its times (2 s on FAT): it is read again."""


class SourceFailed(Exception):  # noqa: N818 - what happened
    """A source has nothing usable right now; the message says what is wrong, where, and what to do."""


class PayloadSource(Protocol):
    """A source of definitions. Requests of visitors use :attr:`payload` and never wait for it."""

    @property
    def kind(self) -> SourceKind:
        """What sort of source it is."""

    @property
    def payload(self) -> Payload | None:
        """The last good definitions, ``None`` before the first."""

    @property
    def fresh_at(self) -> float | None:
        """When they were last known to be what the source has, Unix seconds."""

    async def restore(self) -> None:
        """Take the copy that an earlier process left.

        Raises:
            CopyDamaged: it cannot be read.
        """

    async def look(self) -> bool:
        """Look once; return whether :attr:`payload` is another one now.

        Raises:
            SourceFailed: the last good definitions stay.
        """

    async def adopt(self) -> bool:
        """Take what another worker of this machine has got since; return whether :attr:`payload` is another now.

        Raises:
            CopyDamaged: its copy cannot be read.
        """

    def pause_seconds(self, failures: int) -> float:
        """Return how long to wait after so many failures in a row."""

    async def close(self) -> None:
        """Let go of connections."""


class SourceCopy(msgspec.Struct):
    """The last good definitions of a source as they are kept on disk."""

    payload: dict[str, Any]
    etag: str | None = None


class FileSource:
    """Definitions in a file, read again whenever it changes or is replaced.

    A file that is caught half-written is no JSON: the last good definitions stay, and it is read again at the
    next look. So does a file that is missing: the service starts without it, says so, and keeps looking.

    Args:
        path: of the file.
        copy: where the last good definitions are kept.
        clock: Unix seconds.
        poll_interval_seconds: between two looks; one look is one ``stat``.
    """

    kind: SourceKind = "file"

    def __init__(
        self,
        path: Path,
        copy: LastGoodCopy[SourceCopy],
        clock: Callable[[], float],
        *,
        poll_interval_seconds: float,
    ) -> None:
        self._path = path
        self._copy = copy
        self._clock = clock
        self._poll_interval_seconds = poll_interval_seconds
        self._seen: Signature | None = None
        self.payload: Payload | None = None
        self.fresh_at: float | None = None

    async def restore(self) -> None:
        """See :meth:`PayloadSource.restore`."""
        kept = await asyncio.to_thread(self._copy.read)
        if kept is not None:
            self.payload, self.fresh_at = kept.content.payload, kept.confirmed_at

    async def look(self) -> bool:
        """See :meth:`PayloadSource.look`."""
        payload = await asyncio.to_thread(self._read)
        self.fresh_at = self._clock()
        if payload is None or payload == self.payload:
            return False
        self.payload = payload
        return True

    async def adopt(self) -> bool:
        """See :meth:`PayloadSource.adopt`; every worker reads the file itself."""
        return False

    def pause_seconds(self, failures: int) -> float:  # noqa: ARG002 - a local file is no burden to anybody
        """See :meth:`PayloadSource.pause_seconds`."""
        return self._poll_interval_seconds

    async def close(self) -> None:
        """See :meth:`PayloadSource.close`."""

    def _read(self) -> Payload | None:
        """Return what the file holds, ``None`` if it has not changed since it was last read."""
        try:
            if not stat.S_ISREG(self._path.stat().st_mode):
                raise SourceFailed(f"{self._path} is no file: KABIN_EXPERIMENTS_FILE names one of JSON")
            signature = signature_of(self._path)
            if signature == self._seen:
                return None
            if signature[1] > MOST_BYTES:
                raise SourceFailed(too_large(str(self._path)))
            content = self._path.read_bytes()
        except FileNotFoundError:
            raise SourceFailed(f"{self._path} does not exist: create it, it is looked for") from None
        except OSError as error:
            raise SourceFailed(f"{self._path} cannot be read: {error.strerror or error}") from error
        payload = parse_payload(content, str(self._path))
        is_settled = self._clock() - signature[0] / 1e9 > _RACY_SECONDS
        self._seen = signature if is_settled else None
        if payload != self.payload:
            self._copy.keep(SourceCopy(dict(payload)), at=self._clock())
        return payload


def parse_payload(content: bytes, origin: str) -> Payload:
    """Return the definitions that a file or an answer holds.

    Args:
        content: the bytes.
        origin: what messages call the place.

    Raises:
        SourceFailed: it is unusable as a whole: no JSON, a web page, encrypted, without features. Single broken
            features are no failure: they are reported when they are compiled.
    """
    content = content.removeprefix(codecs.BOM_UTF8)  # Windows' editors write it
    if content.lstrip()[:1] == b"<":
        raise SourceFailed(
            f"{origin} holds a web page (HTML), not GrowthBook's JSON: check the address, "
            "an SDK endpoint looks like https://cdn.growthbook.io/api/features/sdk-abc"
        )
    try:
        parsed = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SourceFailed(
            f"{origin} holds no JSON ({error}): correct it, or wait until it is whole"
        ) from None
    if not isinstance(parsed, dict):
        raise SourceFailed(f'{origin} holds JSON that is no object: give GrowthBook\'s {{"features": {{…}}}}')
    fault = next(
        (each for each in read_payload(parsed).problems if is_of_payload(each.subject, each.pointer)), None
    )
    if fault is not None:
        raise SourceFailed(f"{origin}: {fault}")
    return parsed


def is_of_payload(subject: str, pointer: str) -> bool:
    """Return whether a problem makes the whole payload unusable, not a feature or a saved group of it."""
    return not subject and pointer.count("/") < 2


def too_large(origin: str) -> str:
    """Return the complaint about definitions beyond the limit."""
    return f"{origin} holds over {MOST_BYTES // 1024**2} MiB: shorten the lists of its saved groups"
