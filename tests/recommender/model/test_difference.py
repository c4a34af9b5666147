"""Two models side by side: counted by item identifier, whatever their rows are."""

from pathlib import Path

import numpy as np
import pytest

from recommender.model import Model, ModelContent, difference, load_model, write_model
from recommender.recommendations.neighbours import Neighbours
from tests.recommender.model.small_model import NOON, content


def model_of(folder: Path, lists: dict[str, list[str]], **changes: object) -> Model:
    """Return a model of the given lists, its rows in the order of the items' names, popular ones first."""
    item_ids = list(lists)
    longest = max(map(len, lists.values()))
    rows = [
        [item_ids.index(one) for one in named] + [-1] * (longest - len(named)) for named in lists.values()
    ]
    items = np.array(rows, dtype=np.int32).reshape(len(item_ids), longest)
    scores = np.where(items < 0, 0, 1).astype(np.float32)
    made = content(
        item_ids=item_ids,
        neighbours={"blend": Neighbours(items, scores)},
        popular=np.arange(len(item_ids), dtype=np.int32),
        popular_by_category={},
        popular_by_department={},
        **changes,
    )
    return load_model(folder / write_model(folder, made, created_at=NOON))


def test_a_model_agrees_with_itself(tmp_path: Path) -> None:
    """Whatever the order of its rows."""
    lists = {"a": ["b", "c"], "b": ["a"], "c": []}
    first = model_of(tmp_path, lists)
    second = model_of(tmp_path, dict(reversed(lists.items())))
    for other in (first, second):
        found = difference(first, other)
        assert (found.agreement, found.changed, found.settings) == (1.0, (), {})
        assert (found.gained, found.lost, found.items) == ((), (), (3, 3))


def test_lists_agree_by_what_they_share_of_the_longer(tmp_path: Path) -> None:
    """Items that one of them lacks count as not shared; items without any list do not count."""
    first = model_of(tmp_path, {"a": ["b", "c"], "b": ["a", "c"], "c": [], "gone": ["a"]})
    second = model_of(tmp_path, {"new": ["a"], "a": ["c", "new", "b", "d"], "c": [], "b": ["d"], "d": []})
    found = difference(first, second)
    assert found.agreement == pytest.approx((2 / 4 + 0) / 2)
    assert (found.gained, found.gained_count, found.lost, found.lost_count) == (("new", "d"), 2, ("gone",), 1)
    assert found.changed == (("a", ("new", "d"), ()), ("b", ("d",), ("a", "c")))
    assert difference(first, second, samples=1).gained == ("new",)


def test_settings_and_figures_stand_side_by_side(tmp_path: Path) -> None:
    """Only settings that differ; all figures, with nothing where one model lacks them."""
    lists = {"a": ["b"], "b": []}
    first = model_of(tmp_path, lists, settings={"popular": 5, "als": {"factors": 64}}, metrics={"old": 1})
    second = model_of(
        tmp_path, lists, settings={"popular": 5, "als": {"factors": 96}}, metrics={"held_out": {"hr@20": 9.5}}
    )
    found = difference(first, second)
    assert found.settings == {"als.factors": (64, 96)}
    assert found.metrics == {"old": (1, None), "held_out.hr@20": (None, 9.5)}


def test_models_without_common_lists_are_compared_by_the_rest(tmp_path: Path) -> None:
    """An empty model, and one with lists of another source."""
    lists = {"a": ["b"], "b": []}
    first = model_of(tmp_path, lists)
    nothing = ModelContent([], {}, np.empty(0, dtype=np.int32))
    empty = load_model(tmp_path / write_model(tmp_path, nothing, created_at=NOON))
    for pair in ((first, empty), (empty, first), (empty, empty)):
        found = difference(*pair)
        assert (found.source, found.agreement, found.changed) == (None, None, ())
    assert difference(empty, first).gained_count == 2
