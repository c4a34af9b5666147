"""A model directory: written whole or not at all, published atomically, refused when damaged."""

import json
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.affinity import AffinityParameters
from recommender.identifiers import key_of
from recommender.model import (
    ModelContent,
    ModelError,
    list_versions,
    load_model,
    publish,
    write_model,
)
from recommender.model.directory import LOCK
from recommender.model.model import ItemIndex
from recommender.model.writer import checksum_of
from recommender.recommendations.neighbours import Neighbours
from tests.recommender.model.small_model import ITEMS, NOON, content


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A directory of one model."""
    return tmp_path / write_model(tmp_path, content(), created_at=NOON)


def rewrite(path: Path, **changes: object) -> None:
    """Change a manifest and make its checksum fit again."""
    manifest = {**json.loads((path / "manifest.json").read_text()), **changes}
    (path / "manifest.json").write_text(json.dumps({**manifest, "checksum": checksum_of(manifest)}))


def test_a_model_comes_back_as_it_was_written(written: Path) -> None:
    """Everything that decisions need survives, mapped from disk."""
    model = load_model(written)
    assert (model.version, model.created_at, model.newest_event) == (written.name, NOON, NOON - 5)
    assert [model.item_id(row) for row in range(model.item_count)] == ITEMS
    assert [model.row_of(item_id) for item_id in [*ITEMS, "unknown", ""]] == [0, 1, 2, -1, -1]
    assert model.rows_of_keys([key_of("c"), 5, key_of("a")]) == [2, -1, 0]
    assert model.neighbours["blend"].items.tolist() == [[1, 2], [0, -1], [-1, -1]]
    assert model.neighbours["blend"].sources is not None
    assert model.popular.tolist() == [2, 0]
    assert {name: rows.tolist() for name, rows in model.popular_by_category.items()} == {
        "Dresses": [0],
        "Tops": [2, 1],
    }
    assert {code: rows.tolist() for code, rows in model.popular_by_department.items()} == {7: [1]}
    assert model.affinity == AffinityParameters(n0=3.5)
    assert (model.size_calibration, model.blend, model.metrics) == (
        {"format": 1},
        {"decay": 0.5},
        {"interactions": 9},
    )
    assert not model.neighbours["blend"].items.flags.writeable
    with pytest.raises(IndexError):
        model.item_id(3)


def test_nothing_in_it_is_a_pickle(written: Path) -> None:
    """Loading a model can run no code."""
    assert {path.suffix for path in written.iterdir()} == {".npy", ".json"}
    for path in written.glob("*.npy"):
        np.load(path, allow_pickle=False)


@given(st.lists(st.text(max_size=12), unique=True, max_size=30), st.text(max_size=12))
def test_every_identifier_finds_its_row(item_ids: list[str], other: str) -> None:
    """Also empty ones, and those with characters of several bytes."""
    index = ItemIndex.of(item_ids)
    assert [index.row_of(item_id) for item_id in item_ids] == list(range(len(item_ids)))
    assert [index.item_id(row) for row in range(len(index))] == item_ids
    assert index.rows_of_keys([key_of(item_id) for item_id in item_ids]) == list(range(len(item_ids)))
    if other not in item_ids:
        assert index.row_of(other) == -1


def test_identifiers_that_share_a_key_are_told_apart_by_their_text() -> None:
    """Forty bits collide now and then among millions."""
    index = ItemIndex.of(["a", "b"])
    clash = ItemIndex(
        index.text, index.offsets, np.full(2, key_of("b"), dtype=np.int64), np.array([0, 1], dtype=np.int32)
    )
    assert clash.row_of("b") == 1


def test_an_empty_model_is_a_model(tmp_path: Path) -> None:
    """A shop without items gets empty lists, not an error."""
    empty = Neighbours(np.empty((0, 2), dtype=np.int32), np.empty((0, 2), dtype=np.float32))
    version = write_model(
        tmp_path,
        ModelContent([], {"blend": empty}, np.empty(0, dtype=np.int32)),
        created_at=NOON,
    )
    model = load_model(tmp_path / version)
    assert (model.item_count, model.row_of("a"), model.rows_of_keys([1, 2])) == (0, -1, [-1, -1])


def test_versions_are_unique_and_sort_by_time(tmp_path: Path) -> None:
    """Two trainings of one second get two versions."""
    made = [write_model(tmp_path, content(), created_at=at) for at in (NOON, NOON, NOON + 1)]
    assert made == ["20251121T120000Z-000", "20251121T120000Z-001", "20251121T120001Z-000"]
    assert [summary.version for summary in list_versions(tmp_path)] == made


def test_trainings_at_the_same_time_do_not_collide(tmp_path: Path) -> None:
    """Eight writers of one second leave eight complete models."""
    made: list[str] = []
    threads = [
        threading.Thread(target=lambda: made.append(write_model(tmp_path, content(), created_at=NOON)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 8
    for version in made:
        load_model(tmp_path / version)


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    """Values that are no JSON, or lists that do not fit the items, never become a version."""
    with pytest.raises(ModelError, match="no plain JSON"):
        write_model(tmp_path, content(metrics={"hr": float("nan")}), created_at=NOON)
    with pytest.raises(ModelError, match="popular"):
        write_model(tmp_path, content(popular=np.array([3], dtype=np.int32)), created_at=NOON)
    assert [path.name for path in tmp_path.iterdir()] == [LOCK]


def test_a_directory_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    """A file where the models' directory should be."""
    (tmp_path / "models").write_text("")
    with pytest.raises(ModelError, match="could not be written"):
        write_model(tmp_path / "models", content(), created_at=NOON)


def test_every_flipped_byte_of_an_array_is_noticed(written: Path) -> None:
    """Checksums catch what shapes cannot."""
    for path in sorted(written.glob("*.npy")):
        good = path.read_bytes()
        path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        with pytest.raises(ModelError, match="damaged"):
            load_model(written)
        path.write_bytes(good)
    load_model(written)


def test_truncated_and_missing_files_are_named(written: Path) -> None:
    """An operator reads which file it is."""
    path = written / "blend_items.npy"
    good = path.read_bytes()
    path.write_bytes(good[:-4])
    with pytest.raises(ModelError, match=r"blend_items\.npy is damaged"):
        load_model(written, verify=False)
    path.unlink()
    with pytest.raises(ModelError, match=r"blend_items\.npy is missing"):
        load_model(written)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"format": 2}, "newer Kabin"),
        ({"format": "1"}, "no format number"),
        ({"items": 4}, "entries for 4 items"),
        ({"sources": ["als"]}, "als_items.npy is missing"),
        ({"affinity": {"n0": -1}}, "n0"),
        ({"categories": []}, "not a usable model"),
        ({"files": {}}, "missing"),
        ({"files": {"../../etc/passwd": {}}}, "no file name"),
        ({"created_at": None}, "not a usable model"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(
    written: Path, changes: dict[str, object], complaint: str
) -> None:
    """Even one whose own checksum fits."""
    rewrite(written, **changes)
    with pytest.raises(ModelError, match=complaint):
        load_model(written)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', "\x00"])
def test_a_damaged_manifest_is_refused(written: Path, text: str) -> None:
    """Half a file, another file, or one byte changed by hand."""
    (written / "manifest.json").write_text(text)
    with pytest.raises(ModelError, match=r"manifest\.json is damaged"):
        load_model(written)


@pytest.mark.parametrize(
    ("name", "array", "complaint"),
    [
        ("blend_items", np.array([[9, 0]] * 3, dtype=np.int32), "rows outside"),
        ("blend_scores", np.full((3, 2), np.nan, dtype=np.float32), "no numbers"),
        ("blend_items", np.zeros((3, 3), dtype=np.int32), "differ in shape"),
        ("blend_items", np.zeros((3, 2), dtype=np.int64), "must be int32"),
        ("item_offsets", np.array([0, 9, 3, 7], dtype=np.int64), "does not run"),
        ("item_keys", np.array([3, 2, 1], dtype=np.int64), "not ascending"),
        ("item_rows", np.array([0, 0, 1], dtype=np.int32), "every item once"),
        ("popular", np.array([-1], dtype=np.int32), "rows outside"),
    ],
)
def test_arrays_that_would_crash_the_service_are_refused(
    written: Path,
    name: str,
    array: np.ndarray,
    complaint: str,
) -> None:
    """Even if their checksums fit, as after a faulty training."""
    path = written / f"{name}.npy"
    np.save(path, array)
    files = json.loads((written / "manifest.json").read_text())["files"]
    files[name] |= {"bytes": path.stat().st_size, "dtype": str(array.dtype), "shape": list(array.shape)}
    rewrite(written, files=files)
    with pytest.raises(ModelError, match=complaint):
        load_model(written, verify=False)


def test_pickled_arrays_are_refused(written: Path) -> None:
    """An array of objects would run code when loaded."""
    path = written / "popular.npy"
    np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    files = json.loads((written / "manifest.json").read_text())["files"]
    files["popular"] |= {"bytes": path.stat().st_size, "dtype": "object", "shape": [1]}
    rewrite(written, files=files)
    with pytest.raises(ModelError, match="not a usable model"):
        load_model(written, verify=False)


def test_a_directory_without_a_manifest_is_no_model(tmp_path: Path, written: Path) -> None:
    """It is neither loaded nor listed nor published."""
    (written / "manifest.json").unlink()
    with pytest.raises(ModelError, match="no manifest"):
        load_model(written)
    assert list_versions(tmp_path) == []
    with pytest.raises(ModelError):
        publish(tmp_path, written.name)


def test_a_model_in_a_directory_of_another_name_is_refused(tmp_path: Path, written: Path) -> None:
    """Decisions name the model they come from: a copy under another name would make them lie."""
    copy = tmp_path / "20300101T000000Z-000"
    shutil.copytree(written, copy)
    with pytest.raises(ModelError, match=f"holds version {written.name}"):
        load_model(copy)


def test_a_mapped_model_outlives_its_directory(written: Path) -> None:
    """Pruning a version under a worker that still serves from it does no harm."""
    model = load_model(written)
    shutil.rmtree(written)
    assert model.neighbours["blend"].items[0].tolist() == [1, 2]
    assert model.row_of("c") == 2


def test_a_manifest_nested_without_end_is_damaged(written: Path) -> None:
    """Reading it gives up with a reason like for any other garbage."""
    (written / "manifest.json").write_text("[" * 200_000)
    with pytest.raises(ModelError, match="damaged"):
        load_model(written)
