"""How visitors are told apart, what they agree to, and for how long they are remembered."""

from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator


class VisitorSettings(BaseModel):
    """The cookie, consent, and lifetimes."""

    cookie_name: str = Field(
        default="kabin",
        pattern=r"^[A-Za-z0-9_-]+$",
        description="Name of the cookie that holds the visitor's token. `__Host-kabin` keeps the shop's other hosts from setting it.",
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
    first_visit_ttl_minutes: int = Field(
        default=60,
        ge=1,
        le=525_600,
        description="Minutes that a visitor is kept who has not come back with their id yet, such as one whose browser takes no "
        "cookies; `KABIN_VISITOR_TTL_DAYS` begins with the first event that does.",
    )
    session_gap_minutes: int = Field(
        default=30, ge=1, le=1440, description="Minutes without a request after which a new session starts."
    )

    @model_validator(mode="after")
    def _cookie_that_browsers_keep(self) -> Self:
        if self.cookie_samesite == "none" and not self.cookie_secure:
            raise ValueError(
                "KABIN_COOKIE_SAMESITE=none needs KABIN_COOKIE_SECURE=true: browsers drop it otherwise"
            )
        if self.cookie_name.startswith(("__Host-", "__Secure-")) and not self.cookie_secure:
            raise ValueError(
                f"KABIN_COOKIE_NAME={self.cookie_name} needs KABIN_COOKIE_SECURE=true: browsers drop it otherwise"
            )
        if self.cookie_name.startswith("__Host-") and self.cookie_domain is not None:
            raise ValueError(
                f"KABIN_COOKIE_NAME={self.cookie_name} needs KABIN_COOKIE_DOMAIN to be empty: browsers drop it otherwise"
            )
        return self
