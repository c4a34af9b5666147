"""A small shop, a model of it and its visitors, for the tests of decisions."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from recommender.affinity import AffinityParameters
from recommender.catalog.catalog import Catalog
from recommender.catalog.money import Money
from recommender.catalog.rows import Row
from recommender.decisions.decision import Decision, affinity_of, decide
from recommender.decisions.question import Question
from recommender.decisions.served import ServedModel
from recommender.decisions.treatment import AS_CONFIGURED, Treatment
from recommender.events import Event, EventItem, EventName
from recommender.model.model import ItemIndex, Model
from recommender.recommendations.neighbours import Neighbours
from recommender.visitor.effects import effects_of
from recommender.visitor.ledger import ledger_of
from recommender.visitor.state import EMPTY_STATE, VisitorState

NOW = 1_763_740_800.0
DAY = 86_400
ITEMS = 12
PARAMETERS = AffinityParameters(default_mu=0.3)


def row(number: int, size: str, **changes: Any) -> Row:
    """Return a SKU of item ``d<number>``: dresses d0 (newest) to d11, every third on sale."""
    fields: dict[str, Any] = dict.fromkeys(Row.__struct_fields__) | {
        "id": f"d{number}-{size}",
        "item_group_id": f"d{number}",
        "title": f"Dress {number}",
        "link": f"https://shop.example/d{number}",
        "availability": 1,
        "price": Money(6000, "EUR"),
        "sale_price": Money(4000, "EUR") if number % 3 == 0 else None,
        "product_type": "Women > Dresses" if number < 8 else "Women > Gowns",
        "gender": "female",
        "age_group": "adult",
        "color": "red",
        "size": size,
        "size_system": "US",
        "first_seen": NOW - DAY * number,
    }
    return Row(**(fields | changes))


def catalog_of(rows: Sequence[Row] | None = None) -> Catalog:
    """Return the small shop, or one of other rows."""
    if rows is None:
        rows = [row(number, size) for number in range(ITEMS) for size in ("8", "10", "12")]
    return Catalog.of_rows(rows, now=NOW)


def model_of(neighbours: dict[int, list[int]], popular: Sequence[int] = ()) -> ServedModel:
    """Return a model of items d0 to d11 and one that has left the catalog; neighbours best first."""
    width = max((len(listed) for listed in neighbours.values()), default=1)
    items = np.full((ITEMS + 1, width), -1, dtype=np.int32)
    scores = np.zeros((ITEMS + 1, width), dtype=np.float32)
    for item, listed in neighbours.items():
        items[item, : len(listed)] = listed
        scores[item, : len(listed)] = np.linspace(1.0, 0.6, len(listed))
    model = Model(
        version="20251121T000000Z-000",
        created_at=NOW,
        items=ItemIndex.of([*(f"d{number}" for number in range(ITEMS)), "gone"]),
        neighbours={"blend": Neighbours(items, scores)},
        popular=np.asarray(popular, dtype=np.int32),
        popular_by_category={"Women > Gowns": np.asarray([11, 10], dtype=np.int32)},
        popular_by_department={},
        affinity=PARAMETERS,
        size_calibration=None,
        blend={},
        settings={},
        metrics={},
        newest_event=NOW,
    )
    return ServedModel(model, source="blend")


def visitor(catalog: Catalog, *acts: tuple[str, str]) -> VisitorState:
    """Return the state of a visitor who did ``acts`` (event name, SKU or item id), one a minute, until now."""
    events = [
        Event(
            name=EventName(name),
            event_id=f"e{place}",
            timestamp=NOW - 60 * (len(acts) - place),
            source="server",
            items=(EventItem(item_id=identifier),),
            transaction_id=f"t{place}" if name == "purchase" else None,
        )
        for place, (name, identifier) in enumerate(acts)
    ]
    ledger = ledger_of(effects_of(event, catalog, PARAMETERS) for event in events)
    return ledger.state(last_seen=int(NOW), session_started=int(NOW) - 3600)


def ask(
    question: Question,
    state: VisitorState = EMPTY_STATE,
    *,
    catalog: Catalog | None = None,
    model: ServedModel | None = None,
    treatment: Treatment = AS_CONFIGURED,
) -> Decision:
    """Decide for the small shop."""
    affinity = affinity_of(state, PARAMETERS, int(NOW // DAY))
    return decide(
        question, state, affinity, catalog_of() if catalog is None else catalog, model, treatment, now=NOW
    )


def shown(decision: Decision) -> list[str]:
    """Return the ids of the recommended items."""
    return [one.item.item_id for one in decision.recommendations]
