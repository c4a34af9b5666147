"""Bodies of the naive service."""

from pydantic import BaseModel, Field


class EventItem(BaseModel):
    """An item of an event."""

    item_id: str = Field(max_length=128)
    item_variant: str | None = None
    price: float | None = None


class EventParams(BaseModel):
    """Parameters of an event."""

    items: list[EventItem] = []
    currency: str | None = None
    transaction_id: str | None = None


class Event(BaseModel):
    """A GA4 event."""

    name: str
    event_id: str = Field(max_length=128)
    timestamp: float | None = None
    params: EventParams = EventParams()


class Page(BaseModel):
    """The page that asks."""

    type: str = "other"
    item_id: str | None = None


class Consent(BaseModel):
    """What the visitor agreed to."""

    storage: bool = False


class PersonalizeRequest(BaseModel):
    """Body of the request."""

    visitor_id: str | None = None
    page: Page = Page()
    events: list[Event] = Field(default=[], max_length=50)
    consent: Consent = Consent()
    limit: int = Field(default=12, ge=0, le=100)


class SizeAnswer(BaseModel):
    """The visitor's size of the page's item."""

    action: str = "none"
    size: str | None = None
    sku: str | None = None
    confidence: float = 0.0


class Card(BaseModel):
    """What a page needs to show an item."""

    title: str
    link: str
    image_link: str | None
    price: float
    sale_price: float | None
    currency: str


class Recommendation(BaseModel):
    """One recommended item."""

    item_id: str
    score: float
    in_your_size: bool
    item: Card


class ExperimentAnswer(BaseModel):
    """One experiment that the visitor takes part in."""

    experiment_id: str
    variation_id: int
    variation: str


class EventsAnswer(BaseModel):
    """What became of the events."""

    accepted: int = 0
    duplicate: int = 0


class PersonalizeResponse(BaseModel):
    """Answer to the page."""

    decision_id: str
    visitor_id: str | None
    size: SizeAnswer
    homepage: str
    discount_index: float
    recommendations: list[Recommendation]
    experiments: list[ExperimentAnswer]
    events: EventsAnswer
    degraded: bool = False
