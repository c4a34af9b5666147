"""The demonstration's clock, and the words in which it says what is known."""

import pytest

from recommender.affinity import DiscountAffinity
from recommender.decisions.decision import HomepageChoice
from service.contract.answers import EvidenceAnswer
from service.contract.wire_events import MAX_AGE_SECONDS
from service.demo.clock import NEXT_VISIT_SECONDS, DemoClock
from service.demo.shop import simulate_shop
from service.demo.visit import local_path
from service.demo.words import (
    act_words,
    affinity_words,
    department_words,
    evidence_words,
    homepage_words,
    kinds_words,
)
from service.settings import Settings

ITEMS = {item.item_id: item for item in simulate_shop(7)}


def test_the_clock_runs_with_the_real_one_and_ahead_of_it() -> None:
    """It jumps forward only, and each jump adds to the last."""
    real = iter([100.0, 101.0, 102.0])
    clock = DemoClock(lambda: next(real))
    assert clock() == 100.0
    clock.jump(50.0)
    clock.jump(10.0)
    assert (clock(), clock.ahead_seconds) == (161.0, 60.0)
    with pytest.raises(ValueError, match="forward only"):
        clock.jump(-1.0)
    with pytest.raises(ValueError, match="forward only"):
        clock.jump(float("nan"))
    assert clock() == 162.0


def test_the_next_visit_is_another_session_in_which_no_browser_clock_is_believed() -> None:
    """Else a browser's events would lie before the jump, in the visit that is over."""
    assert max(Settings().session_gap_minutes * 60, MAX_AGE_SECONDS) < NEXT_VISIT_SECONDS


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("/category/sale?page=2", "/category/sale?page=2"),
        ("/", "/"),
        (None, "/"),
        ("", "/"),
        ("https://elsewhere.example/", "/"),
        ("//elsewhere.example/", "/"),
        ("/\\elsewhere.example/", "/"),
        ("/\t/elsewhere.example/", "/"),
        ("/a\r\nSet-Cookie: b=c", "/"),
        ("/ä", "/"),
        ("/" + "a" * 600, "/"),
    ],
)
def test_forms_lead_back_into_the_shop_and_nowhere_else(given: str | None, path: str) -> None:
    """Where to go on is a path of this shop, whatever the form says."""
    assert local_path(given) == path


def evidence(item_id: str | None, department: str = "female adult tops") -> EvidenceAnswer:
    """Return a line of evidence."""
    return {
        "date": "2025-11-21",
        "kind": "click",
        "item_id": item_id,
        "department": department,
        "size": "M",
        "size_system": None,
    }


def test_evidence_is_named_as_narrowly_as_it_is() -> None:
    """Three shirts are shirts; a shirt and a sweater are tops; what left the catalog does not count."""
    shirt = next(item.item_id for item in ITEMS.values() if item.garment.noun == "Shirt")
    sweater = next(item.item_id for item in ITEMS.values() if item.garment.noun == "Sweater")
    tops = "female adult tops"
    assert kinds_words([evidence(shirt), evidence(None)], tops, ITEMS) == "shirts"
    assert kinds_words([evidence(shirt), evidence(sweater)], tops, ITEMS) == "tops"
    assert kinds_words([evidence(shirt, "male adult tops")], tops, ITEMS) == "tops"
    assert kinds_words([], tops, ITEMS) == "tops"


def test_what_was_done_to_one_item_is_told_together() -> None:
    """A size that was chosen, put in the bag and bought is one line, in that order; another day's is another one."""
    done = [evidence("K1") | {"kind": kind} for kind in ("purchase", "cart", "click")]
    older = evidence("K1") | {"date": "2025-11-20"}
    assert evidence_words([*done, older]) == [
        {"acts": "chose, put in the bag, bought", "item_id": "K1", "size": "M", "date": "2025-11-21"},
        {"acts": "chose", "item_id": "K1", "size": "M", "date": "2025-11-20"},
    ]


def test_departments_and_acts_have_everyday_names() -> None:
    """No codes on the panel; what a later version adds is shown as it is called."""
    assert department_words("female adult dresses") == "women’s dresses"
    assert department_words("male adult shoes") == "men’s shoes"
    assert department_words("unisex adult bags") == "bags"
    assert (act_words("click"), act_words("cart"), act_words("lent_out")) == (
        "chose",
        "put in the bag",
        "lent out",
    )


@pytest.mark.parametrize(
    ("affinity", "words"),
    [
        (DiscountAffinity("high", 1.9, 9.0, 0.93, 0.0), "reduced items far more often"),
        (DiscountAffinity("high", 1.9, 9.0, 0.9999, 0.0), "over 99% sure"),
        (DiscountAffinity("low", 0.4, 9.0, 0.0, 0.9), "full-price items far more often"),
        (DiscountAffinity("medium", 1.0, 0.0, 0.0, 0.0), "Too early to tell: nothing of the 5"),
        (DiscountAffinity("medium", 1.2, 3.0, 0.6, 0.1), "Too early to tell: 3.0 of the 5"),
        (DiscountAffinity("medium", 1.2, 30.0, 0.6, 0.1), "Much like everybody else so far: 60% sure"),
    ],
)
def test_an_affinity_is_said_in_plain_words(affinity: DiscountAffinity, words: str) -> None:
    """Levels are no jargon, and too little evidence is called so."""
    assert words in affinity_words(affinity)


def test_the_homepage_is_explained_also_where_it_does_not_follow_the_affinity() -> None:
    """A variant that was pinned for the visit says so."""
    high = DiscountAffinity("high", 1.9, 9.0, 0.93, 0.0)
    medium = DiscountAffinity("medium", 1.3, 9.0, 0.7, 0.0)
    low = DiscountAffinity("low", 0.4, 9.0, 0.0, 0.9)
    promo = HomepageChoice("promo", "discount_affinity", pin=False, personalized="promo")
    full = HomepageChoice("full_price", "default", pin=False, personalized="full_price")
    assert "responds to discounts" in homepage_words(promo, high)
    assert "as before" in homepage_words(promo, medium)
    assert "this visit began with it" in homepage_words(full, high)
    assert "does not wait" in homepage_words(full, low)
    assert "everybody" in homepage_words(full, medium)


@pytest.mark.parametrize(
    ("experiment_id", "because"),
    [
        ("promo-page", "because the experiment promo-page shows it"),
        ("kabin-holdout", "held out of all personalization"),
        ("kabin-random", "drawn at random"),
        (None, "because an experiment shows it"),
    ],
)
def test_an_experiment_is_said_to_have_chosen_the_homepage(experiment_id: str | None, because: str) -> None:
    """Whoever knows the visitor would otherwise look for a reason in what they did."""
    high = DiscountAffinity("high", 1.9, 9.0, 0.93, 0.0)
    full = HomepageChoice("full_price", "experiment", pin=False, personalized="promo")
    promo = HomepageChoice("promo", "experiment", pin=False, personalized="promo")
    said = homepage_words(full, high, experiment_id=experiment_id)
    assert said.startswith("Full price, because")
    assert because in said
    assert homepage_words(promo, high, experiment_id=experiment_id).startswith("The sale, because")


def test_a_homepage_that_is_switched_off_is_said_to_be() -> None:
    """A deal seeker sees full price, and the reason is the switch."""
    high = DiscountAffinity("high", 1.9, 9.0, 0.93, 0.0)
    off = HomepageChoice("full_price", "default", pin=False, personalized="promo")
    assert "switch is off" in homepage_words(off, high, is_on=False)
