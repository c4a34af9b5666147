"""Bodies of requests: what any browser may send, decoded, checked, and turned into what a visitor's state takes."""

from pathlib import Path
from typing import Final

import msgspec

from recommender.events import Event
from recommender.visitor.codec import decode_state, encode_effects, encode_state
from recommender.visitor.effects import effects_of
from recommender.visitor.ledger import ledger_of
from service.contract.problems import Problem
from service.contract.wire import BodyDecoder
from tests.fuzz.target import Attempt, Target, check_problem
from tests.fuzz.targets.shop import NOW, PARAMETERS, catalog

_VIEW: Final = (
    b'{"name":"view_item","event_id":"e1","timestamp":1763740000.5,"params":{"items":[{"item_id":"a-38"}]}}'
)
_ORDER: Final = (
    b'{"name":"purchase","event_id":"e2","timestamp":"2025-11-21T15:00:00+01:00","params":{"transaction_id":"t1",'
    b'"currency":"eur","coupon":"X","items":[{"item_id":"a","item_variant":"a-40","size":"40","price":39.9,'
    b'"discount":20,"quantity":2,"preselected":true},{"item_id":"s-8.5","price":1299,"quantity":1000000}]}}'
)
_SHOWN: Final = (
    b'{"name":"decision_shown","event_id":"e3","timestamp_micros":1763740000000000,"params":{"decision_id":"d",'
    b'"slot":"homepage","experiments":[{"experiment_id":"x","variation_id":1000,"variation":"b"}]}}'
)
_FIT: Final = (
    b'{"name":"fit_feedback","event_id":"e4","params":{"fit":"small","items":[{"item_id":"b","size":"38"}]}}'
)
_SORT: Final = b'{"name":"sort_items","event_id":"e5","params":{"sort_by":"price_asc"}}'
_EVENTS: Final = b"[%b]" % b",".join((_VIEW, _ORDER, _SHOWN, _FIT, _SORT))

PERSONALIZE: Final = (
    b'{"visitor_id":"v","page":{"type":"product","item_id":"a","sku":"a-38","category":"Women > Dresses"},"events":%b,'
    b'"consent":{"storage":true},"limit":12,"preview":{"homepage":"promo","experiments":{"x":1}},'
    b'"attributes":{"country":"TR","age":3,"vip":true,"none":null}}' % _EVENTS
)
EVENTS: Final = b'{"visitor_id":"v","events":%b,"consent":{"storage":null}}' % _EVENTS
IDENTIFY: Final = (
    b'{"visitor_id":"v","customer_id":"kim@example.org"}',
    b'{"visitor_id":"v","customer_token":"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln","consent":{"storage":true}}',
    b'{"sign_out":true}',
)

WORDS: Final = (
    b"1e308", b"1763740800", b"253402300800", *(
    f'"{word}"'.encode()
    for word in (
        "visitor_id", "page", "type", "item_id", "sku", "category", "events", "name", "event_id", "timestamp",
        "timestamp_micros", "params", "items", "item_variant", "size", "price", "discount", "quantity", "coupon",
        "preselected", "currency", "transaction_id", "decision_id", "fit", "sort_by", "promotion_id", "slot",
        "experiments", "experiment_id", "variation_id", "variation", "consent", "storage", "limit", "preview",
        "homepage", "attributes", "add_to_cart", "remove_from_cart", "view_cart", "refund", "select_size",
        "deselect_size", "view_promotion", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "US 8 1/2",
    )),
)  # fmt: skip
"""Names of fields and events, and times at the ends of what can be written."""


def _apply(events: tuple[Event, ...]) -> None:
    """Work out what events do to a visitor; whatever was accepted must fit the log and the state."""
    effects = []
    for event in events:
        stored = msgspec.json.encode(event)
        assert msgspec.json.decode(stored, type=Event) == event
        effects.append(effects_of(event, catalog(), PARAMETERS))
        encode_effects(effects[-1])
    state = ledger_of(effects).state(last_seen=int(NOW))
    stored_state = encode_state(state)
    assert encode_state(decode_state(stored_state)) == stored_state


def personalize(_folder: Path) -> Attempt:
    """Parse bodies of ``POST /personalize``, by turns as a browser's and as the shop's server's."""
    decoder = BodyDecoder()

    def attempt(data: bytes) -> None:
        try:
            body = decoder.personalize(data)
        except Problem as problem:
            check_problem(problem, 400, 422)
            return
        assert 0 <= body.limit <= 100
        checked = decoder.check(body.events, now=NOW, source="server" if len(data) % 2 else "browser")
        assert len(checked.events) + checked.ignored + len(checked.rejected) >= len(body.events)
        _apply(checked.events)

    return attempt


def events(_folder: Path) -> Attempt:
    """Parse bodies of ``POST /events``."""
    decoder = BodyDecoder()

    def attempt(data: bytes) -> None:
        try:
            body = decoder.events(data)
        except Problem as problem:
            check_problem(problem, 400, 422)
            return
        for source in ("browser", "server"):
            _apply(decoder.check(body.events, now=NOW, source=source).events)

    return attempt


def identify(_folder: Path) -> Attempt:
    """Parse bodies of ``POST /identify``."""
    decoder = BodyDecoder()

    def attempt(data: bytes) -> None:
        try:
            body = decoder.identify(data)
        except Problem as problem:
            check_problem(problem, 400, 422)
            return
        for text in (body.visitor_id, body.customer_id, body.customer_token):
            assert text is None or text.encode()

    return attempt


TARGETS: Final = (
    Target("personalize", "body of POST /personalize", personalize, (PERSONALIZE, b"{}"), WORDS),
    Target("events", "body of POST /events", events, (EVENTS, b'{"events":[]}'), WORDS),
    Target(
        "identify",
        "body of POST /identify",
        identify,
        (*IDENTIFY,),
        (
            b'"visitor_id"',
            b'"customer_id"',
            b'"customer_token"',
            b'"sign_out"',
            b'"consent"',
            b"true",
            b"customer:",
        ),
    ),
)
