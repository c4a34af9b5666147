"""What ``KABIN_REDIS_URL`` says: where Redis is, or which Sentinels know, and how to log in."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from ssl import SSLContext
from typing import Any, Final, Self
from urllib.parse import urlsplit, urlunsplit

from redis.asyncio import Redis
from redis.asyncio.connection import SSLConnection, parse_url
from redis.asyncio.sentinel import Sentinel

SENTINEL_SCHEMES: Final = {"redis+sentinel": "redis", "rediss+sentinel": "rediss"}
"""URLs that name Sentinels, and how the server that those name is spoken to."""

_UNREADABLE: Final = (
    "it is no address of a Redis: write redis://user:password@host:6379/0 (or rediss://, unix://, redis+sentinel://), "
    "with whatever is no letter or digit in user and password percent-encoded"
)
_AUTHORITY_END: Final = re.compile(r"[/?#]")
_SENTINEL_PORT: Final = 26_379
_FOR_SENTINELS: Final = "sentinel_"
"""Options with this prefix are for the Sentinels: ``?sentinel_password=…``."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where one server listens and how to log in.

    Attributes:
        host: name or address; of no meaning with a ``path``.
        port: TCP port.
        path: Unix socket, ``None`` for TCP.
        tls: ``None`` for a plain connection.
        username: of the access control list; ``None`` for the default user.
        password: ``None`` for a server without.
        database: to select.
    """

    host: str = "localhost"
    port: int = 6379
    path: str | None = None
    tls: SSLContext | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    database: int = 0

    def at(self, host: str, port: int) -> "Address":
        """Return the address of another server with the same login."""
        return replace(self, host=host, port=port, path=None)

    def __str__(self) -> str:
        return self.path or (f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}")


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """A URL taken apart.

    Attributes:
        plain: what redis-py understands: the server itself, or (with Sentinels) the way to speak to the one they name.
        sentinels: host and port of each; empty if the URL names the server.
        service: the name under which the Sentinels know the primary.
        sentinel_options: how to log in to the Sentinels.
    """

    plain: str = field(repr=False)
    sentinels: tuple[tuple[str, int], ...] = ()
    service: str = ""
    sentinel_options: tuple[tuple[str, Any], ...] = field(default=(), repr=False)

    @classmethod
    def parse(cls, url: str) -> Self:
        """Take ``url`` apart.

        Args:
            url: what :meth:`redis.asyncio.Redis.from_url` takes, or
                ``redis+sentinel://user:password@host:26379,host2:26379/service/0``.

        Raises:
            ValueError: it makes no sense; the message does not repeat it, as it may hold a password.
        """
        scheme, _, rest = url.partition("://")
        if scheme.lower() not in SENTINEL_SCHEMES:
            _options_of(url)
            return cls(url)
        # urlsplit takes no list of hosts with brackets in it (RFC 3986 knows one host), so it comes out first.
        authority = _AUTHORITY_END.split(rest, maxsplit=1)[0]
        login, at, hosts = authority.rpartition("@")
        with _secretly():
            parts = urlsplit(f"{scheme}://named-by-sentinel{rest[len(authority) :]}")
        sentinels = tuple(_host_and_port(host) for host in hosts.split(",") if host)
        service, _, database = parts.path.strip("/").partition("/")
        if not sentinels or not service:
            raise ValueError(
                "a Sentinel URL names at least one Sentinel and the service they watch: "
                "redis+sentinel://host:26379,host2:26379/mymaster/0"
            )
        scheme = SENTINEL_SCHEMES[scheme.lower()]
        plain = urlunsplit((scheme, f"{login}{at}named-by-sentinel", f"/{database or 0}", parts.query, ""))
        options = _options_of(plain)
        for_sentinels = {
            name.removeprefix(_FOR_SENTINELS): value
            for name, value in options.items()
            if name.startswith(_FOR_SENTINELS)
        }
        query = "&".join(part for part in parts.query.split("&") if not part.startswith(_FOR_SENTINELS))
        plain = urlunsplit((scheme, f"{login}{at}named-by-sentinel", f"/{database or 0}", query, ""))
        return cls(plain, sentinels, service, tuple(for_sentinels.items()))

    def address(self) -> Address:
        """Return where the server is; with Sentinels, how to speak to the one that they name."""
        options = _options_of(self.plain)
        is_tls = options.get("connection_class") is SSLConnection
        return Address(
            host=options.get("host", "localhost"),
            port=options.get("port", 6379),
            path=options.get("path"),
            tls=_tls_context(options) if is_tls else None,
            username=options.get("username"),
            password=options.get("password"),
            database=int(options.get("db", 0)),
        )

    def sentinel_client(self, **options: Any) -> Sentinel:
        """Return redis-py's client of the Sentinels; ``options`` are those of its connections, also to the server."""
        login = _options_of(self.plain)
        login.pop("host", None)
        is_tls = login.pop("connection_class", None) is SSLConnection
        return Sentinel(  # type: ignore[no-untyped-call]
            self.sentinels,
            # Timeouts, and no retries: by default redis-py spends seconds on a Sentinel that is away, as here one is
            # in every failover that takes a machine.
            sentinel_kwargs={**options, **dict(self.sentinel_options)},
            **login,
            **({"ssl": True} if is_tls else {}),
            **options,
        )


class SentinelClient(Redis):
    """redis-py's client of the primary that Sentinels name; closes the connections to them as well."""

    sentinels: Sentinel

    @classmethod
    def of(cls, url: RedisUrl, **options: Any) -> "SentinelClient":
        """Return a client; nothing is connected yet."""
        sentinels = url.sentinel_client(**options)
        client: SentinelClient = sentinels.master_for(url.service, redis_class=cls)
        client.sentinels = sentinels
        return client

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close everything."""
        await super().aclose(close_connection_pool)
        for one in self.sentinels.sentinels:
            await one.aclose()


def _options_of(url: str) -> dict[str, Any]:
    """Return what redis-py reads in a URL."""
    with _secretly():
        return dict(parse_url(url))


@contextmanager
def _secretly() -> Iterator[None]:
    """Put an own message in place of the library's, which quotes what it takes for a host or a port.

    With a ``/`` or an ``@`` in a password that is not percent-encoded, that is a part of the password.
    """
    try:
        yield
    except ValueError:
        raise ValueError(_UNREADABLE) from None


def _host_and_port(text: str) -> tuple[str, int]:
    with _secretly():
        parts = urlsplit(f"//{text}")
        if not parts.hostname:
            raise ValueError("no Sentinel is named")
        return parts.hostname, parts.port or _SENTINEL_PORT


def _tls_context(options: dict[str, Any]) -> SSLContext:
    """Let redis-py make of its own options (``?ssl_ca_certs=…``) what it makes of them for its own connections."""
    names = {name: value for name, value in options.items() if name not in {"connection_class", "path"}}
    context: SSLContext = SSLConnection(**names).ssl_context.get()
    return context
