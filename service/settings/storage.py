"""Where state and events are kept: Redis, and the archive behind it."""

from typing import Final, Literal, Self

from pydantic import BaseModel, Field, SecretStr, model_validator

_FOLLOW_UP_SHARE: Final = 2 / 3
"""Of the time that a page's first call to Redis may take."""


class StorageSettings(BaseModel):
    """Redis, how long requests wait for it, and the archive."""

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
    request_budget_ms: int | None = Field(
        default=None,
        ge=1,
        le=20_000,
        description="Milliseconds that all calls to Redis of one page may take together. Empty: five thirds of "
        "`KABIN_REDIS_TIMEOUT_MS`, so 50.",
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
    archive_retention_days: int = Field(
        default=730,
        ge=0,
        le=36_500,
        description="Days that events stay in the archive after the day on which they arrived: older ones are left out by all who read "
        "it, and deleted by its next compaction, in the night or by `kabin archive --compact`. 0: for ever.",
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

    @model_validator(mode="after")
    def _budget_beyond_the_first_call(self) -> Self:
        if self.request_budget_ms is not None and self.request_budget_ms <= self.redis_timeout_ms:
            raise ValueError(
                f"KABIN_REQUEST_BUDGET_MS={self.request_budget_ms} leaves nothing beside KABIN_REDIS_TIMEOUT_MS="
                f"{self.redis_timeout_ms}, which is part of it: give it more, or Redis less"
            )
        return self

    @property
    def follow_up_timeout_ms(self) -> int:
        """What is left of a page's budget for calls to Redis after the first one."""
        if self.request_budget_ms is None:
            return max(1, round(self.redis_timeout_ms * _FOLLOW_UP_SHARE))
        return self.request_budget_ms - self.redis_timeout_ms
