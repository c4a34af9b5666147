"""How much a caller may send, how often, and how long the service waits for it."""

from pydantic import BaseModel, Field

from service.settings.value_types import Networks


class LimitSettings(BaseModel):
    """Bounds on bodies, rates, connections and the time to stop."""

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
        default=1024,
        ge=1,
        le=65_536,
        description="Largest body of `PUT` and `PATCH /catalog` in MiB, unpacked if it is compressed.",
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
        default=128,
        ge=1,
        le=100_000,
        description="Requests a worker handles at once (pages; three quarters of them, if they are none); beyond it they are shed "
        "with 503 and Retry-After. 128 pages of 0.3 ms are answered within 40 ms; more would miss Redis for each other's sake.",
    )
    body_timeout_seconds: int = Field(
        default=10, ge=1, le=600, description="Seconds within which a page's request body must arrive."
    )
    max_connections: int = Field(
        default=8192,
        ge=16,
        le=1_000_000,
        description="Connections that a worker keeps open, idle ones included; beyond it new ones are closed at once. Less if the "
        "system allows fewer open files (`ulimit -Hn`).",
    )
    shutdown_grace_seconds: float = Field(
        default=1.0,
        ge=0,
        le=600,
        description="Seconds in which a service that is told to stop still takes requests, while `/readyz` says 503: longer than a "
        "load balancer takes to notice.",
    )
    shutdown_timeout_seconds: int = Field(
        default=10,
        ge=1,
        le=600,
        description="Seconds that running requests get to finish when the service stops.",
    )
