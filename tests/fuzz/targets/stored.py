"""What comes back from Redis and from the archive: states, log entries, replies, manifests, and Redis' address."""

import asyncio
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
import orjson

from recommender.decisions.decision import affinity_of, decide
from recommender.decisions.policy import NO_POLICY
from recommender.decisions.question import Question
from recommender.events import Event, EventItem, EventName, ExperimentShown
from recommender.visitor.codec import StateFormatError, decode_state, encode_state
from recommender.visitor.effects import effects_of
from recommender.visitor.ledger import ledger_of
from service.history.visitor_report import report_of
from service.routes.answers import visitor_answer
from service.stores.archive import ArchiveError, ArchiveFile, LocalStorage, Manifest, Manifests
from service.stores.archive.manifest import FOLDER, FORMAT
from service.stores.connection import StoreUnavailable
from service.stores.log import entries_of, place_of
from service.stores.multiplexed.connection import Limits, MultiplexedConnection
from service.stores.redis_url import RedisUrl
from tests.fuzz.target import Attempt, Target, check_told, cut
from tests.fuzz.targets.shop import NOW, PARAMETERS, catalog

_HUGE: Final = re.compile(rb"[*%~>][0-9]{6,}")


def _event(number: int, name: EventName) -> Event:
    return Event(
        name=name,
        event_id=f"e{number}",
        timestamp=NOW - 1000 * number,
        source="server",
        items=(
            EventItem(("a-38", "a-40", "b-38", "s-8.5", "h", "unknown")[number % 6], price=9.0, quantity=2),
        ),
        transaction_id=f"t{number}",
        experiments=(ExperimentShown("x", 1), ExperimentShown("y", 254)),
    )


_NAMES: Final = tuple(EventName)
_STORY: Final = [_event(number, _NAMES[number % len(_NAMES)]) for number in range(60)]
_STATE: Final = encode_state(
    ledger_of(effects_of(event, catalog(), PARAMETERS) for event in _STORY).state(last_seen=int(NOW))
)


def state(_folder: Path) -> Attempt:
    """Decode states, answer pages by whatever they hold, and export it."""

    def attempt(data: bytes) -> None:
        try:
            found = decode_state(data)
        except StateFormatError:
            return
        stored = encode_state(found)
        assert encode_state(decode_state(stored)) == stored
        affinity = affinity_of(found, PARAMETERS, 20_413)
        for question in (
            Question("product", "a"),
            Question("product", "s-8.5"),
            Question("cart"),
            Question("home"),
        ):
            decide(question, found, affinity, catalog(), None, now=NOW)
        report = report_of(
            "v",
            found,
            catalog(),
            None,
            parameters=PARAMETERS,
            policy=NO_POLICY,
            now=NOW,
            session_is_over=True,
        )
        orjson.dumps(visitor_answer("v", report, {}))

    return attempt


def entry(_folder: Path) -> Attempt:
    """Read an entry of the log: id, visitor and event, separated by NUL."""

    def attempt(data: bytes) -> None:
        log_id, visitor_id, event = cut(data, 3)
        for found in entries_of([(b"1763740800500-0", {b"v": visitor_id, b"e": event}), (b"1-0", {})]):
            with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                effects_of(found.event(), catalog(), PARAMETERS)
        with suppress(ValueError):
            place_of(log_id.decode("latin-1"))

    return attempt


def manifest(folder: Path) -> Attempt:
    """Read the archive's manifest, and do what an archiver does with it."""
    storage = LocalStorage(folder)
    path = folder / FOLDER / "00000001.json"
    path.parent.mkdir(parents=True, exist_ok=True)

    def attempt(data: bytes) -> None:
        path.write_bytes(data)
        manifests = Manifests(storage)
        try:
            newest = manifests.newest()
            assert newest is not None
            manifests.sweep()
        except ArchiveError as error:
            check_told(error)
            return
        assert newest.rows >= 0
        assert newest.size_bytes >= 0
        assert all(file.number >= 0 for file in newest.all_files)

    return attempt


def reply(_folder: Path) -> Attempt:
    """Feed bytes to the connection that all requests share: nobody gets an answer that is not the next one in line.

    Without those that announce a huge array: hiredis takes 8 bytes for each of its entries before one has come.
    """

    async def converse(data: bytes) -> None:
        loop = asyncio.get_running_loop()
        lost: list[MultiplexedConnection] = []
        connection = MultiplexedConnection(Limits(most_waiting=8), lost.append)
        futures = [connection.send(b"", loop.time() + 60) for _ in range(4)]
        middle = len(data) // 2
        for chunk in (data[:middle], data[middle:]):
            connection.data_received(chunk)
            if connection.lost:
                break
        done = [future.done() for future in futures]
        assert done == sorted(done, reverse=True)
        assert len(lost) == (connection.lost is not None)
        connection.drop("the end")
        for future in futures:
            with suppress(StoreUnavailable):
                await future

    def attempt(data: bytes) -> None:
        if not _HUGE.search(data):
            asyncio.run(converse(data))

    return attempt


def redis_url(_folder: Path) -> Attempt:
    """Take ``KABIN_REDIS_URL`` apart."""

    def attempt(data: bytes) -> None:
        text = data.decode("utf-8", "replace")
        try:
            parsed = RedisUrl.parse(text)
            address = parsed.address()
        except ValueError as error:
            check_told(error, hidden="secret")
            return
        assert address.host or address.path
        assert all(0 < port < 65_536 for _, port in parsed.sentinels)

    return attempt


_MANIFEST: Final = Manifest(
    FORMAT, 1, "a1b2", "kabin", NOW, ("1763740800500-0", "0-0"),
    {"2025-11-21": (ArchiveFile("date=2025-11-21/00000001-5f0c1a.parquet", 3, 900, 1763740800500, 1763740800999),)},
    {"5f": NOW}, {"6a": NOW},
)  # fmt: skip

TARGETS: Final = (
    Target("state", "stored states of visitors", state, (_STATE, _STATE + bytes(7))),
    Target(
        "log-entry", "entries of the event log", entry,
        tuple(b"1763740800500-0\0v1\0" + msgspec.json.encode(event) for event in _STORY[:8]),
        tuple(f'"{name}"'.encode() for name in Event.__struct_fields__),
    ),
    Target("archive-manifest", "manifest of the archive", manifest, (msgspec.json.encode(_MANIFEST),), (b'"date=', b"../", b'"format":')),
    Target(
        "replies", "replies of Redis", reply,
        (b"*3\r\n$2\r\nab\r\n:1\r\n$-1\r\n+OK\r\n-NOSCRIPT No matching script\r\n$0\r\n\r\n", b"*2\r\n*-1\r\n*1\r\n:7\r\n:1\r\n:2\r\n:3\r\n:4\r\n"),
        (b"$-1\r\n", b"*1\r\n", b"$4294967296\r\n", b"%1\r\n", b"~2\r\n", b",1.5\r\n", b"#t\r\n", b"(1\r\n", b">1\r\n"),
    ),
    Target(
        "redis-url", "KABIN_REDIS_URL", redis_url,
        (b"redis://user:secret@host:6379/3", b"redis://:secret@[::1]:6380?ssl_cert_reqs=none", b"unix:///run/redis.sock?db=2",
         b"redis+sentinel://u:secret@a:26379,[::1]:26380,c/mymaster/1?sentinel_password=secret"),
        (b"redis+sentinel://", b"rediss://", b"?db=", b"&socket_timeout=", b"%", b"[", b"]", b"@", b",", b":99999", b"\xd9\xa3"),
    ),
)  # fmt: skip
