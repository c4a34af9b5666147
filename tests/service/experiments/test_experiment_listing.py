"""One list of all experiments, and edits that race for the document."""

from typing import Any

import pytest

from service.experiments.base import BaseDefinitions
from service.experiments.definition import ExperimentDefinition
from service.experiments.document import with_switches
from service.experiments.editing import ATTEMPTS, EditConflict, ExperimentEditor, edit
from service.experiments.listing import list_experiments
from service.stores.experiments import DocumentChanged, ExperimentDocument, VersionedDocument
from service.stores.memory_experiments import MemoryExperimentStore

pytestmark = pytest.mark.anyio

RULE = {"key": "banner-test", "variations": ["summer", "none"], "weights": [0.9, 0.1], "coverage": 0.5}
PROMO = ExperimentDefinition("kabin-homepage", ("personalized", "promo"))


def listing(features: dict[str, Any], base: BaseDefinitions | None = None, **document: Any) -> dict[str, Any]:
    """Return the list of a document with these features."""
    stored = VersionedDocument(5, ExperimentDocument(features, **document))
    return dict(list_experiments(stored, base, learning_traffic=False))


async def test_all_places_are_listed() -> None:
    """Redis's experiments first, then GrowthBook's, each with its status."""
    base = BaseDefinitions(
        "growthbook", {"features": {"search": {"rules": [{**RULE, "key": "search-test"}]}}}
    )
    told = listing({"banner": {"rules": [RULE]}}, base, stopped=("search-test",))
    assert [(each["experiment_id"], each["source"], each["status"]) for each in told["experiments"]] == [
        ("banner-test", "redis", "running"),
        ("search-test", "growthbook", "stopped"),
    ]
    assert (told["version"], told["problems"]) == (5, [])


async def test_what_is_wrong_stands_with_its_experiment() -> None:
    """A broken feature's problems are told by pointer; what can not even be read has no experiment to stand with."""
    broken = {
        "one": {"rules": [{**RULE, "weights": [0.9, 0.9]}]},
        "two": {"rules": 5},
        "three": {"rules": [{**RULE, "key": "t"}]},
    }
    told = listing({}, BaseDefinitions("file", {"features": broken}))
    problems = {
        each["experiment_id"]: [fault["pointer"] for fault in each["problems"]]
        for each in told["experiments"]
    }
    assert problems == {"banner-test": ["/features/one/rules/0/weights"], "t": []}
    assert [fault["pointer"] for fault in told["problems"]] == ["/features/two/rules"]


async def test_ranges_are_told_as_weights_and_coverage() -> None:
    """GrowthBook may give each variation a range of buckets instead."""
    rule = {"variations": [1, 2], "ranges": [[0, 0.1], [0.5, 0.8]]}
    (told,) = listing({"banner": {"rules": [{"force": 3, "condition": {"a": 1}}, rule]}})["experiments"]
    assert told["experiment_id"] == "banner"
    assert told["weights"] == pytest.approx([0.25, 0.75])
    assert told["coverage"] == pytest.approx(0.4)


class Contested(MemoryExperimentStore):
    """A store where another writer is faster a number of times."""

    def __init__(self, rivals: int) -> None:
        super().__init__()
        self.rivals = rivals

    async def write(self, document: ExperimentDocument, *, expected_version: int) -> int:
        """Let a rival switch a decision off first."""
        if self.rivals:
            self.rivals -= 1
            stored = await self.read()
            rival = with_switches(stored.document, {"size": bool(self.rivals % 2)})
            await super().write(rival, expected_version=stored.version)
            raise DocumentChanged("another was first")
        return await super().write(document, expected_version=expected_version)


async def test_a_lost_race_is_run_again_on_what_won() -> None:
    """The edit is applied to the newer document, so both changes stand."""
    store = Contested(rivals=3)
    edited = await ExperimentEditor(store).define("promo-page", PROMO)
    document = (await store.read()).document
    assert edited.after == await store.read()
    assert document.switched_off == ("size",)
    assert list(document.features) == ["kabin-homepage"]


async def test_who_loses_every_race_is_told() -> None:
    """After eight attempts the edit gives up, and nothing of it is stored."""
    store = Contested(rivals=ATTEMPTS)
    with pytest.raises(EditConflict, match="try again"):
        await ExperimentEditor(store).define("promo-page", PROMO)
    assert (await store.read()).document.features == {}


async def test_an_edit_that_changes_nothing_writes_nothing() -> None:
    """The version stays, so no worker has to look."""
    store = MemoryExperimentStore()
    first = await ExperimentEditor(store).switch({"size": False})
    again = await ExperimentEditor(store).switch({"size": False})
    assert (first.changed, again.changed) == (True, False)
    assert await store.version() == first.after.version
    assert not (await edit(store, lambda document: document)).changed
