"""What interactions teach about discounts: which acts were on discounted items, and the parameters from that."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.affinity import WEIGHTS, AffinityKind, AffinityParameters
from recommender.affinity_fit import AffinityHistories, daily_shares, fit_strengths
from recommender.events import SECONDS_PER_DAY
from recommender.interactions import InteractionKind, Interactions
from recommender.interactions.catalog import ItemCatalog
from recommender.interactions.table import UNKNOWN

KINDS: Final[Mapping[InteractionKind, AffinityKind]] = {
    InteractionKind.VIEW: AffinityKind.VIEW,
    InteractionKind.CART: AffinityKind.CART,
    InteractionKind.PURCHASE: AffinityKind.PURCHASE,
}
"""Interactions that count towards discount affinity, as visitors' states count them."""

LEAST_ACTS: Final = 100
"""Acts on discounted items, and on others, that it takes to fit anything."""

MOST_DAYS: Final = 3653
"""Days whose share is published, ten years: one order of the year 1 must not make a model of 740,000 days."""


def learn_affinity(
    interactions: Interactions, catalog: ItemCatalog | None, defaults: AffinityParameters
) -> tuple[AffinityParameters, dict[str, object]]:
    """Return the shop's affinity parameters and what they rest on.

    The daily share is that of views, or of all acts where nothing but orders is known. Without times, or
    without any act of which it is known whether the item was discounted, ``defaults`` come back.

    Args:
        interactions: everything that was read.
        catalog: decides where an event does not say, by the sale dates of today's feed.
        defaults: for the half-life, and for what cannot be learned.
    """
    if not interactions.timed:
        return defaults, {"acts": 0, "fitted": False}
    acts = _acts(interactions)
    if catalog is not None:
        acts = replace(acts, discounted=_completed(acts, catalog))
    acts = acts.take(acts.discounted != UNKNOWN)
    if len(acts) == 0:
        return defaults, {"acts": 0, "fitted": False}
    views = acts.kind == InteractionKind.VIEW
    if not views.any():
        views = np.ones(len(acts), dtype=np.bool_)
    days = _days(acts)
    discounted = acts.discounted == 1
    first_day, shares = daily_shares(days[views], discounted[views])
    too_many = max(len(shares) - MOST_DAYS, 0)
    first_day, shares = first_day + too_many, shares[too_many:]
    with_shares = replace(defaults, first_day=first_day, mu_by_day=shares, default_mu=shares[-1])
    weights = np.zeros(max(InteractionKind) + 1)
    for kind, act in KINDS.items():
        weights[kind] = WEIGHTS[act]
    histories = AffinityHistories.of(
        acts.visitor, acts.timestamp, weights[acts.kind], discounted, with_shares
    )
    # A shop that never or always has sales teaches nothing about how its visitors differ.
    varied = LEAST_ACTS <= int(discounted.sum()) <= len(acts) - LEAST_ACTS
    fitted = fit_strengths(histories, with_shares) if varied else with_shares
    return fitted, {
        "acts": len(acts),
        "fitted": fitted != with_shares,
        "share": round(float(discounted.mean()), 4),
    }


def _acts(interactions: Interactions) -> Interactions:
    """Return views, carts and purchases; views and carts once per visitor, item and day, as states count them."""
    rows = interactions.take(np.isin(interactions.kind, list(KINDS)))
    once = np.column_stack([rows.visitor, rows.item, _days(rows), rows.kind]).astype(np.int64)
    purchases = np.flatnonzero(rows.kind == InteractionKind.PURCHASE)
    # Purchases are told apart by their number: each one counts.
    once[purchases, 2] = -1 - purchases
    _, first = np.unique(once, axis=0, return_index=True)
    return rows.take(first)


def _days(interactions: Interactions) -> NDArray[np.int64]:
    """Return whole days since 1970-01-01 UTC of each row."""
    return np.floor_divide(interactions.timestamp, SECONDS_PER_DAY).astype(np.int64)


def _completed(acts: Interactions, catalog: ItemCatalog) -> NDArray[np.int8]:
    """Return ``discounted`` with the gaps filled by what the feed says of the item on that day."""
    discounted = acts.discounted.copy()
    gaps = np.flatnonzero(discounted == UNKNOWN)
    item_days = np.column_stack([acts.item[gaps].astype(np.int64), _days(acts)[gaps]])
    distinct, of_gap = np.unique(item_days, axis=0, return_inverse=True)
    answers = np.full(len(distinct), UNKNOWN, dtype=np.int8)
    for number, (item, day) in enumerate(distinct.tolist()):
        resolved = catalog.resolve(acts.item_ids[item])
        if resolved is not None:
            noon = (day + 0.5) * SECONDS_PER_DAY
            answers[number] = any(sku.on_sale(noon) for sku in resolved.item.skus)
    discounted[gaps] = answers[of_gap.ravel()]
    return discounted
