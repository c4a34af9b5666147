"""State, its bytes, and the ledger that computes it."""

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.events import Event, EventItem, EventName, ExperimentShown
from recommender.identifiers import key_of
from recommender.sizes.size import EvidenceKind, Size, SizeEvidence
from recommender.visitor.codec import (
    StateFormatError,
    decode_state,
    encode_evidence,
    encode_ring,
    encode_state,
)
from recommender.visitor.ledger import VisitorLedger, ledger_of
from recommender.visitor.state import EMPTY_STATE, HomepagePin, VisitorState, settle
from tests.visitor_events import START, effect, events

EVIDENCE = st.builds(
    SizeEvidence,
    day=st.integers(0, 0xFFFF),
    kind=st.sampled_from(EvidenceKind).map(int),
    item_key=st.integers(0, (1 << 40) - 1),
    department=st.integers(0, 255),
    size=st.builds(Size, scale=st.integers(0, 255), value=st.integers(0, 0xFFF), second=st.integers(0, 255)),
)


def _state_of(happened: list[Event]) -> VisitorState:
    return ledger_of(effect(event)[1] for event in happened).state(last_seen=1, session_started=1)


@given(st.lists(events(), max_size=40), st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_change_a_state(happened: list[Event], rng: random.Random) -> None:
    """Events in any order, some of them twice, give the very same state."""
    unique = list({event.event_id: event for event in happened}.values())
    shuffled = unique + rng.sample(unique, len(unique) // 2)
    rng.shuffle(shuffled)
    assert _state_of(shuffled) == _state_of(unique)


@given(
    st.lists(events(), max_size=40),
    st.sampled_from([None, HomepagePin(7, "promo"), HomepagePin(9, "full_price")]),
)
def test_a_state_survives_its_encoding(happened: list[Event], pin: HomepagePin | None) -> None:
    """Decoding gives back exactly what was encoded."""
    ledger = ledger_of(effect(event)[1] for event in happened)
    state = ledger.state(last_seen=2**32 - 1, session_started=5, homepage=pin)
    assert decode_state(encode_state(state)) == state


@given(EVIDENCE, EVIDENCE)
def test_evidence_sorts_as_its_bytes_do(one: SizeEvidence, other: SizeEvidence) -> None:
    """The script, which sees bytes, and Python, which sees tuples, agree which record is newer."""
    assert (one < other) == (encode_evidence(one) < encode_evidence(other))


@pytest.mark.parametrize("stored", [b"", b"\x02" + bytes(58), b"\x01" + bytes(57), b"\x01" + bytes(60)])
def test_other_bytes_are_refused(stored: bytes) -> None:
    """Bytes of another format or length raise an error that says what to do."""
    with pytest.raises(StateFormatError, match="kabin rebuild"):
        decode_state(stored)


def test_the_servers_report_of_an_order_counts_instead_of_the_browsers() -> None:
    """An order reported twice counts once, as the shop's server tells it, whichever came first."""

    def bought(event_id: str, source: str, price_off: float) -> Event:
        entry = EventItem("i1-12", discount=price_off)
        return Event(EventName.PURCHASE, event_id, START, source, (entry,), transaction_id="t1")  # type: ignore[arg-type]

    browser, server = bought("a", "browser", 5.0), bought("b", "server", 0.0)
    alone, both = _state_of([server]), _state_of([browser, server])
    assert both.affinity == alone.affinity == _state_of([server, browser]).affinity
    assert both.affinity.observed == 0.0
    assert [record.kind for record in both.settled_evidence()] == [EvidenceKind.PURCHASE]


@pytest.mark.parametrize("server_first", [True, False])
def test_the_browsers_word_on_preselection_stands_item_by_item(server_first: bool) -> None:
    """Of an order that both report, the server's copy counts except where the browser says it was our size."""
    copies = [
        Event(
            EventName.PURCHASE,
            source,
            START,
            source,
            (EventItem("i1-12"), EventItem("i2-10", preselected=source == "browser"), EventItem("i3-8")),
            transaction_id="t1",
        )
        for source in ("server", "browser")
    ]
    settled = _state_of(copies if server_first else copies[::-1]).settled_evidence()
    assert {record.item_key: record.kind for record in settled} == {
        key_of("i1"): EvidenceKind.PURCHASE,
        key_of("i2"): EvidenceKind.PURCHASE_PRESELECTED,
        key_of("i3"): EvidenceKind.PURCHASE,
    }
    assert len(settled) == 3


def test_settling_keeps_the_report_that_knows_best() -> None:
    """Server over browser, the browser's ``preselected`` over both; other items, sizes and weeks stand alone."""

    def record(kind: EvidenceKind, day: int = 100, item_key: int = 1) -> SizeEvidence:
        return SizeEvidence(day, int(kind), item_key, 1, Size(1, 20, 0))

    unconfirmed, server = record(EvidenceKind.PURCHASE_UNCONFIRMED), record(EvidenceKind.PURCHASE, 102)
    preselected = record(EvidenceKind.PURCHASE_PRESELECTED, 101)
    other = [record(EvidenceKind.PURCHASE_UNCONFIRMED, 99, 2), record(EvidenceKind.PURCHASE_UNCONFIRMED, 97)]
    assert settle([unconfirmed, server, *other]) == (server, *other)
    assert settle([unconfirmed, server, preselected]) == (preselected,)
    assert settle([unconfirmed]) == (unconfirmed,)


def test_an_order_empties_the_cart_up_to_its_moment() -> None:
    """Lines up to the order are gone, also those that arrive late; later ones stay."""

    def carted(event_id: str, number: int, after: float) -> Event:
        return Event(EventName.ADD_TO_CART, event_id, START + after, "browser", (EventItem(f"i{number}-8"),))

    order = Event(EventName.PURCHASE, "o", START + 10, "browser", transaction_id="t")
    state = _state_of([carted("a", 1, 0), order, carted("late", 2, 5), carted("b", 3, 20)])
    assert [line.item_key for line in state.cart_lines] == [key_of("i3")]


def test_the_cart_holds_what_happened_last_to_a_line() -> None:
    """Added and removed within a second is out, whichever event arrives first."""
    entry = (EventItem("i1-8"),)
    added = Event(EventName.ADD_TO_CART, "a", START + 0.20, "browser", entry)
    removed = Event(EventName.REMOVE_FROM_CART, "b", START + 0.80, "browser", entry)
    assert _state_of([added, removed]).cart_lines == _state_of([removed, added]).cart_lines == ()
    assert len(_state_of([added]).cart_lines) == 1


def test_lookups_of_a_state() -> None:
    """A state answers for the variation that sticks and the variant pinned in this session."""
    experiments = (ExperimentShown("hero", 2), ExperimentShown("rank", 1, bucket_version=3))
    state = _state_of([Event(EventName.DECISION_SHOWN, "a", START, "browser", experiments=experiments)])
    assert state.variation_of("hero") == 2
    assert state.variation_of("hero", 1) is None
    assert (state.variation_of("rank", 3), state.variation_of("rank")) == (1, None)
    assert not EMPTY_STATE.is_known
    pinned = VisitorState(last_seen=90, session_started=50, homepage=HomepagePin(60, "promo"))
    earlier = VisitorState(last_seen=90, session_started=70, homepage=HomepagePin(60, "promo"))
    assert (pinned.homepage_of_session, earlier.homepage_of_session) == ("promo", None)


def test_a_ring_is_cut_between_events() -> None:
    """The last events' fingerprints come with those they counted once."""
    ledger = VisitorLedger()
    for number in range(5):
        ledger.apply(
            effect(Event(EventName.VIEW_ITEM, str(number), START, "browser", (EventItem(f"i{number}"),)))[1]
        )
    assert [print_ & 1 for print_ in ledger.ring(2)] == [0, 1, 0, 1]
    assert ledger.ring(0) == ()
    assert encode_ring(ledger.ring(2)) == b"".join(print_.to_bytes(8, "big") for print_ in ledger.ring(2))


def test_a_log_entry_of_before_names_and_propensities_still_reads() -> None:
    """Exposures are arrays: what an older version wrote has only the first two fields, and means the same."""
    written = b'{"name":"decision_shown","event_id":"a","timestamp":1.5,"source":"browser","experiments":[["hero",2]]}'
    event = msgspec.json.decode(written, type=Event)
    assert event.experiments == (ExperimentShown("hero", 2, "", None, 0),)
    full = msgspec.structs.replace(event, experiments=(ExperimentShown("hero", 2, "promo", 0.25, 1),))
    assert msgspec.json.decode(msgspec.json.encode(full), type=Event) == full
