"""The shapes of requests, from which bodies are decoded and ``openapi.json`` is built.

They are msgspec Structs, decoded and checked in one pass; unknown fields are skipped.

Whole numbers are declared as multiples of 1, because JSON knows no integers: 12.0 is as good a limit as 12.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

MAX_ID_CHARACTERS = 128
MAX_TOKEN_CHARACTERS = 12 * 256 + 44
"""Of an id of 256 characters, percent-encoded (4 bytes each at most), a dot and the signature; a cookie has room for it."""
MAX_CUSTOMER_TOKEN_CHARACTERS = 4096
MAX_LIMIT = 100
DEFAULT_LIMIT = 12
MAX_ATTRIBUTES = 20
MAX_ATTRIBUTE_CHARACTERS = 512
MAX_FORCED_EXPERIMENTS = 50

Identifier = Annotated[str, Meta(min_length=1, max_length=MAX_ID_CHARACTERS)]
Label = Annotated[str, Meta(max_length=MAX_ID_CHARACTERS)]
VisitorToken = Annotated[
    str,
    Meta(
        max_length=MAX_TOKEN_CHARACTERS,
        description="A token that Kabin signed; with the server key any id. A token whose signature is wrong "
        "is not read: its sender is a new visitor.",
    ),
]
Currency = Annotated[str, Meta(pattern="^[A-Za-z]{3}$", description="ISO 4217.")]
Money = Annotated[float, Meta(ge=0, le=1e12)]
VariationId = Annotated[float, Meta(ge=0, le=1000, multiple_of=1)]
PageType = Literal["home", "category", "product", "search", "cart", "checkout", "order", "other"]
HomepageVariant = Literal["promo", "full_price"]
AttributeValue = Annotated[str, Meta(max_length=MAX_ATTRIBUTE_CHARACTERS)] | float | bool | None


# ---------------------------------------------------------------- events


class ItemOfEvent(Struct, frozen=True):
    """One entry of a GA4 ``items[]`` array."""

    item_id: Annotated[
        str, Meta(min_length=1, max_length=MAX_ID_CHARACTERS, description="An item or a SKU of the feed.")
    ]
    item_variant: Label | None = None
    size: Label | None = None
    price: Annotated[float, Meta(ge=0, le=1e12, description="What one unit costs now.")] | None = None
    discount: Annotated[float, Meta(ge=0, le=1e12, description="What was taken off one unit.")] | None = None
    quantity: Annotated[float, Meta(ge=1, le=1_000_000, multiple_of=1)] = 1
    coupon: Label | None = None
    preselected: Annotated[
        bool, Meta(description="Whether this entry's size is one that Kabin had preselected.")
    ] = False


class Exposure(Struct, frozen=True):
    """One experiment whose variation was shown."""

    experiment_id: Identifier
    variation_id: VariationId
    variation: Label = ""


class EventParams(Struct, frozen=True):
    """Parameters of an event; which of them an event needs depends on its name."""

    items: Annotated[tuple[ItemOfEvent, ...], Meta(max_length=200)] = ()
    currency: Currency | None = None
    transaction_id: Identifier | None = None
    coupon: Label | None = None
    decision_id: Label | None = None
    preselected: Annotated[
        bool, Meta(description="Whether Kabin had preselected the sizes of all `items`.")
    ] = False
    fit: Literal["small", "true", "large"] | None = None
    sort_by: Label | None = None
    promotion_id: Label | None = None
    slot: (
        Annotated[
            str,
            Meta(
                max_length=MAX_ID_CHARACTERS,
                description="What was seen of the decision: `homepage`, `size`, `recommendations`, or a feature of the "
                "shop's own; left out, all of it.",
            ),
        ]
        | None
    ) = None
    experiments: Annotated[
        tuple[Exposure, ...],
        Meta(
            max_length=50,
            description="Exposures that only the shop's server can vouch for: from a browser they are not believed, "
            "and where `decision_id` is one that Kabin gave with exposures, that tells them.",
        ),
    ] = ()


class WireEvent(Struct, frozen=True):
    """One event, as GA4 spells it; events with other names are ignored and counted."""

    name: Annotated[str, Meta(max_length=MAX_ID_CHARACTERS)]
    event_id: Identifier
    timestamp: (
        Annotated[float, Meta(description="Unix seconds.")]
        | Annotated[str, Meta(max_length=64, description="ISO 8601; UTC where it names no offset.")]
        | None
    ) = None
    timestamp_micros: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    params: EventParams = EventParams()


# ---------------------------------------------------------------- requests


class Page(Struct, frozen=True):
    """The page that asks."""

    type: PageType = "other"
    item_id: Label | None = None
    sku: Label | None = None
    category: (
        Annotated[str, Meta(max_length=750, description="A `product_type` of the feed, or its start.")] | None
    ) = None


class Consent(Struct, frozen=True):
    """What the visitor agreed to."""

    storage: bool | None = None


class Preview(Struct, frozen=True):
    """Forced answers for quality assurance; the whole answer is never an exposure then."""

    homepage: HomepageVariant | None = None
    experiments: Annotated[
        dict[Identifier, VariationId],
        Meta(
            max_length=MAX_FORCED_EXPERIMENTS,
            description="Variation by experiment. Experiments that are not running are skipped.",
        ),
    ] = {}

    @property
    def is_wanted(self) -> bool:
        """Whether anything is forced."""
        return self.homepage is not None or bool(self.experiments)


class PersonalizeRequest(Struct, frozen=True):
    """Body of ``POST /personalize``."""

    visitor_id: VisitorToken | None = None
    page: Page = Page()
    events: list[msgspec.Raw] = []
    consent: Consent = Consent()
    limit: Annotated[float, Meta(ge=0, le=MAX_LIMIT, multiple_of=1)] = DEFAULT_LIMIT
    preview: Preview = Preview()
    attributes: Annotated[
        dict[Identifier, AttributeValue],
        Meta(
            max_length=MAX_ATTRIBUTES,
            description="What the page knows of the visitor or of itself, for the conditions of experiments; null is as good "
            "as nothing. Kabin's own attributes go before those of the same name.",
        ),
    ] = {}


class IdentifyRequest(Struct, frozen=True):
    """Body of ``POST /identify``: exactly one of ``customer_id``, ``customer_token`` and ``sign_out``."""

    visitor_id: VisitorToken | None = None
    customer_id: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=MAX_ID_CHARACTERS,
                description="The shop's own id of the customer's account; needs the server key. Nothing keeps it.",
            ),
        ]
        | None
    ) = None
    customer_token: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=MAX_CUSTOMER_TOKEN_CHARACTERS,
                description="A JWT that the shop's backend signed (HS256) with `KABIN_CUSTOMER_TOKEN_KEY`: `sub` the shop's "
                'id of the customer, `aud` `"kabin"`, `iat` and `exp` at most 10 minutes apart, `jti` unique. One '
                "visitor may use it.",
            ),
        ]
        | None
    ) = None
    sign_out: Annotated[
        bool, Meta(description="Whether the customer signs out: what follows is a new visitor's.")
    ] = False
    consent: Consent = Consent()


class EventsRequest(Struct, frozen=True):
    """Body of ``POST /events``: one visitor's batch."""

    events: list[msgspec.Raw]
    visitor_id: VisitorToken | None = None
    consent: Consent = Consent()
