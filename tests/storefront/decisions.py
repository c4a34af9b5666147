"""Answers of ``POST /personalize`` in the shape of the contract, which mypy holds against the service's own."""

from collections.abc import Sequence
from typing import Literal

from service.contract.answers import (
    EventsAnswer,
    ExperimentAnswer,
    PersonalizeAnswer,
    RecommendationAnswer,
    SizeAnswer,
)

DECISION_ID = "decision-1"
VISITOR_TOKEN = "visitor-1.signature"  # noqa: S105 - made up, signs nothing
CUSTOMER_TOKEN = "c.customer-1.signature"  # noqa: S105 - likewise
FRESH_TOKEN = "visitor-2.signature"  # noqa: S105 - likewise

SILENT: SizeAnswer = {
    "action": "none",
    "size": None,
    "size_system": None,
    "sku": None,
    "confidence": 0.0,
    "reason": {"code": "too_little_evidence", "times": 0, "of": 0},
}


def size(
    label: str, sku: str | None = None, *, action: Literal["preselect", "hint"] = "preselect"
) -> SizeAnswer:
    """Return a size that the visitor chose on each of three items."""
    return {
        "action": action,
        "size": label,
        "size_system": None,
        "sku": sku,
        "confidence": 0.83,
        "reason": {"code": "chosen_often", "times": 3, "of": 3},
    }


def withheld(label: str, sku: str | None = None) -> SizeAnswer:
    """Return a size that an experiment keeps from the visitor."""
    answer = size(label, sku)
    answer["action"] = "none"
    answer["reason"]["code"] = "experiment"
    return answer


def recommendation(
    number: int, *, link: str | None = None, **card: float | str | None
) -> RecommendationAnswer:
    """Return item ``R<number>`` at 59.90 EUR; ``card`` changes ``price``, ``sale_price``, ``title`` and the like."""
    answer: RecommendationAnswer = {
        "item_id": f"R{number}",
        "score": round(1 / number, 3),
        "source": "covisit",
        "in_your_size": number % 2 == 1,
        "item": {
            "title": f"Linen Shirt {number}",
            "link": f"/product_select.html?item={number}" if link is None else link,
            "image_link": "/garment.svg",
            "price": 59.9,
            "sale_price": None,
            "currency": "EUR",
        },
    }
    answer["item"].update(card)  # type: ignore[typeddict-item]  # a test may put in what no service would
    return answer


def receipt(accepted: int = 0, *, retry: bool = False) -> EventsAnswer:
    """Return what became of a body's events."""
    return {"accepted": accepted, "duplicate": 0, "ignored": 0, "rejected": [], "retry": retry}


def decision(
    *,
    size: SizeAnswer = SILENT,
    variant: Literal["promo", "full_price"] = "full_price",
    reason: Literal["discount_affinity", "experiment", "default", "preview"] = "discount_affinity",
    recommendations: Sequence[RecommendationAnswer] = (),
    experiments: Sequence[ExperimentAnswer] = (),
    decision_id: str = DECISION_ID,
    events: EventsAnswer | None = None,
) -> PersonalizeAnswer:
    """Return a whole answer; ``events`` is filled in by the scripted service where a test does not say."""
    return {
        "decision_id": decision_id,
        "visitor_id": VISITOR_TOKEN,
        "size": size,
        "slots": {"homepage": {"variant": variant, "reason": reason}},
        "discount_affinity": {"level": "medium", "index": 1.0, "evidence": 0.0},
        "recommendations": list(recommendations),
        "experiments": list(experiments),
        "features": {},
        "events": receipt() if events is None else events,
        "model_version": "20261122T004858Z-000",
        "degraded": False,
    }
