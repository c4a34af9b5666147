"""What decisions rest on, and the experiments that vary them."""

from datetime import tzinfo
from pathlib import Path
from typing import Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, Field, field_validator, model_validator


class DecisionSettings(BaseModel):
    """Catalog, model and experiments."""

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

    @field_validator("feed_timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{name!r} is no IANA time zone such as Europe/Berlin") from None
        return name

    @model_validator(mode="after")
    def _one_source_of_experiments(self) -> Self:
        if self.experiments_file is not None and self.growthbook_url is not None:
            raise ValueError(
                "KABIN_EXPERIMENTS_FILE and KABIN_GROWTHBOOK_URL exclude each other: set the one that holds the experiments"
            )
        return self

    @property
    def feed_zone(self) -> tzinfo:
        """The time zone of dates in the feed that name none."""
        return ZoneInfo(self.feed_timezone)
