"""Every setting of Kabin, declared once: its name, unit, default and help.

A setting ``port`` is read from the environment variable ``KABIN_PORT``; the command line builds its
flag ``--port`` from the same field, and the README's table is :func:`settings_table`.
"""

import ipaddress
from datetime import tzinfo
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ENVIRONMENT_PREFIX: Final = "KABIN_"

_MIN_KEY_CHARACTERS: Final = 16


class SettingsError(Exception):
    """The settings cannot work; the message names the variable and says what to do."""


def _split(value: object) -> object:
    """Split a comma-separated environment variable; leave a sequence from Python code as it is."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _checked_key(key: SecretStr) -> SecretStr:
    if len(key.get_secret_value()) < _MIN_KEY_CHARACTERS:
        raise ValueError(f"must have at least {_MIN_KEY_CHARACTERS} characters")
    return key


def _checked_origin(origin: str) -> str:
    scheme, separator, authority = origin.partition("://")
    if scheme not in {"http", "https"} or not separator or not authority or set(authority) & set("/*?#@ "):
        raise ValueError(f"{origin!r} is no exact origin such as https://www.shop.example")
    return origin.lower()


def _checked_network(network: str) -> str:
    try:
        return str(ipaddress.ip_network(network, strict=False))
    except ValueError:
        raise ValueError(f"{network!r} is no address or network such as 10.0.0.0/8") from None


Key = Annotated[SecretStr, AfterValidator(_checked_key)]
Keys = Annotated[tuple[Key, ...], NoDecode, BeforeValidator(_split)]
Origins = Annotated[
    tuple[Annotated[str, AfterValidator(_checked_origin)], ...], NoDecode, BeforeValidator(_split)
]


Networks = Annotated[
    tuple[Annotated[str, AfterValidator(_checked_network)], ...], NoDecode, BeforeValidator(_split)
]


class Settings(BaseSettings):
    """The settings of one process; read from the environment only when an instance is made."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, frozen=True, extra="forbid")

    # Where it listens, and how many processes do.
    host: str = Field(
        default="127.0.0.1", description="Address to listen on. A public one needs `KABIN_SERVER_KEY`."
    )
    port: int = Field(default=8000, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")
    workers: int = Field(
        default=1, ge=1, le=256, description="Worker processes; one per core is a good start."
    )
    data_dir: Path = Field(
        default=Path("var"),
        description="Folder of models, archive, generated signing keys and the embedded server's files.",
    )

    # Who may do what.
    server_key: Key | None = Field(
        default=None,
        description="Bearer key of the shop's own servers: imports, catalog, any visitor id. "
        "At least 16 characters; without it those calls are refused.",
    )
    signing_keys: Keys = Field(
        default=(),
        description="Comma-separated keys that sign visitor ids, newest first: the first one signs, all of "
        "them verify. Empty: one is generated and kept in `KABIN_DATA_DIR` (several hosts must share theirs).",
    )
    allowed_origins: Origins = Field(
        default=(),
        description="Comma-separated exact origins whose pages may call Kabin, such as "
        "`https://www.shop.example`. Pages of Kabin's own origin always may.",
    )

    # Visitors.
    cookie_name: str = Field(
        default="kabin",
        pattern=r"^[A-Za-z0-9_-]+$",
        description="Name of the cookie that holds the visitor's token.",
    )
    cookie_domain: str | None = Field(
        default=None,
        description="Domain of the cookie, such as `shop.example`; empty: Kabin's own host only.",
    )
    cookie_secure: bool = Field(
        default=True,
        description="Send the cookie over HTTPS only (browsers except Safari count localhost as such).",
    )
    cookie_samesite: Literal["lax", "strict", "none"] = Field(
        default="lax", description="SameSite attribute of the cookie; `none` needs `KABIN_COOKIE_SECURE`."
    )
    storage_consent: Literal["assumed", "required"] = Field(
        default="assumed",
        description="What a request that does not say `consent.storage` means: `assumed` stores, `required` "
        "stores only on an explicit `true`. `Sec-GPC: 1` never stores.",
    )
    visitor_ttl_days: int = Field(
        default=400, ge=1, le=3650, description="Days after their last event until a visitor is forgotten."
    )
    session_gap_minutes: int = Field(
        default=30, ge=1, le=1440, description="Minutes without a request after which a new session starts."
    )

    # Redis.
    redis_url: SecretStr | None = Field(
        default=None,
        description="Redis ≥ 7.0 or Valkey, such as `redis://10.0.0.5:6379/0`; `rediss://` for TLS, `unix://` for a socket, any node of a "
        "Cluster, or Sentinels: `redis+sentinel://user:password@host:26379,host2:26379/mymaster/0`. "
        "Empty: an embedded Valkey is started in `KABIN_DATA_DIR`.",
    )
    embedded_fsync: Literal["everysec", "always"] = Field(
        default="everysec",
        description="When the embedded Valkey forces events to the disk: each second, or (`always`) before it acknowledges them, which "
        "a crash cannot undo and a slow disk makes slow.",
    )
    redis_prefix: str = Field(
        default="kabin",
        pattern=r"^[A-Za-z0-9_.-]+$",
        description="First part of every key; shops that share one Redis take one each.",
    )
    redis_timeout_ms: int = Field(
        default=30,
        ge=1,
        le=10_000,
        description="Milliseconds a page waits for Redis before it is answered without.",
    )
    events_timeout_ms: int = Field(
        default=1000,
        ge=1,
        le=60_000,
        description="Milliseconds `POST /events` waits for Redis before it answers 503.",
    )
    allow_eviction: bool = Field(
        default=False,
        description="Start on a Redis whose `maxmemory-policy` may evict keys (events could be lost unread).",
    )

    # The archive.
    archive_url: str | None = Field(
        default=None,
        description="Folder or fsspec URL of the archive, such as `s3://bucket/kabin` "
        '(`pip install "kabin[s3]"`). Empty: `archive` in `KABIN_DATA_DIR`.',
    )
    archive_interval_seconds: int = Field(
        default=60,
        ge=0,
        le=86_400,
        description="Seconds between two moves of the event log from Redis to the archive by `kabin serve`; "
        "0: it moves nothing (run `kabin archive` yourself).",
    )

    log_limit_events: int = Field(
        default=5_000_000,
        ge=0,
        description="Events that may wait in Redis for the archive (about 250 bytes each); beyond it events are refused "
        "with 503 until there is room. 0: any number.",
    )
    memory_limit_percent: int = Field(
        default=85,
        ge=1,
        le=100,
        description="Percent of Redis' `maxmemory` beyond which events are refused with 503 until there is room.",
    )

    # What is decided.
    default_currency: str = Field(
        default="EUR",
        pattern=r"^[A-Z]{3}$",
        description="ISO 4217 currency of prices that do not say theirs.",
    )
    departments_file: Path | None = Field(
        default=None,
        description="TOML or JSON file that overrides the department table; empty: the built-in one.",
    )
    feed_timezone: str = Field(
        default="UTC",
        description="IANA time zone of dates in the feed that name none, such as `Europe/Berlin`.",
    )
    recommendation_source: Literal["als", "covisit", "blend"] = Field(
        default="blend",
        description="Neighbours that recommendations come from; `blend` is what training published.",
    )
    model_poll_interval_ms: int = Field(
        default=500,
        ge=50,
        le=60_000,
        description="Milliseconds between two looks for a newly published model.",
    )

    # Experiments.
    experiments_file: Path | None = Field(
        default=None,
        description="File of experiments in GrowthBook's feature JSON, read again when it changes.",
    )
    growthbook_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s]+$",
        description="GrowthBook's SDK endpoint, such as `https://cdn.growthbook.io/api/features/sdk-abc`; instead of a file.",
    )
    growthbook_refresh_seconds: int = Field(
        default=60, ge=1, le=86_400, description="Seconds between two looks at GrowthBook's endpoint."
    )
    learning_traffic: bool = Field(
        default=False,
        description="Hold 5 % of the visitors out of personalization for good, and show 10 % of the others a homepage drawn "
        "at random: what that tells is in `kabin experiment report`.",
    )
    exposure_at: Literal["page", "decision"] = Field(
        default="page",
        description="When a visitor counts as exposed to an experiment: `page` when the page says that it was seen "
        "(`decision_shown`), `decision` when a server that renders pages itself has asked with the server key.",
    )
    conversion_window_days: float = Field(
        default=7.0,
        gt=0,
        le=365,
        description="Days after the exposure in which orders count for an experiment.",
    )
    gross_margin_percent: float = Field(
        default=50.0,
        ge=0,
        le=100,
        description="Margin of items whose `cost_of_goods_sold` the feed does not say, in percent of the price before discount: what "
        "is taken off a price is taken off the margin.",
    )

    # Limits.
    max_body_kb: int = Field(
        default=32,
        ge=1,
        le=1024,
        description="Largest body of a page's request in KiB; beyond it the answer is 413.",
    )
    max_events: int = Field(
        default=50, ge=1, le=1000, description="Most events in one body; beyond it it is 413."
    )
    max_catalog_mb: int = Field(
        default=1024, ge=1, le=65_536, description="Largest body of `PUT` and `PATCH /catalog` in MiB."
    )
    visitor_rate_per_second: float = Field(
        default=10.0,
        ge=0,
        le=10_000,
        description="Requests a second that a browser may make for one visitor over time; beyond it the answer is 429 and nothing "
        "is kept. 0: any number. Requests with the server key are never limited.",
    )
    visitor_burst: int = Field(
        default=40, ge=1, le=10_000, description="Requests that a browser may make for one visitor at once."
    )
    address_rate_per_second: float = Field(
        default=100.0,
        ge=0,
        le=100_000,
        description="Requests a second that one address (of IPv6, one /64) may make of each worker over time; beyond it the answer is "
        "429. 0: any number. Loopback and private addresses that are no trusted proxy are not limited: they are the shop's own "
        "proxy or server, and everybody would share its rate.",
    )
    address_burst: int = Field(
        default=400,
        ge=1,
        le=100_000,
        description="Requests that one address may make of each worker at once.",
    )
    trusted_proxies: Networks = Field(
        default=(),
        description="Comma-separated networks of proxies in front of Kabin, such as `10.0.0.0/8,127.0.0.1`: for their requests the "
        "last address in `X-Forwarded-For` that is none of them counts.",
    )
    max_in_flight: int = Field(
        default=256,
        ge=1,
        le=100_000,
        description="Requests a worker handles at once; beyond it they are shed with 503 and Retry-After.",
    )
    body_timeout_seconds: int = Field(
        default=10, ge=1, le=600, description="Seconds within which a page's request body must arrive."
    )
    shutdown_timeout_seconds: int = Field(
        default=10,
        ge=1,
        le=600,
        description="Seconds that running requests get to finish when the service stops.",
    )

    @field_validator("feed_timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{name!r} is no IANA time zone such as Europe/Berlin") from None
        return name

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        if self.cookie_samesite == "none" and not self.cookie_secure:
            raise ValueError(
                "KABIN_COOKIE_SAMESITE=none needs KABIN_COOKIE_SECURE=true: browsers drop it otherwise"
            )
        if self.experiments_file is not None and self.growthbook_url is not None:
            raise ValueError(
                "KABIN_EXPERIMENTS_FILE and KABIN_GROWTHBOOK_URL exclude each other: set the one that holds the experiments"
            )
        return self

    @property
    def feed_zone(self) -> tzinfo:
        """The time zone of dates in the feed that name none."""
        return ZoneInfo(self.feed_timezone)

    @property
    def is_public(self) -> bool:
        """Whether the address to listen on can be reached from other machines."""
        return not is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Return whether ``host`` names this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def load_settings(**overrides: object) -> Settings:
    """Read the settings from the environment; ``overrides`` (the flags given) win.

    Raises:
        SettingsError: a value is wrong; one line for each, with the variable's name.
    """
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        lines = []
        for problem in error.errors(include_input=False, include_url=False):
            name = environment_variable(str(problem["loc"][0])) + ": " if problem["loc"] else ""
            lines.append(name + problem["msg"].removeprefix("Value error, "))
        raise SettingsError("; ".join(lines)) from None


def check_servable(settings: Settings) -> None:
    """Refuse settings that no service may start with.

    Raises:
        SettingsError: other machines could reach the service and no server key protects its catalog
            and its visitors.
    """
    if settings.is_public and settings.server_key is None:
        raise SettingsError(
            f"KABIN_HOST={settings.host} can be reached from other machines, and KABIN_SERVER_KEY is not set: "
            "set a key of at least 16 characters, or listen on 127.0.0.1"
        )


def environment_variable(name: str) -> str:
    """Return the environment variable of the setting ``name``."""
    return ENVIRONMENT_PREFIX + name.upper()


def settings_table() -> str:
    """Return the Markdown table of all settings that the README holds."""
    rows = ["| Variable | Default | Meaning |", "| --- | --- | --- |"]
    rows += [
        f"| `{environment_variable(name)}` | {_default(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(rows) + "\n"


def _default(value: Any) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`"
