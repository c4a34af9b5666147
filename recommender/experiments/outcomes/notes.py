"""What a reader of a report should know about how events became its table."""

from typing import Final

from recommender.experiments.analysis.words import count, level, percent
from recommender.experiments.outcomes.table import Tally

MUCH_CROSSING: Final = 0.01
"""Share of visitors with two variations above which differences are visibly washed out."""

MUCH_FOREIGN: Final = 0.01

MUCH_OF_ONE: Final = 0.1
"""Share of revenue above which one visitor makes a difference alone."""

MANY_ORDERS: Final = 50
"""Orders from which on that is strange: of ten orders one may well be a tenth."""

_AS_PLACED: Final = (
    "Per visitor means per exposed visitor: who bought nothing counts with 0. Orders count as they were placed, without "
    "shipping; what came back is in refunds and return rate, and not taken off revenue or margin. Refunds count whenever they "
    "come, so those of recent orders are still growing."
)


def warnings_on(tally: Tally, *, is_winsorized: bool = False) -> tuple[str, ...]:
    """Return what may make the figures wrong, one sentence each; these come before other notes.

    Args:
        tally: of the finished table.
        is_winsorized: whether the analysis cuts great amounts.
    """
    notes = []
    if tally.orders >= MANY_ORDERS and tally.largest > MUCH_OF_ONE * tally.revenue and not is_winsorized:
        notes.append(
            f"Warning: a single visitor's orders are {percent(tally.largest / tally.revenue)} of all revenue, and the "
            "differences in money hang on them; a mistaken or forged amount? --winsorize 99.9% cuts the greatest ones."
        )
    if tally.crossed_over:
        share = tally.crossed_over / max(1, tally.visitors)
        text = f"{_visitors(tally.crossed_over)} ({percent(share)}) saw more than one variation, counted in the first one"
        if share > MUCH_CROSSING:
            text = (
                f"Warning: {text}; above {level(MUCH_CROSSING)} differences are washed out. Look for visitors without a "
                "lasting id, and for pages that other visitors' answers are cached for"
            )
        notes.append(f"{text}.")
    if tally.strange:
        notes.append(
            f"Warning: {_visitors(tally.strange)} reported a variation that the experiment never had, so left out."
        )
    return tuple(notes)


def notes_on_table(
    tally: Tally, *, currency: str, gross_margin_share: float, unreadable: int
) -> tuple[str, ...]:
    """Return how the figures were made, one sentence each.

    Args:
        tally: of the finished table.
        currency: of the report.
        gross_margin_share: what is assumed where no cost is known, 0 to 1.
        unreadable: log entries of these visitors that are no events.
    """
    notes = [_AS_PLACED]
    notes += _on_margin(tally, gross_margin_share)
    notes += _on_money(tally, currency)
    notes += _on_exposures(tally)
    if unreadable:
        entries = "1 entry" if unreadable == 1 else f"{count(unreadable)} entries"
        notes.append(f"{entries} of these visitors in the event log cannot be read and are not counted.")
    return tuple(notes)


def _on_margin(tally: Tally, gross_margin_share: float) -> list[str]:
    if tally.revenue <= 0:
        return []
    assumed = f"a gross margin of {level(gross_margin_share)} of the price before discount (KABIN_GROSS_MARGIN_PERCENT)"
    share = min(1.0, tally.by_cost / tally.revenue)
    if share >= 1.0 - 1e-9:
        return ["Margin: price paid less the catalog's cost_of_goods_sold, known for all revenue."]
    if share <= 1e-9:
        return [
            f"Margin is assumed: the catalog has no cost_of_goods_sold for what was sold, so it is {assumed}."
        ]
    return [
        f"Margin: price paid less cost_of_goods_sold for {percent(share)} of the revenue; for the rest {assumed} is assumed."
    ]


def _on_money(tally: Tally, currency: str) -> list[str]:
    notes = []
    if tally.foreign_orders:
        share = tally.foreign_orders / max(1, tally.orders)
        what = "1 order was" if tally.foreign_orders == 1 else f"{count(tally.foreign_orders)} orders were"
        text = (
            f"{what} not paid in {currency} ({percent(share)} of all): counted as orders, "
            "but their revenue, margin and refunds are left out, nothing is converted."
        )
        notes.append(f"Warning: {text}" if share > MUCH_FOREIGN else text)
    if tally.unconfirmed_orders:
        share = tally.unconfirmed_orders / max(1, tally.orders)
        notes.append(
            f"{percent(share)} of the orders were reported by browsers only, which can be wrong or forged; purchases that the "
            "shop's server reports with the same transaction_id take their place."
        )
    if tally.unpriced_lines:
        lines = (
            "1 line of an order has"
            if tally.unpriced_lines == 1
            else f"{count(tally.unpriced_lines)} lines of orders have"
        )
        notes.append(f"{lines} no price in the event nor in the catalog and count with 0.")
    return notes


def _on_exposures(tally: Tally) -> list[str]:
    notes = []
    if not tally.has_journal:
        notes.append(
            "The service has noted no weights of this experiment; they are taken from the logged propensities, and are "
            "equal where there are none."
        )
    if tally.without_propensity:
        notes.append(
            f"{_visitors_were(tally.without_propensity)} logged without propensity; the configured weight is taken."
        )
    if tally.older_version:
        notes.append(
            f"{_visitors_were(tally.older_version)} only shown an earlier bucket version, so left out: a new one starts afresh."
        )
    if tally.moved:
        notes.append(
            f"{_visitors(tally.moved)} confirmed an exposure just after the weights had changed, counted with the old ones."
        )
    if tally.early:
        notes.append(f"{_visitors_were(tally.early)} first exposed before --since, so left out.")
    return notes


def _visitors(number: int) -> str:
    return "1 visitor" if number == 1 else f"{count(number)} visitors"


def _visitors_were(number: int) -> str:
    return f"{_visitors(number)} {'was' if number == 1 else 'were'}"
