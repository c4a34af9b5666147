"""The simulated shop and crowd: the same from the same seed, and leaving the traces that Kabin is to find."""

from collections import Counter, defaultdict

from service.demo.crowd import DAYS, DEAL_SEEKER_PULL, SECONDS_PER_DAY, crowd_rows, simulate_crowd
from service.demo.shop import GARMENTS, STYLES, feed_rows, simulate_shop

NOW = 1_763_740_800.0


def test_the_same_seed_gives_the_same_shop_and_crowd() -> None:
    """A demonstration can be repeated; another seed gives another shop."""
    first, second = simulate_shop(7), simulate_shop(7)
    assert first == second != simulate_shop(8)
    crowd = simulate_crowd(7, 30)
    rows = list(crowd_rows(crowd, first, seed=7, now=NOW))
    assert rows == list(crowd_rows(simulate_crowd(7, 30), second, seed=7, now=NOW))


def test_the_shop_is_a_whole_one() -> None:
    """480 items of every kind, in sizes and colours, some on sale and some sold out, every SKU with its own id."""
    items = simulate_shop(7)
    assert len(items) == sum(garment.count for garment in GARMENTS) == 480
    rows = list(feed_rows(items, base_url="https://demo.example", now=NOW))
    assert len({item.item_id for item in items}) == 480
    assert len({row["id"] for row in rows}) == len(rows) > 3_000
    on_sale = sum(item.sale_price is not None for item in items) / len(items)
    assert 0.15 < on_sale < 0.35
    assert {row["availability"] for row in rows} == {"in_stock", "out_of_stock"}
    assert {item.style for item in items} == set(STYLES)
    assert all(
        float(row["price"].split()[0]) > float(row["sale_price"].split()[0])
        for row in rows
        if "sale_price" in row
    )


def test_the_crowd_acts_in_time_order_and_never_after_now() -> None:
    """Sixty days of sessions, sorted, with every kind of event that the demonstration needs."""
    rows = list(crowd_rows(simulate_crowd(7, 200), simulate_shop(7), seed=7, now=NOW))
    times = [row["timestamp"] for row in rows]
    assert times == sorted(times)
    assert times[0] > NOW - (DAYS + 1) * SECONDS_PER_DAY
    assert times[-1] <= NOW
    assert {"view_item", "select_size", "add_to_cart", "purchase"} == {row["event"] for row in rows}


def test_shoppers_mostly_choose_their_own_size() -> None:
    """Within one family of garments most choices of one shopper are one size: there is something to learn."""
    items = {item.item_id: item for item in simulate_shop(7)}
    chosen: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for row in crowd_rows(simulate_crowd(7, 300), list(items.values()), seed=7, now=NOW):
        if "size" in row:
            garment = items[row["item_id"]].garment
            if garment.size_system is None and len(garment.sizes) > 1:
                chosen[row["visitor_id"], garment.family].append(row["size"])
    agreeing = sum(Counter(sizes).most_common(1)[0][1] for sizes in chosen.values())
    assert 0.85 < agreeing / sum(map(len, chosen.values())) < 1.0


def test_some_shoppers_go_for_discounts_and_others_avoid_them() -> None:
    """The shares of discounted views differ as the shoppers' pull does."""
    shoppers = simulate_crowd(7, 400)
    pull = {shopper.visitor_id: shopper.discount_pull for shopper in shoppers}
    views: defaultdict[float, list[bool]] = defaultdict(list)
    for row in crowd_rows(shoppers, simulate_shop(7), seed=7, now=NOW):
        if row["event"] == "view_item":
            views[pull[row["visitor_id"]]].append("discount" in row)
    shares = {strength: sum(seen) / len(seen) for strength, seen in views.items()}
    assert shares[0.5] < shares[1.0] < shares[DEAL_SEEKER_PULL]
    assert shares[DEAL_SEEKER_PULL] > 2 * shares[1.0]
