"""The vote and the decision: when a size is preselected, hinted at or left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.departments import AgeGroup, Department, Family, Gender
from recommender.sizes.calibration import KINDS, SizeCalibration
from recommender.sizes.choices import choices_of
from recommender.sizes.decision import SizeAction, SizeDecision, SizeReasonCode, decide_size, preferred_size
from recommender.sizes.ladder import Ladder
from recommender.sizes.scales import Scale
from recommender.sizes.size import EvidenceKind, Size, SizeEvidence
from recommender.sizes.vote import vote

DRESSES = Department(Gender.FEMALE, AgeGroup.ADULT, Family.DRESSES).code
TOPS = Department(Gender.FEMALE, AgeGroup.ADULT, Family.TOPS).code
TODAY = 20_000
CLICK, CART, PURCHASE = EvidenceKind.CLICK, EvidenceKind.CART, EvidenceKind.PURCHASE


def us(number: int) -> Size:
    """Return a US clothing size."""
    return Size(Scale.CLOTHING_US, 2 * number, 0)


LADDER = Ladder.of([us(number) for number in range(0, 18, 2)], DRESSES)


def act(
    item: int, number: int, kind: EvidenceKind = PURCHASE, day: int = TODAY - 5, department: int = DRESSES
) -> SizeEvidence:
    """Return one record of evidence."""
    return SizeEvidence(day, kind, item, department, us(number))


def decide(
    *evidence: SizeEvidence, ladder: Ladder | None = LADDER, sold_out: Size | None = None
) -> SizeDecision:
    """Decide under the prior."""
    return decide_size(
        evidence,
        ladder,
        department=DRESSES,
        in_stock=lambda size: size != sold_out,
        calibration=SizeCalibration(),
        today=TODAY,
    )


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (CLICK, SizeReasonCode.CHOSEN_OFTEN),
        (CART, SizeReasonCode.CHOSEN_OFTEN),
        (PURCHASE, SizeReasonCode.BOUGHT_OFTEN),
    ],
)
def test_three_unanimous_recent_choices_preselect(kind: EvidenceKind, code: SizeReasonCode) -> None:
    """Under the prior, three items in one size are enough, whatever was done with them."""
    decision = decide(act(1, 8, kind), act(2, 8, kind), act(3, 8, kind))
    assert decision.action is SizeAction.PRESELECT
    assert decision.size == us(8)
    assert decision.confidence >= 0.75
    assert decision.reason == (code, 3, 3)


def test_one_order_among_clicks_is_not_called_bought_often() -> None:
    """A page may say "you bought this size three times": the reason is true of every item it counts."""
    once = decide(act(1, 8, PURCHASE), act(2, 8, CART), act(3, 8, CLICK))
    assert (once.action, once.reason) == (SizeAction.PRESELECT, (SizeReasonCode.CHOSEN_OFTEN, 3, 3))
    looked_first = [act(item, 8, CLICK, TODAY - 9) for item in (1, 2, 3)]
    bought = decide(*looked_first, *(act(item, 8, PURCHASE) for item in (1, 2, 3)))
    assert bought.reason == (SizeReasonCode.BOUGHT_OFTEN, 3, 3)


def test_two_items_are_a_hint() -> None:
    """Two items that agree are shown, not chosen for the visitor."""
    decision = decide(act(1, 8), act(2, 8))
    assert (decision.action, decision.size, decision.reason) == (
        SizeAction.HINT,
        us(8),
        (SizeReasonCode.LIKELY, 2, 2),
    )


def test_one_item_however_often_is_silence() -> None:
    """Ten clicks on one dress speak of that dress."""
    decision = decide(*(act(1, 8, CLICK, TODAY - day) for day in range(10)))
    assert (decision.action, decision.size) == (SizeAction.NONE, None)
    assert decision.reason == (SizeReasonCode.TOO_LITTLE_EVIDENCE, 1, 1)
    assert decision.candidate == us(8)


def test_no_evidence_and_no_ladder_are_silence() -> None:
    """Nothing known of the visitor or of the item is no decision."""
    assert decide().reason == (SizeReasonCode.TOO_LITTLE_EVIDENCE, 0, 0)
    assert decide(act(1, 8), ladder=None).reason.code is SizeReasonCode.NO_LADDER
    assert decide(act(1, 8), ladder=Ladder.of([us(8)], DRESSES)).reason.code is SizeReasonCode.NO_LADDER


def test_a_sold_out_size_is_never_replaced_by_its_neighbour() -> None:
    """The visitor's size stays the visitor's size when it is gone."""
    decision = decide(act(1, 8), act(2, 8), act(3, 8), sold_out=us(8))
    assert (decision.action, decision.size) == (SizeAction.HINT, us(8))
    assert decision.reason.code is SizeReasonCode.SOLD_OUT


def test_a_size_that_the_item_does_not_come_in_is_not_rounded() -> None:
    """On a ladder of 4, 6, 12 a visitor of size 8 gets nothing."""
    decision = decide(act(1, 8), act(2, 8), act(3, 8), ladder=Ladder.of([us(4), us(6), us(12)], DRESSES))
    assert (decision.action, decision.size) == (SizeAction.NONE, None)
    assert decision.reason.code is SizeReasonCode.NOT_OFFERED


def test_a_second_person_prevents_preselection() -> None:
    """Two sizes far apart on one account are two people, perhaps."""
    decision = decide(act(1, 4), act(2, 4), act(3, 4), act(4, 12), act(5, 12))
    assert decision.action is not SizeAction.PRESELECT
    assert decision.reason.code in {SizeReasonCode.TWO_SIZES, SizeReasonCode.UNSURE}


def test_other_departments_and_other_systems_say_nothing() -> None:
    """A US 8 top is no dress, and an EU 8 (if there were one) is no US 8."""
    tops = [act(item, 8, department=TOPS) for item in range(3)]
    letters = [SizeEvidence(TODAY, PURCHASE, item, DRESSES, Size(Scale.ALPHA, 20, 0)) for item in range(3)]
    assert decide(*tops).reason == (SizeReasonCode.TOO_LITTLE_EVIDENCE, 0, 0)
    assert decide(*letters).reason == (SizeReasonCode.NOT_COMPARABLE, 0, 3)


def test_another_system_counts_by_table() -> None:
    """Three UK 12 are three US 8."""
    british = [
        SizeEvidence(TODAY, PURCHASE, item, DRESSES, Size(Scale.CLOTHING_UK, 24, 0)) for item in range(3)
    ]
    assert decide(*british).size == us(8)


def test_old_evidence_does_not_preselect() -> None:
    """Bodies change: three purchases of five years ago are no recent choices."""
    assert decide(*(act(item, 8, day=TODAY - 1_900) for item in range(3))).action is not SizeAction.PRESELECT


def test_a_newer_size_outvotes_an_older_one() -> None:
    """Half a year halves the weight."""
    decision = decide(
        *(act(item, 4, day=TODAY - 800) for item in range(3)), *(act(9 + item, 8) for item in range(2))
    )
    assert decision.candidate == us(8)


def test_a_deselected_size_takes_back_its_click_and_cart() -> None:
    """What the visitor took back before is no choice; a purchase stays one."""
    taken_back = [act(1, 8, CLICK), act(1, 8, CART), act(1, 8, EvidenceKind.DESELECT)]
    assert choices_of(taken_back, DRESSES, TODAY) == []
    again = [*taken_back, act(1, 8, CLICK, TODAY - 1), act(2, 8), act(2, 8, EvidenceKind.DESELECT)]
    assert {choice[1] for choice in choices_of(again, DRESSES, TODAY)} == {1, 2}


@pytest.mark.parametrize("doubt", [EvidenceKind.REFUND, EvidenceKind.TOO_SMALL, EvidenceKind.TOO_LARGE])
def test_doubt_weakens_a_purchase_once(doubt: EvidenceKind) -> None:
    """Returned or badly fitting purchases count 0.3, said once or twice."""
    [plain] = choices_of([act(1, 8)], DRESSES, TODAY)
    [doubted] = choices_of([act(1, 8), act(1, 8, doubt, TODAY)], DRESSES, TODAY)
    [twice] = choices_of([act(1, 8), act(1, 8, doubt), act(1, 8, EvidenceKind.REFUND, TODAY)], DRESSES, TODAY)
    assert doubted[3] == twice[3] == 0.3 * plain[3]


def test_our_own_preselection_is_weak_evidence_until_it_can_no_longer_be_returned() -> None:
    """A purchase in a size that Kabin chose counts 0.3 for 30 days."""
    bought = act(1, 8, EvidenceKind.PURCHASE_PRESELECTED, TODAY - 29)
    [fresh], [settled] = choices_of([bought], DRESSES, TODAY), choices_of([bought], DRESSES, TODAY + 1)
    assert fresh[3] == 0.3 * settled[3]


def test_an_item_speaks_once_a_day_by_its_strongest_act() -> None:
    """Click, cart and purchase of a day are one purchase."""
    choices = choices_of([act(1, 8, CLICK), act(1, 8, CART), act(1, 8), act(1, 10, CLICK)], DRESSES, TODAY)
    assert [choice[2] for choice in choices] == [us(8)]
    assert choices[0][4] == PURCHASE


def test_an_order_that_only_a_browser_reports_weighs_half() -> None:
    """Anybody can report one: the server's word weighs twice as much, the cart line that it came from less."""
    unconfirmed = act(1, 8, EvidenceKind.PURCHASE_UNCONFIRMED)
    [browser], [server] = choices_of([unconfirmed], DRESSES, TODAY), choices_of([act(1, 8)], DRESSES, TODAY)
    assert 2 * browser[3] == server[3]
    [order] = choices_of([act(1, 10, CART), unconfirmed], DRESSES, TODAY)
    assert order == browser


def test_two_sizes_of_one_item_and_day_share_the_weight() -> None:
    """Who clicks 8 and 10 of a dress has said half a word for each."""
    [whole] = choices_of([act(1, 8, CLICK)], DRESSES, TODAY)
    halves = choices_of([act(1, 8, CLICK), act(1, 10, CLICK)], DRESSES, TODAY)
    assert sorted(choice[2] for choice in halves) == [us(8), us(10)]
    assert all(2 * choice[3] == whole[3] for choice in halves)


EVIDENCE = st.lists(
    st.builds(
        SizeEvidence,
        st.integers(TODAY - 400, TODAY),
        st.sampled_from(EvidenceKind),
        st.integers(1, 6),
        st.sampled_from([DRESSES, DRESSES, TOPS]),
        st.one_of(
            st.integers(0, 8).map(lambda rung: us(2 * rung)),
            st.just(Size(Scale.CLOTHING_UK, 24, 0)),
            st.just(Size(Scale.ALPHA, 20, 0)),
        ),
    ),
    max_size=24,
    unique=True,
)


@given(EVIDENCE, st.randoms(use_true_random=False))
def test_the_order_of_evidence_cannot_matter(evidence: list[SizeEvidence], rng: "object") -> None:
    """Any order of the same records gives the same decision, to the last bit."""
    shuffled = list(evidence)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert decide(*evidence) == decide(*shuffled)


@given(EVIDENCE, st.sampled_from([None, us(8), us(4)]))
def test_what_is_preselected_keeps_every_promise(evidence: list[SizeEvidence], sold_out: Size | None) -> None:
    """Preselected means three items, 0.75, in stock, on the ladder; none means no size."""
    decision = decide(*evidence, sold_out=sold_out)
    assert (decision.size is None) == (decision.action is SizeAction.NONE)
    assert 0.0 <= decision.confidence <= 1.0
    assert 0 <= decision.reason.times <= decision.reason.of
    if decision.action is SizeAction.PRESELECT:
        assert decision.reason.of >= 3
        assert decision.confidence >= 0.75
        assert decision.size != sold_out
        assert LADDER is not None
        assert decision.size in LADDER.sizes


@given(EVIDENCE)
def test_a_vote_counts_what_it_places(evidence: list[SizeEvidence]) -> None:
    """Shares are shares, and the best size has the highest score."""
    assert LADDER is not None
    counted = vote(choices_of(evidence, DRESSES, TODAY), LADDER)
    if counted is None:
        return
    assert counted.scores[counted.best] == max(counted.scores)
    assert 0.0 < counted.share <= 1.0
    assert 0.0 <= counted.runner_up <= 1.0
    assert 0.0 <= counted.purchased <= 1.0
    assert counted.mass > 0.0


def test_the_preferred_size_of_a_department_needs_what_preselection_needs() -> None:
    """Recommendations are filtered by a size only when we would preselect it."""
    sure = [act(item, 8) for item in range(3)]
    preferred = preferred_size(sure, department=DRESSES, calibration=SizeCalibration(), today=TODAY)
    assert preferred == us(8)
    for unsure, department in ((sure[:2], DRESSES), (sure, TOPS), ([], DRESSES)):
        calibration = SizeCalibration()
        assert preferred_size(unsure, department=department, calibration=calibration, today=TODAY) is None


def test_an_unfitted_calibration_is_the_prior_for_every_kind() -> None:
    """A shop without outcomes decides by the documented prior."""
    assert SizeCalibration().fits == (None,) * len(KINDS)
