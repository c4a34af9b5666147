"""What a simulated shopper does on a visit that begins on the home page. A model, invented; no real shop's figures.

What somebody does follows from who they are and from what the home page shows them, and from nothing else: this module
knows of no experiments, and whoever drives the crowd tells it the variant in sight, not what was assigned.

- **Deal seekers** (a quarter of the crowd, see :mod:`service.demo.crowd`) buy much more often where the page leads to
  the sale, several pieces at once, and hardly ever where it does not.
- **Everybody else** buys as often either way. But most look at what the page leads to: with the sale in sight they
  take reduced items in place of those that they would have bought at full price.

So always showing the sale sells more and earns less, and never showing it loses the deal seekers, if somebody can tell
who they are. How well Kabin can is not decided here.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from recommender.homepage import HomepageVariant
from service.demo.crowd import DEAL_SEEKER_PULL, Shelves, Shopper, choose_size
from service.demo.shop import DemoItem

MEAN_MORE_LOOKS: Final = 2.0
"""Items looked at on a visit besides the first one, on average."""
MAX_LOOKS: Final = 7
MAX_PIECES: Final = 4
ABANDONED_BAG: Final = 0.08
"""Share of visits without an order on which something is left in the bag."""

ActName = Literal["view_item", "add_to_cart", "purchase"]


@dataclass(frozen=True, slots=True, eq=False)
class Habit:
    """How a kind of shopper responds to the home page.

    Attributes:
        follows: by variant, the share of looks that go to what the page leads to (reduced items, or those at full
            price); the other looks go wherever taste and pull lead.
        buys: by variant, the probability that a visit ends with an order.
        takes_another: probability of one more piece in an order, again and again.
    """

    follows: Mapping[HomepageVariant, float]
    buys: Mapping[HomepageVariant, float]
    takes_another: float


DEAL_SEEKERS: Final = Habit(
    follows={"promo": 0.9, "full_price": 0.2}, buys={"promo": 0.28, "full_price": 0.01}, takes_another=0.75
)
OTHERS: Final = Habit(
    follows={"promo": 0.95, "full_price": 0.9}, buys={"promo": 0.06, "full_price": 0.06}, takes_another=0.1
)


class Piece(NamedTuple):
    """An item, in a size once one was chosen."""

    item: DemoItem
    size: str | None = None


class Act(NamedTuple):
    """One thing done: a GA4 event, how many seconds after the page was shown, and what it was done to."""

    name: ActName
    after_seconds: float
    pieces: tuple[Piece, ...]


def habit_of(shopper: Shopper) -> Habit:
    """Return how a shopper responds to the home page."""
    return DEAL_SEEKERS if shopper.discount_pull >= DEAL_SEEKER_PULL else OTHERS


def visit_shop(
    shopper: Shopper, shown: HomepageVariant, shelves: Shelves, rng: random.Random
) -> tuple[Act, ...]:
    """Return what a shopper does after the home page was shown, in order.

    Args:
        shopper: who comes.
        shown: the variant in sight; all that they can react to.
        shelves: of the shop.
        rng: the dice.
    """
    return tuple(_acts(shopper, shown, shelves, rng))


def _acts(shopper: Shopper, shown: HomepageVariant, shelves: Shelves, rng: random.Random) -> Iterator[Act]:
    habit = habit_of(shopper)
    clock = 0.0
    seen: list[DemoItem] = []
    for _ in range(1 + min(MAX_LOOKS - 1, int(rng.expovariate(1 / MEAN_MORE_LOOKS)))):
        follows = rng.random() < habit.follows[shown]
        item = shelves.pick(rng, shopper, discounted=shown == "promo" if follows else None)
        clock += rng.uniform(8, 60)
        seen.append(item)
        yield Act("view_item", clock, (Piece(item),))
    buys = rng.random() < habit.buys[shown]
    if not buys and rng.random() >= ABANDONED_BAG:
        return
    bag = _bag(shopper, habit, seen, rng)
    for piece in bag:
        clock += rng.uniform(4, 30)
        yield Act("add_to_cart", clock, (piece,))
    if buys and bag:
        yield Act("purchase", clock + rng.uniform(30, 180), bag)


def _bag(shopper: Shopper, habit: Habit, seen: list[DemoItem], rng: random.Random) -> tuple[Piece, ...]:
    """Return the pieces taken of what was looked at, each item once, in sizes that are there."""
    wanted = 1
    while wanted < MAX_PIECES and rng.random() < habit.takes_another:
        wanted += 1
    bag: list[Piece] = []
    for item in dict.fromkeys(reversed(seen)):
        size = choose_size(rng, shopper, item)
        if size not in item.sold_out:
            bag.append(Piece(item, size))
        if len(bag) == wanted:
            break
    return tuple(bag)
