"""Models for benchmarks of swapping: as large as real ones, published in quick succession, and rolled back."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from recommender.model import ModelContent, prune, publications, publish, roll_back, write_model
from recommender.model.directory import MANIFEST, finish_version, reserved_version
from recommender.model.writer import checksum_of
from recommender.recommendations.neighbours import Neighbours

LISTED: Final = 50
ROLLBACK_EVERY: Final = 10
KEPT: Final = 8
"""Versions that stay on disk: enough to roll back several times."""


class Swap(NamedTuple):
    """A publication: when it began (for a command, when that was started), when the pointer had moved, to what."""

    kind: str
    started: float
    moved: float
    version: str


def base_models(folder: Path, items: int) -> list[Path]:
    """Write two models of the same items whose lists have nothing in common, and return their directories."""
    return [folder / write_model(folder, content(items, seed), created_at=1e9 + seed) for seed in (0, 1)]


def content(items: int, seed: int) -> ModelContent:
    """Return a model of so many items with lists as full as a training makes them."""
    rng = np.random.default_rng(seed)

    def lists() -> Neighbours:
        scores = np.sort(rng.random((items, LISTED), dtype=np.float32), axis=1)[:, ::-1]
        return Neighbours(rng.integers(0, items, (items, LISTED), dtype=np.int32), scores.copy())

    return ModelContent(
        item_ids=[f"i{number}" for number in range(items)],
        neighbours={"als": lists(), "covisit": lists(), "blend": lists()},
        popular=rng.permutation(items)[:1000].astype(np.int32),
    )


def swap(models_dir: Path, bases: list[Path], number: int) -> Swap:
    """Publish a new version, or roll back to the one before."""
    started = time.perf_counter()
    if number % ROLLBACK_EVERY == ROLLBACK_EVERY - 1:
        version = roll_back(models_dir).version
        return Swap("rollback", started, time.perf_counter(), version)
    version = linked_version(models_dir, bases[number % 2], created_at=2e9 + number)
    publish(models_dir, version)
    moved = time.perf_counter()
    prune(models_dir, keep=KEPT)
    return Swap("publish", started, moved, version)


def linked_version(models_dir: Path, base: Path, *, created_at: float) -> str:
    """Make a version with the arrays of another one and a manifest of its own."""
    with reserved_version(models_dir, created_at) as (version, partial):
        for array in base.glob("*.npy"):
            os.link(array, partial / array.name)
        manifest = json.loads((base / MANIFEST).read_text()) | {"version": version, "created_at": created_at}
        (partial / MANIFEST).write_text(json.dumps(manifest | {"checksum": checksum_of(manifest)}))
        finish_version(models_dir, version, partial)
    return version


async def roll_back_by_command(models_dir: Path) -> Swap:
    """Roll back as an operator does."""
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "service.cli",
            "model",
            "rollback",
            "--json",
            "--data-dir",
            str(models_dir.parent),
        ),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"kabin model rollback ended with {process.returncode}")
    moved = publications(models_dir)[-1].at - (time.time() - time.perf_counter())
    return Swap("command", started, moved, json.loads(said)["version"])
