"""Models on disk: manifests, arrays and what the service makes of them; checksums are set right again."""

import ast
import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from recommender.decisions.decision import affinity_of, decide
from recommender.decisions.question import Question
from recommender.decisions.served import ServedModel
from recommender.model import (
    ModelContent,
    ModelError,
    current_version,
    last_training,
    load_model,
    publications,
    roll_back_targets,
    trainings,
    write_model,
)
from recommender.model.directory import MANIFEST
from recommender.model.publications import CURRENT, JOURNAL
from recommender.model.writer import checksum_of
from recommender.recommendations.neighbours import Neighbours
from recommender.sizes.calibration import SizeCalibration
from recommender.visitor.state import EMPTY_STATE
from tests.fuzz.target import Attempt, Target, check_told, cut
from tests.fuzz.targets.shop import NOW, catalog

_ITEMS: Final = ["a", "b", "s", "h"]


def _content() -> ModelContent:
    lists = Neighbours(
        np.array([[1, 2], [0, -1], [3, 0], [-1, -1]], dtype=np.int32),
        np.array([[0.9, 0.1], [0.5, 0.0], [0.4, 0.3], [0.0, 0.0]], dtype=np.float32),
        np.zeros((4, 2), dtype=np.int8),
    )
    return ModelContent(
        item_ids=_ITEMS,
        neighbours={"blend": lists, "covisit": lists},
        popular=np.array([2, 0], dtype=np.int32),
        popular_by_category={"Women > Dresses": np.array([0, 1], dtype=np.int32)},
        popular_by_department={7: np.array([1], dtype=np.int32)},
        size_calibration=SizeCalibration().to_dict(),
        blend={"decay": 0.5},
        metrics={"interactions": 9},
        newest_event=NOW - 5,
    )


def _seeds() -> tuple[bytes, dict[str, bytes]]:
    """Return the manifest and the arrays of the model as files."""
    with TemporaryDirectory() as folder:
        version = Path(folder) / write_model(Path(folder), _content(), created_at=NOW)
        arrays = {file.stem: file.read_bytes() for file in version.glob("*.npy")}
        return (version / MANIFEST).read_bytes(), arrays


def _serve(version: Path) -> None:
    """Load a model as a worker does and answer a page of it, or be told why it cannot be used."""
    try:
        served = ServedModel(load_model(version), source="blend")
    except ModelError as error:
        check_told(error)
        return
    affinity = affinity_of(EMPTY_STATE, served.model.affinity, 20_413)
    for question in (
        Question("product", "a"),
        Question("category", category="Women > Dresses"),
        Question("home"),
    ):
        decide(question, EMPTY_STATE, affinity, catalog(), served, now=NOW)


def manifest(folder: Path) -> Attempt:
    """Read manifests: as they are, and with their checksum set right."""
    version = folder / write_model(folder, _content(), created_at=NOW)

    def attempt(data: bytes) -> None:
        (version / MANIFEST).write_bytes(data)
        _serve(version)
        try:
            parsed = json.loads(data)
        except (ValueError, RecursionError):
            return
        if isinstance(parsed, dict):
            try:
                parsed["checksum"] = checksum_of(parsed)
            except (ModelError, RecursionError):
                return
            (version / MANIFEST).write_text(json.dumps(parsed))
            _serve(version)

    return attempt


def array(folder: Path) -> Attempt:
    """Read arrays: the first part names one, the second is the file; the manifest is made to fit it."""
    version = folder / write_model(folder, _content(), created_at=NOW)
    sound = json.loads((version / MANIFEST).read_text())

    def attempt(data: bytes) -> None:
        name, content = cut(data, 2)
        file = version / f"{name.decode('latin-1')}.npy"
        if name.decode("latin-1") not in sound["files"]:
            return
        before = file.read_bytes()
        file.write_bytes(content)
        entry = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)} | _claimed(content)
        files = sound["files"] | {file.stem: sound["files"][file.stem] | entry}
        written = sound | {"files": files}
        written["checksum"] = checksum_of(written)
        (version / MANIFEST).write_text(json.dumps(written))
        try:
            _serve(version)
        finally:
            file.unlink()
            file.write_bytes(before)

    return attempt


def _claimed(content: bytes) -> dict[str, object]:
    """Return dtype and shape as the head of an array file claims them, so that what follows gets its turn."""
    head = content[:256].decode("latin-1")
    start, end = head.find("{"), head.find("}")
    try:
        claimed = ast.literal_eval(head[start : end + 1])
        return {"dtype": str(np.dtype(claimed["descr"])), "shape": [int(size) for size in claimed["shape"]]}
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError, OverflowError):
        return {}


def journal(folder: Path) -> Attempt:
    """Read the pointer, the journal of publications and the record of trainings."""
    write_model(folder, _content(), created_at=NOW)

    def attempt(data: bytes) -> None:
        pointer, journal_lines, training_lines = cut(data, 3)
        (folder / CURRENT).write_bytes(pointer)
        (folder / JOURNAL).write_bytes(journal_lines)
        (folder / "trainings.jsonl").write_bytes(training_lines)
        try:
            current_version(folder)
        except ModelError as error:
            check_told(error)
        publications(folder)
        roll_back_targets(folder)
        trainings(folder)
        last_training(folder)

    return attempt


_MANIFEST, _ARRAYS = _seeds()
_VERSION: Final = json.loads(_MANIFEST)["version"].encode()

TARGETS: Final = (
    Target(
        "model-manifest", "manifest of a model", manifest, (_MANIFEST,),
        tuple(f'"{word}"'.encode() for word in ("format", "items", "files", "shape", "dtype", "bytes", "../x", "n0", "object")),
    ),
    Target(
        "model-array", "arrays of a model", array,
        tuple(name.encode() + b"\0" + content for name, content in sorted(_ARRAYS.items())),
        (b"'|O'", b"'<i8'", b"'>f4'", b"'<U3'", b"(4, 2), ", b"True", b"\x93NUMPY\x02\x00", b"\xff\xff\xff\xff"),
    ),
    Target(
        "model-journal", "pointer, publications and trainings of models", journal,
        (_VERSION + b'\n\0{"version":"%b","at":1.5,"by":"train","fence":3}\n\0{"result":"published","version":"%b","finished_at":1.5,'
         b'"seconds":9,"reasons":["a"],"engine":"spark"}\n' % (_VERSION, _VERSION),),
    ),
)  # fmt: skip
