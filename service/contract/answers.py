"""The shapes of answers: TypedDicts, so that mypy holds the code that builds them against the contract.

orjson writes them as they are, and ``openapi.json`` describes them, closed: what is not listed is never sent.
"""

from typing import Annotated, Any, Literal, TypedDict

from msgspec import Meta

from service.contract.schemas import HomepageVariant


class FieldErrorAnswer(TypedDict):
    """One wrong field."""

    pointer: str
    detail: str


class ProblemAnswer(TypedDict):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldErrorAnswer]


class EventsAnswer(TypedDict):
    """What became of the events of a body; ``retry`` says that they could not be kept and are to be sent again."""

    accepted: int
    duplicate: int
    ignored: int
    rejected: list[FieldErrorAnswer]
    retry: bool


class EventsReceipt(EventsAnswer):
    """Answer of ``POST /events``: the events are in the log."""

    visitor_id: str | None


class IdentifyAnswer(TypedDict):
    """Answer of ``POST /identify``: the token to use from now on, and whether what was held of the visitor came along."""

    visitor_id: str | None
    is_customer: bool
    merged: bool


class SizeReasonAnswer(TypedDict):
    """Why the size is what it is: ``times`` of the ``of`` items that the visitor chose a size of speak for it."""

    code: str
    times: int
    of: int


class SizeAnswer(TypedDict):
    """The visitor's size of the page's item."""

    action: Literal["preselect", "hint", "none"]
    size: str | None
    size_system: str | None
    sku: str | None
    confidence: float
    reason: SizeReasonAnswer


class HomepageAnswer(TypedDict):
    """The homepage's variant."""

    variant: HomepageVariant
    reason: Literal["discount_affinity", "experiment", "default", "preview"]


class SlotsAnswer(TypedDict):
    """Each slot's variant."""

    homepage: HomepageAnswer


class DiscountAffinityAnswer(TypedDict):
    """How strongly the visitor responds to discounts: observed over expected, 1 is the shop's average."""

    level: Literal["high", "medium", "low"]
    index: float
    evidence: float


class CardAnswer(TypedDict):
    """What a page needs to show an item; prices in units of ``currency``, the sale price only while it holds."""

    title: str
    link: str
    image_link: str | None
    price: float
    sale_price: float | None
    currency: str


class RecommendationAnswer(TypedDict):
    """One recommended item; scores compare within one source, lists not ranked for the visitor have 0."""

    item_id: str
    score: float
    source: Literal["als", "covisit", "popular", "newest", "on_sale"]
    in_your_size: bool
    item: CardAnswer


class ExperimentAnswer(TypedDict):
    """One experiment that the visitor takes part in.

    ``slot`` is what a page reports as seen in ``decision_shown``: null for an experiment that any slot shows.
    """

    experiment_id: str
    variation_id: int
    variation: str
    feature_id: str | None
    value: Annotated[Any, Meta(description="Of the feature, in this variation.")]
    slot: str | None


class PersonalizeAnswer(TypedDict):
    """Answer of ``POST /personalize``."""

    decision_id: str
    visitor_id: str | None
    size: SizeAnswer
    slots: SlotsAnswer
    discount_affinity: DiscountAffinityAnswer
    recommendations: list[RecommendationAnswer]
    experiments: list[ExperimentAnswer]
    features: Annotated[
        dict[str, Any], Meta(description="Values of the shop's own features for this visitor, by name.")
    ]
    events: EventsAnswer
    model_version: str | None
    degraded: bool


class SimilarAnswer(TypedDict):
    """Answer of ``GET /items/{id}/similar``."""

    item_id: str
    recommendations: list[RecommendationAnswer]
    model_version: str | None


class EvidenceAnswer(TypedDict):
    """One act that speaks for (or against) a size; ``item_id`` is null for an item that left the catalog."""

    date: str
    kind: str
    item_id: str | None
    department: str
    size: str
    size_system: str | None


class CartLineAnswer(TypedDict):
    """One line of the cart."""

    item_id: str | None
    sku: str | None
    at: Annotated[float, Meta(description="Unix seconds.")]


class ViewedAnswer(TypedDict):
    """One item viewed lately."""

    item_id: str | None
    at: float


class PreferredSizeAnswer(TypedDict):
    """The size that would be preselected on an ordinary item of a department."""

    department: str
    size: str
    size_system: str | None


class ExposureAnswer(TypedDict):
    """A variation that a visitor was shown; names are null once the experiment is no longer defined."""

    experiment_id: str | None
    variation_id: int
    variation: str | None
    at: Annotated[float, Meta(description="Unix seconds.")]


class HeldEventAnswer(TypedDict):
    """One event as Kabin keeps it."""

    visitor_id: Annotated[str, Meta(description="The id under which it is kept.")]
    place: Literal["log", "archive"]
    received_at: Annotated[float, Meta(description="Unix seconds.")]
    event: Annotated[Any, Meta(description="The event, in Kabin's own form.")]


class MergedVisitorAnswer(TypedDict):
    """A visitor who became this customer: until when (Unix seconds) what arrived under the id is the customer's."""

    visitor_id: str
    until: float


class VisitorAnswer(TypedDict):
    """Answer of ``GET /visitors/{id}``: everything held about a visitor, and the decisions it leads to."""

    visitor_id: str
    last_seen: float
    session_started: float
    sizes: list[PreferredSizeAnswer]
    evidence: list[EvidenceAnswer]
    cart: list[CartLineAnswer]
    recently_viewed: list[ViewedAnswer]
    exposures: list[ExposureAnswer]
    discount_affinity: DiscountAffinityAnswer
    slots: SlotsAnswer
    recommendations: list[RecommendationAnswer]
    experiments: list[ExperimentAnswer]
    merged_visitors: list[MergedVisitorAnswer]
    model_version: str | None


class VisitorExportAnswer(VisitorAnswer):
    """Answer of ``GET /visitors/{id}?events=1``: the same, and every event in the event log and the archive, by arrival."""

    events: list[HeldEventAnswer]


class ErasureAnswer(TypedDict):
    """Answer of ``DELETE /visitors/{id}``: what was deleted of a visitor at once.

    What has left Redis for the archive is skipped from now on, and deleted when the archive is next compacted.
    """

    visitor_id: str
    erased_at: Annotated[float, Meta(description="Unix seconds; what arrived up to then is erased.")]
    known: Annotated[bool, Meta(description="Whether the visitor was remembered.")]
    events: Annotated[int, Meta(description="Events deleted from the log.")]
