"""Connecting to Redis or Valkey, one server or a Cluster, and refusing one that would lose events."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha1
from importlib.resources import files
from typing import Any, Final, TypeAlias

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisClusterException, RedisError

from service.stores.keys import Keyspace
from service.stores.redis_url import RedisUrl, SentinelClient

Client: TypeAlias = "Redis | RedisCluster"

OLDEST_VERSION: Final = (7, 0)
CONNECT_TIMEOUT_SECONDS: Final = 2.0

NOT_YET: Final = "Redis has not been reached yet"
"""What those are told who ask before there is a connection."""

_CLOSED: Final = "the handler is closed"


class StoreUnavailable(Exception):  # noqa: N818 - what happened, as callers and users call it
    """Redis did not carry out a command: unreachable, too slow, read-only, out of memory, loading."""


class StoreMisconfigured(Exception):  # noqa: N818 - likewise
    """Redis is reachable but must not be used as it is; the message says what to change."""


@contextmanager
def unavailable_on_error() -> Iterator[None]:
    """Turn every failure of a Redis command into :class:`StoreUnavailable` with the server's own words."""
    try:
        yield
    except (RedisError, RedisClusterException, OSError, TimeoutError) as error:
        raise StoreUnavailable(f"Redis: {type(error).__name__}: {error}") from error
    except RuntimeError as error:
        # What uvloop says, and redis-py passes on, when a pooled connection was reset before it is written to.
        if _CLOSED not in str(error):
            raise
        raise StoreUnavailable("Redis: the connection was closed") from error


async def connect(url: str, *, timeout_seconds: float, max_connections: int = 512) -> Client:
    """Return a client of the server or Cluster at ``url``.

    Nothing is ever retried: a write that timed out may have happened, and doing it twice is the caller's
    decision (events carry ids, so sending them again is safe).

    Args:
        url: ``redis://``, ``rediss://`` (TLS) or ``unix://``; any one node of a Cluster; or Sentinels, as
            ``redis+sentinel://user:password@host:26379,host2:26379/service/0``.
        timeout_seconds: how long a command may take.
        max_connections: most connections of this process (to each node); beyond it a command fails, so it must
            exceed the requests handled at once.

    Raises:
        StoreUnavailable: nothing answers there.
        StoreMisconfigured: the URL makes no sense.
    """
    options: dict[str, Any] = {
        "socket_timeout": timeout_seconds,
        "socket_connect_timeout": CONNECT_TIMEOUT_SECONDS,
        "retry": Retry(NoBackoff(), 0),
        "max_connections": max_connections,
        "protocol": 2,
    }
    try:
        parsed = RedisUrl.parse(url)
        single = (
            SentinelClient.of(parsed, **options)
            if parsed.sentinels
            else Redis.from_url(parsed.plain, **options)
        )
    except ValueError as error:
        raise StoreMisconfigured(f"KABIN_REDIS_URL: {error}") from error
    try:
        with unavailable_on_error():
            cluster = await single.info("cluster")
    except BaseException:
        await single.aclose()
        raise
    if not cluster.get("cluster_enabled"):
        return single
    await single.aclose()
    with unavailable_on_error():
        many: RedisCluster = RedisCluster.from_url(url, **options)
        await many.initialize()
    return many


@asynccontextmanager
async def connected(url: str, *, timeout_seconds: float) -> AsyncIterator[Client]:
    """Connect for the length of a ``with`` block."""
    client = await connect(url, timeout_seconds=timeout_seconds)
    try:
        yield client
    finally:
        await client.aclose()


async def drop_idle_connections(client: Client) -> None:
    """Close the connections that no command is using; of a Cluster's none, whose client does not tell which those are."""
    if isinstance(client, Redis):
        with suppress(RedisError, OSError, RuntimeError):
            await client.connection_pool.disconnect(inuse_connections=False)


@dataclass(frozen=True, slots=True)
class ServerReport:
    """What was found at start-up; each warning is one line for the operator."""

    version: str
    is_cluster: bool
    warnings: tuple[str, ...]


async def check_server(client: Client, keyspace: Keyspace, *, allow_eviction: bool = False) -> ServerReport:
    """Check that Redis can be trusted with visitors and events, and settle the number of partitions.

    Args:
        client: as :func:`connect` returned it.
        keyspace: its partitions are stored on first use and compared ever after.
        allow_eviction: accept a server that may evict keys when memory runs out.

    Raises:
        StoreUnavailable: the server does not answer.
        StoreMisconfigured: it is older than 7.0, may evict keys, or was installed with other partitions.
    """
    warnings: list[str] = []
    version = "?"
    with unavailable_on_error():
        for node, info in await node_infos(client):
            version = str(info.get("valkey_version") or info.get("redis_version"))
            _check_version(node, str(info["redis_version"]))
            policy = str(info.get("maxmemory_policy", "noeviction"))
            if policy != "noeviction":
                if not allow_eviction:
                    raise StoreMisconfigured(
                        f"{node} has maxmemory-policy {policy} and may drop events and visitors when memory runs "
                        "out: set it to noeviction, or start with KABIN_ALLOW_EVICTION=true"
                    )
                warnings.append(
                    f"{node} may evict keys (maxmemory-policy {policy}): events can be lost unread"
                )
            if not info.get("aof_enabled"):
                warnings.append(
                    f"{node} has no append-only file: a crash loses what came since the last snapshot"
                )
        stored = await client.hget(keyspace.installation, "partitions")
        if (
            stored is None
        ):  # A full Redis refuses to set anything, and must not keep out the archiver, which makes room.
            await client.hsetnx(keyspace.installation, "partitions", str(keyspace.partitions))
            stored = await client.hget(keyspace.installation, "partitions")
    found = int(stored or 0)
    if found != keyspace.partitions:
        raise StoreMisconfigured(
            f"prefix {keyspace.prefix!r} was installed with {found} partitions, not {keyspace.partitions}: "
            "the number is fixed at installation; use another prefix or restore the old setting"
        )
    return ServerReport(version, isinstance(client, RedisCluster), tuple(warnings))


async def node_infos(client: Client, section: str | None = None) -> list[tuple[str, dict[str, Any]]]:
    """Return what INFO tells of the server, or of each primary of a Cluster, after its name; errors are Redis' own."""
    if isinstance(client, RedisCluster):
        primaries = client.get_primaries()
        return [(f"Redis {node.name}", await client.info(section, target_nodes=node)) for node in primaries]
    return [("Redis", await client.info(section))]


def _check_version(node: str, version: str) -> None:
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers < OLDEST_VERSION:
        raise StoreMisconfigured(f"{node} has version {version}: Kabin needs Redis 7.0 or Valkey")


class Script:
    """A Lua script of this package, run by its hash and sent whole only to a server that lacks it.

    Attributes:
        source: its text.
        sha: its name at the server.
    """

    def __init__(self, name: str) -> None:
        self.source = (files("service.stores") / "scripts" / f"{name}.lua").read_text("utf-8")
        # SHA-1 is how Redis names scripts; nothing rests on its strength.
        self.sha = sha1(self.source.encode(), usedforsecurity=False).hexdigest()

    async def run(self, client: Client, keys: Sequence[str], arguments: Sequence[str | bytes | int]) -> Any:
        """Run on ``keys``, which must share a hash tag; errors are Redis' own.

        A server that lost its scripts (restart, failover) says so before anything ran, so sending the source
        then is no repetition.
        """
        try:
            return await client.execute_command("EVALSHA", self.sha, len(keys), *keys, *arguments)
        except NoScriptError:
            return await client.execute_command("EVAL", self.source, len(keys), *keys, *arguments)
