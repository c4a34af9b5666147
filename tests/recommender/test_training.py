"""Training: from interactions to a published model, with whatever a shop has."""

import math
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from recommender.affinity import AffinityParameters
from recommender.events import Event, EventItem, EventName
from recommender.interactions import (
    InteractionError,
    Interactions,
    interactions_of_events,
    interactions_of_sessions,
)
from recommender.model import Model, current_version, load_model
from recommender.recommendations.als import AlsSettings
from recommender.recommendations.blend import BlendSettings
from recommender.sizes.calibration import SizeCalibration
from recommender.sizes.labels import parse_size
from recommender.training import TrainingResult, TrainingSettings, train
from tests.recommender.fake_catalog import FakeCatalog, FakeItem, FakeSku

NOON = 1_763_726_400.0
QUICK = TrainingSettings(blend=BlendSettings(als=AlsSettings(factors=8, iterations=2)))


def view(visitor: str, item: str, at: float, discount: float | None = None) -> tuple[str, Event]:
    """Return one view of an item."""
    entry = EventItem(item, discount=discount)
    return visitor, Event(EventName.VIEW_ITEM, f"{visitor}{item}{at}", at, "browser", (entry,))


def bought(visitor: str, item: str, at: float, size: str | None = None) -> tuple[str, Event]:
    """Return one purchase of an item."""
    entry = EventItem(item, size=size)
    return visitor, Event(EventName.PURCHASE, f"{visitor}{item}{at}", at, "server", (entry,))


def crowd(visitors: int = 40) -> Interactions:
    """Return visitors who look at two items of one of two groups, a minute apart."""
    rng = np.random.default_rng(3)
    events = []
    for number in range(visitors):
        group = "ab"[number % 2]
        items = rng.choice(4, size=3, replace=False)
        events += [
            view(f"v{number}", f"{group}{item}", NOON + 3600 * number + 60 * place)
            for place, item in enumerate(items)
        ]
    return interactions_of_events(events)


def trained(tmp_path: Path, interactions: Interactions, **options: object) -> tuple[TrainingResult, Model]:
    """Train, and load what was published."""
    result = train(interactions, tmp_path, QUICK, created_at=NOON, **options)  # type: ignore[arg-type]
    assert current_version(tmp_path) == result.version
    return result, load_model(tmp_path / result.version)


def test_items_seen_together_become_neighbours(tmp_path: Path) -> None:
    """Nobody looked at items of both groups: co-visitation never crosses over, the blend not first."""
    result, model = trained(tmp_path, crowd())
    assert set(model.neighbours) == {"als", "covisit", "blend"}
    for row in range(model.item_count):
        group = model.item_id(row)[0]
        near = [
            model.item_id(other) for other in model.neighbours["covisit"].items[row].tolist() if other >= 0
        ]
        assert {item_id[0] for item_id in near} == {group}
        assert model.item_id(int(model.neighbours["blend"].items[row, 0]))[0] == group
    assert result.metrics["interactions"] == 120
    assert result.metrics["session_gap_seconds"] == 1800
    assert model.metrics == result.metrics
    assert BlendSettings.from_json(dict(model.blend)).k == QUICK.blend.k


def test_the_same_interactions_give_the_same_model(tmp_path: Path) -> None:
    """Training draws no dice of its own."""
    first, second = (trained(tmp_path, crowd())[1] for _ in range(2))
    assert first.version < second.version
    for source, lists in first.neighbours.items():
        np.testing.assert_array_equal(lists.items, second.neighbours[source].items)


@pytest.mark.parametrize(
    "events",
    [
        [view("ann", "a", NOON)],
        [view("ann", "a", NOON), view("ann", "b", NOON + 60), view("ann", "c", NOON + 120)],
        [view(f"v{number}", "a", NOON + number) for number in range(5)],
    ],
    ids=["one view", "one visitor", "one item"],
)
def test_very_little_gives_a_sensible_model(tmp_path: Path, events: list[tuple[str, Event]]) -> None:
    """A shop's first day: popular items at least, and sentences about what is missing."""
    result, model = trained(tmp_path, interactions_of_events(events))
    assert model.popular.size == model.item_count
    assert all(0 <= row < model.item_count for row in model.popular.tolist())
    assert any("default" in note for note in result.notes)


def test_nothing_is_a_clear_error_and_leaves_the_published_model_alone(tmp_path: Path) -> None:
    """An empty log, or one of refunds only."""
    result, _ = trained(tmp_path, crowd())
    refund = ("ann", Event(EventName.REFUND, "r", NOON, "server", (EventItem("a"),)))
    for events in ([], [refund]):
        with pytest.raises(InteractionError, match="nothing to learn from"):
            train(interactions_of_events(events), tmp_path, QUICK, created_at=NOON)
    assert current_version(tmp_path) == result.version


def test_order_histories_are_read_as_one_session_a_visitor(tmp_path: Path) -> None:
    """Orders lie weeks apart: half an hour would leave every purchase alone."""
    events = [
        bought(f"v{number}", item, NOON + place * 30 * 86_400)
        for number in range(10)
        for place, item in enumerate(["a", "b"])
    ]
    result, model = trained(tmp_path, interactions_of_events(events))
    assert result.metrics["session_gap_seconds"] is None
    near = model.neighbours["covisit"].items[model.row_of("a")]
    assert near[0] == model.row_of("b")


def test_popular_items_go_by_category_and_department(tmp_path: Path) -> None:
    """Items that the catalog does not know count for the whole shop only."""
    catalog = FakeCatalog((FakeItem("a0"), FakeItem("a1", product_type="Tops", department=9)))
    _, model = trained(tmp_path, crowd(), catalog=catalog)
    assert {name: [model.item_id(r) for r in rows] for name, rows in model.popular_by_category.items()} == {
        "Dresses": ["a0"],
        "Tops": ["a1"],
    }
    assert {code: [model.item_id(r) for r in rows] for code, rows in model.popular_by_department.items()} == {
        3: ["a0"],
        9: ["a1"],
    }
    assert model.popular.size == 8


def test_discounts_are_learned_from_what_events_say(tmp_path: Path) -> None:
    """The daily share, and strengths once enough visitors have a history."""
    rng = np.random.default_rng(4)
    share = rng.beta(2, 3, size=150)
    events = [
        view(f"v{number}", f"i{place}", NOON + 3600 * place, discount=float(rng.random() < share[number]))
        for number in range(150)
        for place in range(40)
    ]
    result, model = trained(tmp_path, interactions_of_events(events))
    assert result.metrics["affinity"]["fitted"]
    assert result.metrics["affinity"]["acts"] == 6000
    assert model.affinity.mu_by_day[0] == pytest.approx(0.4, abs=0.05)
    assert model.affinity.n0 < AffinityParameters().n0


def test_the_catalog_says_what_was_on_sale_where_events_do_not(tmp_path: Path) -> None:
    """Views of an item and day count once, as in visitors' states; unknown items do not count."""
    catalog = FakeCatalog(
        (FakeItem("a", (FakeSku("a1", "M", sale=True),)), FakeItem("b", (FakeSku("b1", "M"),)))
    )
    events = [view("ann", item, NOON + second) for item in "aabz" for second in (0, 60)]
    result, model = trained(tmp_path, interactions_of_events(events, catalog), catalog=catalog)
    assert result.metrics["affinity"] == {"acts": 2, "fitted": False, "share": 0.5}
    assert model.affinity.mu_at(0) == pytest.approx(0.5)


def test_sizes_are_calibrated_on_the_shops_own_purchases(tmp_path: Path) -> None:
    """Once there are enough of them; visitors here buy their size four times in five."""
    labels = ["8", "10", "12", "14"]
    sizes = {label: parse_size(label, department=3, size_system="US", size_type=None) for label in labels}
    items = tuple(
        FakeItem(f"i{number}", tuple(FakeSku(f"i{number}-{label}", label, sizes[label]) for label in labels))
        for number in range(8)
    )
    rng = np.random.default_rng(6)
    events = [
        bought(
            f"v{number}", f"i{place}", NOON + place * 86_400 * 7, labels[(number + (rng.random() < 0.2)) % 4]
        )
        for number in range(700)
        for place in range(8)
    ]
    catalog = FakeCatalog(items)
    interactions = interactions_of_events(events, catalog)
    result, model = trained(tmp_path, interactions, catalog=catalog)
    assert result.metrics["sizes"]["outcomes"] == 700 * 7
    assert result.metrics["sizes"]["right"] == pytest.approx(0.75, abs=0.08)
    assert result.metrics["sizes"]["fitted"]
    assert model.size_calibration is not None
    assert SizeCalibration.from_dict(model.size_calibration) != SizeCalibration()
    without, _ = trained(tmp_path, interactions)
    assert without.metrics["sizes"]["outcomes"] == 0


def test_a_preselected_size_does_not_confirm_itself(tmp_path: Path) -> None:
    """Purchases in a size that Kabin chose are no outcomes."""
    size = parse_size("8", department=3, size_system="US", size_type=None)
    other = parse_size("10", department=3, size_system="US", size_type=None)
    item = FakeItem("a", (FakeSku("a8", "8", size), FakeSku("a10", "10", other)))
    catalog = FakeCatalog((item,))
    first = bought("ann", "a", NOON, "8")
    second = ("ann", replace_preselected(bought("ann", "a", NOON + 7 * 86_400, "8")[1]))
    interactions = interactions_of_events([first, second], catalog)
    result, _ = trained(tmp_path / "event", interactions, catalog=catalog)
    assert result.metrics["sizes"]["outcomes"] == 0
    by_item = ("ann", msgspec.structs.replace(second[1], preselected=False, items=(ours(second[1]),)))
    result, _ = trained(tmp_path / "item", interactions_of_events([first, by_item], catalog), catalog=catalog)
    assert result.metrics["sizes"]["outcomes"] == 0


def test_a_returned_size_is_doubted_whoever_chose_it(tmp_path: Path) -> None:
    """Marked as preselected or not, a refund takes away the weight of what was bought."""
    sizes = {
        label: parse_size(label, department=3, size_system="US", size_type=None)
        for label in ("8", "10", "12")
    }
    items = [
        FakeItem(name, tuple(FakeSku(f"{name}{label}", label, size) for label, size in sizes.items()))
        for name in "abc"
    ]
    catalog = FakeCatalog(tuple(items))
    history = [
        bought("ann", "a", NOON, "8"),
        bought("ann", "b", NOON + 2 * 86_400, "12"),
        bought("ann", "c", NOON + 9 * 86_400, "8"),
    ]
    entry = EventItem("b", size="12", preselected=True)
    back = ("ann", Event(EventName.REFUND, "r", NOON + 5 * 86_400, "server", (entry,), transaction_id="t"))
    rights = []
    for place, events in enumerate((history, [*history, back])):
        interactions = interactions_of_events(events, catalog)
        result, _ = trained(tmp_path / str(place), interactions, catalog=catalog)
        rights.append((result.metrics["sizes"]["outcomes"], result.metrics["sizes"]["right"]))
    assert rights == [(2, 0.0), (2, 0.5)]


def replace_preselected(event: Event) -> Event:
    """Return the event as one in a size that Kabin had preselected."""
    return Event(event.name, event.event_id, event.timestamp, event.source, event.items, preselected=True)


def ours(event: Event) -> EventItem:
    """Return the event's item as one in a size that Kabin had preselected."""
    return msgspec.structs.replace(event.items[0], preselected=True)


def test_a_model_can_be_written_without_being_published(tmp_path: Path) -> None:
    """For comparing before switching."""
    result = train(crowd(), tmp_path, replace(QUICK, publish=False, tune=False), created_at=NOON)
    assert current_version(tmp_path) is None
    assert load_model(tmp_path / result.version).settings["publish"] is False


def test_progress_names_every_stage(tmp_path: Path) -> None:
    """A bar has something to show."""
    stages: list[str] = []
    train(
        crowd(), tmp_path, QUICK, created_at=NOON, on_progress=lambda stage, _done, _of: stages.append(stage)
    )
    assert stages[0] == "sessions"
    assert "training: ALS" in stages
    assert stages[-1] == "publishing"


def test_recent_interest_counts_more_with_a_half_life(tmp_path: Path) -> None:
    """What was loved a year ago gives way to what is looked at now; ages count back from the newest event."""
    old = [view(f"old{number}", "old", NOON - 365 * 86_400 + number) for number in range(20)]
    new = [view(f"new{number}", "new", NOON + number) for number in range(5)]
    settings = replace(QUICK, half_life_days=30.0)
    result = train(interactions_of_events([*old, *new]), tmp_path, settings, created_at=NOON + 10**8)
    model = load_model(tmp_path / result.version)
    assert [model.item_id(row) for row in model.popular.tolist()] == ["new", "old"]


def test_sessions_without_times_train_too(tmp_path: Path) -> None:
    """Public data sets often have no clock: nothing that needs one is learned."""
    path = tmp_path / "sessions.txt"
    path.write_text("a b c\nb c d\n" * 20)
    interactions = interactions_of_sessions(path)
    settings = replace(QUICK, session_gap_seconds=math.inf, half_life_days=1.0)
    result = train(interactions, tmp_path / "models", settings, created_at=NOON)
    model = load_model(tmp_path / "models" / result.version)
    assert result.metrics["sessions"] == 40
    assert model.settings["session_gap_seconds"] == "whole history"
    assert model.newest_event == 0
    assert model.affinity == AffinityParameters()
    assert not result.metrics["affinity"]["fitted"]


def test_sizes_of_unknown_items_and_unreadable_labels_are_left_out(tmp_path: Path) -> None:
    """Labels that no SKU carries are parsed; fit feedback and clicks are evidence, not outcomes."""
    size = parse_size("8", department=3, size_system="US", size_type=None)
    other = parse_size("10", department=3, size_system="US", size_type=None)
    catalog = FakeCatalog(
        tuple(
            FakeItem(name, (FakeSku(f"{name}8", "8", size), FakeSku(f"{name}10", "10", other)))
            for name in "ab"
        )
    )
    fit = Event(EventName.FIT_FEEDBACK, "f", NOON + 9, "server", (EventItem("a", size="8"),), fit="small")
    events = [
        bought("ann", "a", NOON, "8"),
        ("ann", fit),
        bought("ann", "b", NOON + 7 * 86_400, "8"),
        bought("ann", "b", NOON + 14 * 86_400, "one size fits the moon"),
        bought("ann", "z", NOON + 21 * 86_400, "8"),
        bought("bob", "z", NOON, "8"),
        bought("cat", "a", NOON, "8"),
    ]
    result, _ = trained(tmp_path, interactions_of_events(events, catalog), catalog=catalog)
    assert result.metrics["sizes"]["outcomes"] == 1
    assert any("Sizes keep the documented prior" in note for note in result.notes)


def test_an_event_of_the_year_one_does_not_swell_the_model(tmp_path: Path) -> None:
    """The least date of a database stands in some histories; daily shares are kept for ten years at most."""
    year_one = -62_135_596_800.0
    odd = [view("v0", "a", year_one, 5.0), view("v0", "b", NOON, 5.0), view("v1", "b", NOON, 0.0)]
    _, model = trained(tmp_path, interactions_of_events(odd))
    assert len(model.affinity.mu_by_day) == 3653
    assert model.affinity.first_day + 3652 == NOON // 86_400
