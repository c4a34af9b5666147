"""The behavioural events Kabin understands: GA4 ecommerce, and five of our own.

An :class:`Event` is what an edge (HTTP, import, simulation) hands to the pure core once the wire
format has been checked. The event log stores exactly this structure as JSON, so a log entry replays
through the same functions that handled the event when it arrived.
"""

from enum import StrEnum
from typing import Final, Literal

import msgspec

from recommender.homepage import HomepageVariant

SECONDS_PER_DAY: Final = 86_400


class EventName(StrEnum):
    """Names of events; any other name is ignored and counted, never refused."""

    VIEW_ITEM = "view_item"
    SELECT_ITEM = "select_item"
    ADD_TO_CART = "add_to_cart"
    REMOVE_FROM_CART = "remove_from_cart"
    VIEW_CART = "view_cart"
    PURCHASE = "purchase"
    REFUND = "refund"
    VIEW_PROMOTION = "view_promotion"
    SELECT_PROMOTION = "select_promotion"
    VIEW_ITEM_LIST = "view_item_list"
    BEGIN_CHECKOUT = "begin_checkout"
    SELECT_SIZE = "select_size"
    DESELECT_SIZE = "deselect_size"
    SORT_ITEMS = "sort_items"
    DECISION_SHOWN = "decision_shown"
    FIT_FEEDBACK = "fit_feedback"
    IDENTIFIED = "identified"
    MERGED = "merged"


LINKS: Final = frozenset({EventName.IDENTIFIED, EventName.MERGED})
"""Kabin's own entries of the event log, which nobody can send: that a visitor was recognised as a customer, among the
visitor's, and that what was held of the visitor has become the customer's, among the customer's."""

ACTS: Final = tuple(name for name in EventName if name not in LINKS)
"""What visitors do, which is what callers and imports may tell."""


class EventItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry of a GA4 ``items[]`` array.

    ``item_id`` is an item or a SKU id, ``item_variant`` a SKU id where the page gives one. ``price``
    is what one unit costs now and ``discount`` what was taken off it, both in the event's currency,
    as in GA4; ``None`` means that the event does not say and the catalog decides. ``preselected`` says that
    Kabin had preselected this entry's size; :meth:`Event.is_preselected` is what counts.
    """

    item_id: str
    item_variant: str | None = None
    size: str | None = None
    price: float | None = None
    discount: float | None = None
    quantity: int = 1
    coupon: str | None = None
    preselected: bool = False


class ExperimentShown(msgspec.Struct, frozen=True, array_like=True):
    """One exposure: the visitor was shown a variation of an experiment.

    Stored as an array, so that log entries with the first two fields alone still read.

    Attributes:
        experiment_id: key of the experiment.
        variation_id: index of the variation.
        variation: what it is called; empty where the log does not say.
        propensity: probability with which it was assigned among those who take part; ``None`` if unknown.
        bucket_version: of the experiment's sticky buckets; a higher one starts afresh.
    """

    experiment_id: str
    variation_id: int
    variation: str = ""
    propensity: float | None = None
    bucket_version: int = 0


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One checked event of one visitor.

    ``timestamp`` is in Unix seconds. ``source`` says who vouches for it: the shop's server (server
    key), a browser, or an import of history.
    """

    name: EventName
    event_id: str
    timestamp: float
    source: Literal["browser", "server", "import"]
    items: tuple[EventItem, ...] = ()
    currency: str | None = None
    transaction_id: str | None = None
    coupon: str | None = None
    decision_id: str | None = None
    preselected: bool = False
    """Whether Kabin had preselected the sizes of all items (then they are weak evidence)."""
    fit: Literal["small", "true", "large"] | None = None
    sort_by: str | None = None
    promotion_id: str | None = None
    slot: str | None = None
    experiments: tuple[ExperimentShown, ...] = ()
    """Exposures of a ``decision_shown``."""
    discount_affinity: Literal["high", "medium", "low"] | None = None
    """The visitor's level when the decision of a ``decision_shown`` was made."""
    personalized_homepage: HomepageVariant | None = None
    """What discount affinity alone would have shown on the homepage then."""
    is_first_visit: bool = False
    """Whether the visitor's id was issued by the request that brought it: so far nobody has come back with that id."""
    link: str | None = None
    """Of :data:`LINKS` the other side's visitor id. The ``timestamp`` of both is the millisecond of the log up to which
    the visitor's events belong to the customer."""

    @property
    def day(self) -> int:
        """Whole days from 1970-01-01 UTC to the event."""
        return int(self.timestamp // SECONDS_PER_DAY)

    def is_preselected(self, entry: EventItem) -> bool:
        """Tell whether Kabin had preselected the size of one of the items: the event's word, or the entry's."""
        return self.preselected or entry.preselected
