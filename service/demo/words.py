"""What is known of a visitor, in plain words, for somebody who has never heard of affinities and posteriors."""

from collections.abc import Mapping, Sequence
from typing import Final, TypedDict

from recommender.affinity import CERTAINTY, MINIMUM_EVIDENCE, DiscountAffinity
from recommender.decisions.decision import HomepageChoice
from recommender.decisions.learning import HOLDOUT_ID, RANDOM_ID
from service.contract.answers import EvidenceAnswer
from service.demo.shop import DemoItem

_PLURALS: Final = {
    "Shirt": "shirts",
    "T-shirt": "T-shirts",
    "Sweater": "sweaters",
    "Dress": "dresses",
    "Trousers": "trousers",
    "Skirt": "skirts",
    "Jacket": "jackets",
    "Sneakers": "sneakers",
    "Sweatshirt": "sweatshirts",
    "Boots": "boots",
    "Tote Bag": "tote bags",
    "Scarf": "scarves",
}
_ACTS: Final = {
    "click": "chose",
    "cart": "put in the bag",
    "purchase_unconfirmed": "ordered",
    "purchase": "bought",
    "deselect": "took back",
    "refund": "sent back",
    "too_small": "found too small",
    "too_large": "found too large",
    "true_to_size": "found it fits",
    "purchase_preselected": "bought, preselected",
}
_CHOSEN_BY: Final[dict[str | None, str]] = {
    HOLDOUT_ID: "this visitor is held out of all personalization",
    RANDOM_ID: "this visitor’s homepage is drawn at random",
    None: "an experiment shows it to this visitor",
}
_GENDERS: Final = {"female": "women’s", "male": "men’s"}


class EvidenceWords(TypedDict):
    """What was done to an item in a size on a day."""

    acts: str
    item_id: str | None
    size: str
    date: str


def act_words(kind: str) -> str:
    """Return what a visitor did with a size: ``bought``."""
    return _ACTS.get(kind, kind.replace("_", " "))


def department_words(name: str) -> str:
    """Return a department's name as people say it: ``women’s tops`` for ``female adult tops``."""
    gender, _, rest = name.partition(" ")
    family = rest.removeprefix("adult ")
    return f"{_GENDERS[gender]} {family}" if gender in _GENDERS else family


def evidence_words(evidence: Sequence[EvidenceAnswer]) -> list[EvidenceWords]:
    """Return evidence with what was done to one item in one size on one day told together, in the order it was done.

    Args:
        evidence: the newest first.
    """
    told: dict[tuple[str, str | None, str], list[str]] = {}
    for one in evidence:
        told.setdefault((one["date"], one["item_id"], one["size"]), []).insert(0, act_words(one["kind"]))
    return [
        {"acts": ", ".join(acts), "item_id": item_id, "size": size, "date": date}
        for (date, item_id, size), acts in told.items()
    ]


def kinds_words(evidence: Sequence[EvidenceAnswer], department: str, items: Mapping[str, DemoItem]) -> str:
    """Return what the evidence of a department was on, ``shirts`` if on nothing else, else the family: ``tops``."""
    known = (items.get(one["item_id"] or "") for one in evidence if one["department"] == department)
    nouns = {item.garment.noun for item in known if item is not None}
    if len(nouns) == 1:
        noun = nouns.pop()
        return _PLURALS.get(noun, noun.lower())
    return department.rpartition(" ")[2]


def affinity_words(affinity: DiscountAffinity) -> str:
    """Say what a discount affinity means."""
    if affinity.level == "high":
        return f"Chooses reduced items far more often than the shop’s mix explains ({_sure(affinity.p_high)} sure)."
    if affinity.level == "low":
        return f"Chooses full-price items far more often than the shop’s mix explains ({_sure(affinity.p_low)} sure)."
    if affinity.evidence < MINIMUM_EVIDENCE:
        seen = "nothing" if affinity.evidence <= 0 else f"{affinity.evidence:.1f}"
        return f"Too early to tell: {seen} of the {MINIMUM_EVIDENCE:.0f} observations that a judgement takes."
    likelier = max(affinity.p_high, affinity.p_low)
    return f"Much like everybody else so far: {likelier:.0%} sure of a leaning, and {CERTAINTY:.0%} is asked for."


def homepage_words(
    homepage: HomepageChoice,
    affinity: DiscountAffinity,
    *,
    experiment_id: str | None = None,
    is_on: bool = True,
) -> str:
    """Say why the homepage is what it is.

    Args:
        homepage: the variant and its reason.
        affinity: of the visitor.
        experiment_id: the experiment that chose the variant, if one did.
        is_on: whether the homepage's switch is.
    """
    if not is_on:
        return "Full price, as for everybody: the homepage’s switch is off."
    if homepage.reason == "experiment":
        shown = "The sale" if homepage.variant == "promo" else "Full price"
        because = _CHOSEN_BY.get(experiment_id, f"the experiment {experiment_id} shows it to this visitor")
        return f"{shown}, because {because}."
    return _personalized_words(homepage, affinity)


def _personalized_words(homepage: HomepageChoice, affinity: DiscountAffinity) -> str:
    if homepage.variant == "promo":
        if affinity.level == "high":
            return "The sale, because this visitor responds to discounts."
        return "The sale, as before: it is left only when the response to discounts has clearly faded."
    if affinity.level == "high":
        return "Full price, because this visit began with it: the page changes between visits, not within one. The next one shows the sale."
    if affinity.level == "low":
        return "New styles at full price, because this visitor does not wait for discounts."
    return "New styles at full price, as for everybody who does not clearly respond to discounts."


def _sure(probability: float) -> str:
    """Return a probability as people bear it: nothing is ever 100 % sure."""
    return "over 99%" if probability >= 0.995 else f"{probability:.0%}"
