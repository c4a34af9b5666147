"""The shapes of answers to whoever runs the shop and the service; see :mod:`service.contract.answers`."""

from typing import Annotated, Literal, TypedDict

from msgspec import Meta


class RowReportAnswer(TypedDict):
    """What is wrong with one line of a feed; lines count from 1, with the header."""

    line: int
    field: str | None
    detail: str


class CatalogAnswer(TypedDict):
    """Answer of ``PUT`` and ``PATCH /catalog``.

    ``accepted`` and ``rejected_count`` count lines, ``removed`` SKUs that are gone; ``rejected`` and ``warnings``
    (rows kept without a field) hold the first thousand reports.
    """

    accepted: int
    removed: int
    rejected_count: int
    rejected: list[RowReportAnswer]
    warning_count: int
    warnings: list[RowReportAnswer]
    version: int
    items: int
    skus: int


class RemovalAnswer(TypedDict):
    """Answer of ``DELETE /items/{id}``."""

    removed: int
    version: int


class StorefrontAnswer(TypedDict):
    """Answer of ``GET /kabin.json``: the storefront script of this release."""

    script: Annotated[
        str, Meta(description="Name of the immutable script, relative to this address: `kabin-<hash>.js`.")
    ]
    integrity: Annotated[
        str, Meta(description="Its subresource integrity: goes with that name only, never with `/kabin.js`.")
    ]
    loader: Annotated[
        str,
        Meta(
            description="HTML for the page's head, the script's element included; give it your own address."
        ),
    ]


class HealthAnswer(TypedDict):
    """Answer of ``GET /healthz``."""

    status: Literal["ok"]


class ModelStatus(TypedDict):
    """The model in use; ``detail`` says what is the matter where something is."""

    version: str | None
    created_at: float | None
    detail: str | None


class TrainingStatus(TypedDict):
    """How the last training ended; nulls before the first.

    ``refused``: the gate kept its model from going live, ``written``: nobody asked to publish it; ``reasons`` say why
    it was refused or failed.
    """

    result: Literal["published", "refused", "failed", "written"] | None
    version: str | None
    finished_at: float | None
    reasons: list[str]


class CatalogStatus(TypedDict):
    """The catalog replica of the answering worker."""

    items: int
    skus: int
    version: int
    age_seconds: float | None


class ExperimentsStatusAnswer(TypedDict):
    """The definitions of experiments that the answering worker uses; ``problems`` are also those of their sources.

    ``version`` is that of the document in Redis, ``source`` says where others come from (``redis``: from nowhere
    else), and features that are ``overridden`` are defined in both: Redis's are in use.
    """

    version: int | None
    source: Literal["redis", "file", "growthbook"]
    age_seconds: float | None
    overridden: list[str]
    problems: list[str]


class LogStatus(TypedDict):
    """How full the event log is, and Redis with it; null is unknown, or without a limit.

    ``detail`` says what is the matter from four fifths of a limit on; while ``refusing``, events get 503.
    """

    events: int | None
    limit_events: int | None
    memory_percent: float | None
    memory_limit_percent: float
    refusing: bool
    detail: str | None


class RedisStatus(TypedDict):
    """Whether events can be kept."""

    ok: bool
    detail: str | None


class ReadinessAnswer(TypedDict):
    """Answer of ``GET /readyz``; 503 while ``starting`` and ``stopping``.

    ``degraded`` still answers pages, without Redis, without room for events or with an older model than the one published: taking
    every worker out of service for it would make a small trouble a big one. Problems of experiments leave it ``ready``:
    the last good definitions are in use; so do trainings that failed or were refused.
    """

    status: Literal["ready", "degraded", "starting", "stopping"]
    redis: RedisStatus
    log: LogStatus
    model: ModelStatus
    training: TrainingStatus
    catalog: CatalogStatus
    experiments: ExperimentsStatusAnswer
