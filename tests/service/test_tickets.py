"""Tickets: what Kabin signed comes back as it was, and nothing else ever does."""

import base64
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recommender.decisions.policy import AssignedExperiment
from recommender.visitor.state import experiment_key_of
from service.contract.schemas import MAX_ID_CHARACTERS
from service.tickets import MAX_EXPOSURES, TICKET_SECONDS, ExposureTickets, plain_decision_id

NOW = 1_763_740_800.25
KEY = "a-signing-key-of-the-tests"
TICKETS = ExposureTickets([KEY])
BASE64URL = string.ascii_letters + string.digits + "-_"


def assigned(
    number: int = 0, variation_id: int = 1, propensity: float = 0.5, bucket_version: int = 0
) -> AssignedExperiment:
    """Return a visitor's part in an experiment."""
    return AssignedExperiment(
        f"experiment-{number}", variation_id, "b", "feature", "b", propensity, bucket_version, None, False
    )


def ticket(count: int = 2) -> str:
    """Return visitor v's ticket with so many exposures."""
    return TICKETS.issue("v", [assigned(number) for number in range(count)], now=NOW)


exposures = st.lists(
    st.builds(
        assigned,
        number=st.integers(0, 10_000),
        variation_id=st.integers(0, 255),
        propensity=st.floats(0.0, 1.0),
        bucket_version=st.integers(0, 1000),
    ),
    min_size=1,
    max_size=MAX_EXPOSURES,
)


@given(
    st.text(max_size=300),
    exposures,
    st.sampled_from(["high", "medium", "low", None]),
    st.sampled_from(["promo", "full_price", None]),
    st.floats(0, 4e9),
)
def test_what_was_signed_comes_back(
    visitor_id: str, experiments: list[AssignedExperiment], level: object, homepage: object, now: float
) -> None:
    """Every exposure with its propensity to a billionth, the context, and the second of the decision."""
    issued = TICKETS.issue(
        visitor_id,
        experiments,
        discount_affinity=level,  # type: ignore[arg-type]
        personalized_homepage=homepage,  # type: ignore[arg-type]
        now=now,
    )
    assert len(issued) <= MAX_ID_CHARACTERS
    assert set(issued) <= set(BASE64URL)
    read = TICKETS.read(issued, visitor_id, now=now)
    assert read is not None
    assert (read.discount_affinity, read.personalized_homepage) == (level, homepage)
    assert read.issued_at == int(now)
    assert [(one.experiment_key, one.variation_id) for one in read.exposures] == [
        (experiment_key_of(one.experiment_id, one.bucket_version), one.variation_id) for one in experiments
    ]
    for one, given_one in zip(read.exposures, experiments, strict=True):
        assert abs(one.propensity - given_one.propensity) <= 1e-9


@pytest.mark.parametrize("propensity", [0.0, 0.05, 0.1, 1 / 4, 0.333, 0.34, 0.5, 0.95, 1.0])
def test_shares_that_a_person_writes_come_back_exactly(propensity: float) -> None:
    """A report weighs by them."""
    read = TICKETS.read(TICKETS.issue("v", [assigned(propensity=propensity)], now=NOW), "v", now=NOW)
    assert read is not None
    assert read.exposures[0].propensity == propensity


@given(st.text(max_size=200) | st.text(BASE64URL + "+/=", min_size=40, max_size=132))
@example("A" * 44)
@example("é" * 44)
@example("A" * 43 + "\n")
@example("A" * 43 + "=")
def test_nothing_else_is_a_ticket(text: str) -> None:
    """Any text whatever is read without a complaint, and means nothing."""
    assert TICKETS.read(text, "v", now=NOW) is None


@given(st.data(), st.integers(1, MAX_EXPOSURES))
def test_a_ticket_with_another_character_is_none(data: st.DataObject, count: int) -> None:
    """Not one bit can be changed, nor written in another way."""
    issued = ticket(count)
    place = data.draw(st.integers(0, len(issued) - 1))
    other = data.draw(st.sampled_from(BASE64URL + "+/= \x00é").filter(lambda one: one != issued[place]))
    assert TICKETS.read(issued[:place] + other + issued[place + 1 :], "v", now=NOW) is None


def test_plain_base64_is_not_another_way_to_write_it() -> None:
    """Two ids of one decision would be two decisions to whoever joins by it."""
    while not {"-", "_"} & set(issued := ticket()):
        pass
    assert TICKETS.read(issued.replace("-", "+").replace("_", "/"), "v", now=NOW) is None


@given(st.text(max_size=40).filter(lambda one: one != "v"))
def test_nobody_elses_ticket_is_read(visitor_id: str) -> None:
    """An exposure is the visitor's to whom the decision was told."""
    assert TICKETS.read(ticket(), visitor_id, now=NOW) is None


def test_nothing_can_be_moved_from_the_ticket_into_the_visitors_id() -> None:
    """An id that begins with the last exposure of a longer ticket does not make that one valid without it."""
    ascii_keys = (n for n in range(1000) if max(experiment_key_of(f"experiment-{n}").to_bytes(4)) < 0x80)
    last = assigned(next(ascii_keys), variation_id=0x41, propensity=0.0)
    longer = base64.urlsafe_b64decode(TICKETS.issue("v", [assigned(), last], now=NOW))
    shorter = base64.urlsafe_b64encode(longer[:21] + longer[30:]).decode()
    visitor_id = longer[21:30].decode() + "v"
    assert TICKETS.read(shorter, visitor_id, now=NOW) is None


@pytest.mark.parametrize(
    ("later", "is_read"),
    [(-301, False), (-299, True), (TICKET_SECONDS - 1, True), (TICKET_SECONDS + 1, False)],
)
def test_a_ticket_is_read_for_two_days(later: float, is_read: bool) -> None:
    """Later its report could not be told from a repeated one; long before, no clock of ours is that wrong."""
    assert (TICKETS.read(ticket(), "v", now=NOW + later) is not None) == is_read


def test_keys_rotate() -> None:
    """The first key signs, all of them verify, and what a key signed is void once it is dropped."""
    issued = ExposureTickets(["old"]).issue("v", [assigned()], now=NOW)
    both = ExposureTickets(["new", "old"])
    assert both.read(issued, "v", now=NOW) is not None
    anew = both.issue("v", [assigned()], now=NOW)
    assert ExposureTickets(["new"]).read(anew, "v", now=NOW) is not None
    assert ExposureTickets(["new"]).read(issued, "v", now=NOW) is None
    with pytest.raises(ValueError, match="signing key"):
        ExposureTickets([])


def test_more_exposures_than_fit_take_turns() -> None:
    """Of twelve experiments each is in one of the next decisions, also if the same eight are never reported."""
    wanted = [assigned(number) for number in range(12)]
    told: set[int] = set()
    for _ in range(200):
        issued = TICKETS.issue("v", wanted, now=NOW)
        assert len(issued) == MAX_ID_CHARACTERS
        read = TICKETS.read(issued, "v", now=NOW)
        assert read is not None
        told |= {one.experiment_key for one in read.exposures}
    assert told == {experiment_key_of(one.experiment_id) for one in wanted}


def test_decisions_without_exposures_are_only_random() -> None:
    """Nothing can be told from their ids, no two are alike, and they are read as no ticket."""
    ids = {TICKETS.issue("v", [], now=NOW) for _ in range(1000)} | {plain_decision_id() for _ in range(1000)}
    assert len(ids) == 2000
    assert {len(one) for one in ids} == {22}
    assert all(TICKETS.read(one, "v", now=NOW) is None for one in ids)


def test_two_decisions_of_one_second_have_two_ids() -> None:
    """Pages report each decision by itself."""
    assert len({ticket() for _ in range(1000)}) == 1000
