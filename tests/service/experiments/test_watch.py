"""A worker's policy stays what the shop has defined, or the last good of it, whatever fails."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from service.experiments.growthbook import GrowthBookSource
from service.experiments.last_good import LastGoodCopy
from service.experiments.sources import FileSource, PayloadSource, SourceCopy
from service.experiments.watch import ExperimentWatch
from service.metrics.metrics import Metrics
from service.stores.connection import StoreUnavailable, connected
from service.stores.embedded import EmbeddedValkey
from service.stores.experiments import ExperimentDocument, RedisExperimentStore
from service.stores.keys import Keyspace
from tests.service.experiments.endpoint import (
    BANNER,
    BROKEN,
    HOMEPAGE,
    Endpoint,
    FaultyStore,
    feature,
    hangs,
    payload,
    says,
    serves,
    until,
)

POLL_SECONDS = 0.005


def watch_of(
    folder: Path, store: Any, source: PayloadSource | None = None, **options: Any
) -> ExperimentWatch:
    """Return a worker's watch, which looks often."""
    settings: dict[str, Any] = {"metrics": Metrics(), "poll_interval_seconds": POLL_SECONDS} | options
    return ExperimentWatch(store, source, folder / "experiments", **settings)


def growthbook(folder: Path, url: str, *, refresh_seconds: float = 0.01) -> GrowthBookSource:
    """Return a source that asks often."""
    copy = LastGoodCopy(folder / "experiments" / "source.json", SourceCopy)
    return GrowthBookSource(url, copy, time.time, refresh_seconds=refresh_seconds)


@asynccontextmanager
async def started(watch: ExperimentWatch) -> AsyncIterator[ExperimentWatch]:
    """Run a watch for the length of a block."""
    await watch.start()
    try:
        yield watch
    finally:
        await watch.stop()


def running(watch: ExperimentWatch) -> dict[str, tuple[float, ...]]:
    """Return the weights of the experiments that run."""
    return {each.experiment_id: each.weights for each in watch.policy.experiments()}


def run(scenario: Coroutine[Any, Any, None]) -> None:
    """Run a scenario to its end."""
    asyncio.run(asyncio.wait_for(scenario, 60))


def sample(metrics: Metrics, name: str) -> float:
    """Return the value of a metric."""
    lines = metrics.exposition("")[0].decode().splitlines()
    return next(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name + " "))


def test_what_redis_holds_is_in_use_when_the_start_is_over(tmp_path: Path) -> None:
    """The first visitor is assigned as the millionth."""

    async def scenario() -> None:
        store = FaultyStore()
        await store.put(features={"kabin-homepage": HOMEPAGE}, switched_off=("size",))
        async with started(watch_of(tmp_path, store)) as watch:
            assert running(watch) == {"promo-page": (0.5, 0.5)}
            assert watch.policy.switched_off == {"size"}
            status = watch.status()
            assert (status.version, status.source, status.problems) == (await store.version(), "redis", ())
            assert status.fresh_at is not None

    run(scenario())


def test_every_change_is_taken_over_without_being_asked(tmp_path: Path) -> None:
    """Other weights, stopped, started, switched off, removed."""

    async def scenario() -> None:
        store = FaultyStore()
        async with started(watch_of(tmp_path, store)) as watch:
            assert running(watch) == {}
            features = {"kabin-homepage": HOMEPAGE}
            await store.put(features=features)
            await until(lambda: running(watch) == {"promo-page": (0.5, 0.5)})
            other = {"kabin-homepage": feature("personalized", "promo", weights=(0.8, 0.2))}
            await store.put(features=other)
            await until(lambda: running(watch) == {"promo-page": (0.8, 0.2)})
            await store.put(features=other, stopped=("promo-page",))
            await until(lambda: running(watch) == {})
            await store.put(features=other, switched_off=("homepage",))
            await until(lambda: watch.policy.switched_off == {"homepage"})
            await store.put()
            await until(lambda: running(watch) == {} and not watch.policy.switched_off)

    run(scenario())


def test_the_worker_that_has_written_sees_its_change_at_once(tmp_path: Path) -> None:
    """Whoever switches something on and looks need not wait for the next poll."""

    async def scenario() -> None:
        store = FaultyStore()
        async with started(watch_of(tmp_path, store, poll_interval_seconds=3600)) as watch:
            await store.put(features={"kabin-homepage": HOMEPAGE})
            await watch.refresh()
            assert running(watch) == {"promo-page": (0.5, 0.5)}
            store.is_down = True
            with pytest.raises(StoreUnavailable):
                await watch.refresh()
            assert running(watch) == {"promo-page": (0.5, 0.5)}

    run(scenario())


def test_two_workers_on_one_redis_see_a_toggle(tmp_path: Path, valkey_url: str) -> None:
    """Each by its own look at the version; both note the same phases, which are in the journal once."""

    async def scenario() -> None:
        async with connected(valkey_url, timeout_seconds=20) as client:
            store = RedisExperimentStore(client, Keyspace("two-workers"))
            async with (
                started(watch_of(tmp_path, store)) as one,
                started(watch_of(tmp_path, store)) as other,
            ):
                features = {"kabin-homepage": HOMEPAGE}
                version = await store.write(ExperimentDocument(features=features), expected_version=0)
                await until(lambda: len(running(one)) == len(running(other)) == 1)
                for _ in range(3):
                    off = ExperimentDocument(features=features, stopped=("promo-page",))
                    version = await store.write(off, expected_version=version)
                    await until(lambda: running(one) == running(other) == {})
                    version = await store.write(
                        ExperimentDocument(features=features), expected_version=version
                    )
                    await until(lambda: len(running(one)) == len(running(other)) == 1)
                await one.refresh()
                await other.refresh()
                assert one.status().problems == other.status().problems == ()
                assert len(await store.phases("promo-page")) == 1

    run(scenario())


def test_a_redis_that_is_lost_and_back_changes_nothing_in_between(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The last known experiments stay, the loss is logged once, and what has changed since is taken over."""
    caplog.set_level(logging.INFO)

    async def scenario() -> None:
        store, metrics = FaultyStore(), Metrics()
        await store.put(features={"kabin-homepage": HOMEPAGE})
        async with started(watch_of(tmp_path, store, metrics=metrics)) as watch:
            asked = store.asked
            store.is_down = True
            await until(lambda: store.asked > asked + 3)
            assert running(watch) == {"promo-page": (0.5, 0.5)}
            assert "switched off by a test" in watch.status().problems[0]
            assert sample(metrics, "kabin_experiments_problems") == 1
            assert sample(metrics, 'kabin_experiments_refresh_failures_total{source="redis"}') >= 3
            store.is_down = False
            await store.put(features={"banner": BANNER})
            await until(lambda: list(running(watch)) == ["banner"])
            assert watch.status().problems == ()

    run(scenario())
    assert len([each for each in caplog.records if "switched off by a test" in each.getMessage()]) == 1


def test_a_redis_that_really_ends_and_starts_again_is_followed_on(tmp_path: Path) -> None:
    """Through the client that the service uses; what was written after the restart is taken over."""

    async def scenario() -> None:
        server = EmbeddedValkey(tmp_path / "valkey")
        server.start()
        try:
            async with connected(server.url, timeout_seconds=1) as client:
                store = RedisExperimentStore(client, Keyspace("restarted"))
                features = {"kabin-homepage": HOMEPAGE}
                version = await store.write(ExperimentDocument(features=features), expected_version=0)
                async with started(watch_of(tmp_path, store)) as watch:
                    assert list(running(watch)) == ["promo-page"]
                    server.stop()
                    await until(lambda: watch.status().problems != ())
                    assert list(running(watch)) == ["promo-page"]
                    server.start()
                    await until(lambda: watch.status().problems == ())
                    assert watch.status().version == version
                    await store.write(ExperimentDocument(switched_off=("size",)), expected_version=version)
                    await until(lambda: running(watch) == {})
                    assert watch.policy.switched_off == {"size"}
        finally:
            server.stop()

    run(scenario())


def test_a_start_without_redis_goes_on_with_the_last_known_experiments(tmp_path: Path) -> None:
    """Switches, too: what a shop has switched off stays off."""

    async def scenario() -> None:
        store = FaultyStore()
        await store.put(
            features={"kabin-homepage": HOMEPAGE, "banner": BANNER},
            stopped=("banner",),
            switched_off=("size",),
        )
        async with started(watch_of(tmp_path, store)):
            pass
        store.is_down = True
        async with started(watch_of(tmp_path, store)) as watch:
            assert list(running(watch)) == ["promo-page"]
            assert watch.policy.switched_off == {"size"}
            assert watch.status().version == await _version(store)

    run(scenario())


async def _version(store: FaultyStore) -> int:
    store.is_down = False
    return await store.version()


@pytest.mark.parametrize("name", ["document.json", "in-use.json", "source.json"])
def test_a_damaged_copy_is_ignored_with_a_warning_and_replaced(
    tmp_path: Path, endpoint: Endpoint, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """It is only a help for a bad start, never a reason for one."""

    async def scenario() -> None:
        store = FaultyStore()
        await store.put(features={"kabin-homepage": HOMEPAGE})
        endpoint.answer = serves(payload(banner=BANNER))
        async with started(watch_of(tmp_path, store, growthbook(tmp_path, endpoint.url))):
            pass
        path = tmp_path / "experiments" / name
        good = path.read_bytes()
        path.write_bytes(good[: len(good) // 2])
        async with started(watch_of(tmp_path, store, growthbook(tmp_path, endpoint.url))) as watch:
            await until(lambda: set(running(watch)) == {"promo-page", "banner"})
            await until(lambda: path.read_bytes() == good)

    run(scenario())
    assert any(name in each.getMessage() and "damaged" in each.getMessage() for each in caplog.records)


def test_a_document_that_cannot_be_read_leaves_the_last_good_one(tmp_path: Path) -> None:
    """It is read once, not again at every look, and says what to do."""

    async def scenario() -> None:
        store, metrics = FaultyStore(), Metrics()
        await store.put(features={"kabin-homepage": HOMEPAGE})
        async with started(watch_of(tmp_path, store, metrics=metrics)) as watch:
            version, fresh_at = watch.status().version, watch.status().fresh_at
            await store.damage()
            await until(lambda: watch.status().problems != ())
            asked = store.asked
            await until(lambda: store.asked > asked + 3)
            assert "cannot be read" in watch.status().problems[0]
            assert watch.status().version == version
            assert running(watch) == {"promo-page": (0.5, 0.5)}
            assert fresh_at is not None
            assert sample(metrics, 'kabin_experiments_refresh_failures_total{source="redis"}') == 1
            await store.put(features={"banner": BANNER})
            await until(lambda: list(running(watch)) == ["banner"])
            assert watch.status().problems == ()

    run(scenario())


def test_a_redis_that_comes_back_empty_takes_no_experiment_away(tmp_path: Path) -> None:
    """A flush by mistake must not switch on again what was off: the workers put it back, with its journal."""

    async def scenario() -> None:
        store = FaultyStore()
        await store.put(features={"kabin-homepage": HOMEPAGE}, switched_off=("size",))
        async with started(watch_of(tmp_path, store)) as watch:
            before = watch.status().version
            store.lose_everything()
            await until(lambda: watch.status().version != before)
            assert (await store.read()).document.switched_off == ("size",)
            assert watch.policy.switched_off == {"size"}
            assert list(running(watch)) == ["promo-page"]
            await until(lambda: bool(store.journal("promo-page")))
            await store.put(features={"banner": BANNER})
            await until(lambda: list(running(watch)) == ["banner"])
            assert watch.status().problems == ()

    run(scenario())


def test_a_restart_on_an_empty_redis_puts_the_last_known_experiments_back(tmp_path: Path) -> None:
    """A worker that starts after the loss agrees with those that have lived through it."""

    async def scenario() -> None:
        store = FaultyStore()
        await store.put(features={"kabin-homepage": HOMEPAGE})
        async with started(watch_of(tmp_path, store)):
            pass
        store.lose_everything()
        async with started(watch_of(tmp_path, store)) as watch:
            await until(lambda: bool(watch.status().version))
            assert list(running(watch)) == ["promo-page"]
            assert list((await store.read()).document.features) == ["kabin-homepage"]

    run(scenario())


def test_a_failure_that_nobody_thought_of_is_told_and_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The watch goes on, with one traceback and not one at each look."""

    class Defective(FaultyStore):
        async def version(self) -> int:
            self.asked += 1
            raise LookupError("nobody thought of this")

    async def scenario() -> None:
        store = Defective()
        async with started(watch_of(tmp_path, store)) as watch:
            await until(lambda: store.asked > 3)
            assert "nobody thought of this" in watch.status().problems[0]

    run(scenario())
    assert len([each for each in caplog.records if each.exc_info]) == 1


def test_a_broken_feature_keeps_its_former_version_also_through_a_restart(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    """The others change; the problem says which one, where, why, and what becomes of it."""

    async def scenario() -> None:
        store = FaultyStore()
        other = feature("personalized", "full_price", key="full-page")
        endpoint.answer = serves(payload(banner=BANNER, kabin_homepage=HOMEPAGE))
        async with started(watch_of(tmp_path, store, growthbook(tmp_path, endpoint.url))) as watch:
            assert set(running(watch)) == {"promo-page", "banner"}
            endpoint.answer = serves(payload(banner=BROKEN, kabin_homepage=other))
            await until(lambda: set(running(watch)) == {"full-page", "banner"})
            (problem,) = watch.status().problems
            assert "banner: /features/banner/rules/0/weights" in problem
            assert "the former version of banner stays in use" in problem
        async with started(watch_of(tmp_path, store, growthbook(tmp_path, endpoint.url))) as watch:
            assert set(running(watch)) == {"full-page", "banner"}
            await until(lambda: watch.status().problems == (problem,))
            endpoint.answer = serves(payload(kabin_homepage=other))
            await until(lambda: set(running(watch)) == {"full-page"})
            assert watch.status().problems == ()

    run(scenario())


def test_what_is_stopped_stops_also_in_a_former_version(tmp_path: Path) -> None:
    """A slip elsewhere in the feature must not keep an experiment running that somebody has stopped."""

    async def scenario() -> None:
        store = FaultyStore()
        async with started(watch_of(tmp_path, store)) as watch:
            await store.put(features={"banner": BANNER})
            await until(lambda: list(running(watch)) == ["banner"])
            broken = {**BANNER, "rules": [*BANNER["rules"], {"force": 1, "coverage": 2}]}
            await store.put(features={"banner": broken})
            await until(lambda: watch.status().problems != ())
            assert list(running(watch)) == ["banner"]
            await store.put(features={"banner": broken}, stopped=("banner",))
            await until(lambda: running(watch) == {})

    run(scenario())


@pytest.mark.parametrize("fault", [says(b"<html>Sign in</html>"), says(b"", 500), says(b"{"), hangs])
def test_an_endpoint_that_fails_leaves_the_last_good_definitions_also_through_a_restart(
    tmp_path: Path, endpoint: Endpoint, fault: Callable[[Any], None]
) -> None:
    """While it is bad, Redis's switches work as ever: nobody waits for the endpoint."""

    async def scenario() -> None:
        store = FaultyStore()
        endpoint.answer = serves(payload(banner=BANNER))
        async with started(watch_of(tmp_path, store, growthbook(tmp_path, endpoint.url))):
            pass
        endpoint.answer = fault
        calls = len(endpoint.calls)
        source = growthbook(tmp_path, endpoint.url)
        async with started(watch_of(tmp_path, store, source)) as watch:
            await until(lambda: len(endpoint.calls) > calls)
            assert list(running(watch)) == ["banner"]
            await store.put(features={"kabin-homepage": HOMEPAGE}, switched_off=("size",))
            await until(lambda: set(running(watch)) == {"promo-page", "banner"})
            assert watch.policy.switched_off == {"size"}

    run(scenario())


def test_what_one_worker_has_fetched_the_other_uses_at_its_next_look(
    tmp_path: Path, endpoint: Endpoint
) -> None:
    """Workers of a machine agree within a poll, however long the interval between their questions."""

    async def scenario() -> None:
        store = FaultyStore()
        endpoint.answer = serves(payload(banner=BANNER), etag='"one"')
        patient = growthbook(tmp_path, endpoint.url, refresh_seconds=3600)
        async with started(watch_of(tmp_path, store, patient)) as other:
            assert list(running(other)) == ["banner"]
            path = tmp_path / "experiments" / "source.json"
            path.write_bytes(b"{")
            await until(lambda: store.asked > 3)
            assert list(running(other)) == ["banner"]
            endpoint.answer = serves(payload(kabin_homepage=HOMEPAGE), etag='"two"')
            async with started(watch_of(tmp_path, store, growthbook(tmp_path, endpoint.url))) as one:
                await until(lambda: list(running(one)) == ["promo-page"])
                await until(lambda: list(running(other)) == ["promo-page"])

    run(scenario())


def test_requests_to_the_endpoint_never_overlap(tmp_path: Path, endpoint: Endpoint) -> None:
    """A slow endpoint has one question of each worker at a time, however short the interval."""

    async def scenario() -> None:
        endpoint.answer = hangs
        source = growthbook(tmp_path, endpoint.url, refresh_seconds=0.001)
        store = FaultyStore()
        async with started(watch_of(tmp_path, store, source)):
            asked = store.asked
            await until(lambda: store.asked > asked + 20)
            assert len(endpoint.calls) == 1

    run(scenario())


def test_a_file_is_followed_and_redis_goes_before_it(tmp_path: Path) -> None:
    """Of a feature that both define, the one of Redis is used whole; operators are told."""

    async def scenario() -> None:
        path = tmp_path / "experiments.json"
        path.write_bytes(b'{"features": {')
        copy = LastGoodCopy(tmp_path / "experiments" / "source.json", SourceCopy)
        source = FileSource(path, copy, lambda: 1e10, poll_interval_seconds=POLL_SECONDS)
        store, metrics = FaultyStore(), Metrics()
        async with started(watch_of(tmp_path, store, source, metrics=metrics)) as watch:
            assert watch.base is None
            await until(lambda: "holds no JSON" in "".join(watch.status().problems))
            path.write_text(json.dumps(payload(banner=BANNER)))
            await until(lambda: list(running(watch)) == ["banner"])
            assert watch.base is not None
            assert (watch.base.source, watch.base.payload) == ("file", payload(banner=BANNER))
            await until(lambda: watch.status().problems == ())
            await store.put(features={"banner": feature("red", "green", key="banner-2")})
            await until(lambda: list(running(watch)) == ["banner-2"])
            assert watch.status().overridden == ("banner",)
            assert sample(metrics, 'kabin_experiments_refresh_failures_total{source="file"}') >= 1

    run(scenario())


def test_learning_traffic_runs_without_any_definition(tmp_path: Path) -> None:
    """Also before Redis has ever been reached."""

    async def scenario() -> None:
        store = FaultyStore()
        store.is_down = True
        async with started(watch_of(tmp_path, store, learning_traffic=True)) as watch:
            assert set(running(watch)) == {"kabin-holdout", "kabin-random"}
            store.is_down = False
            await store.put(features={"banner": BANNER})
            await until(lambda: set(running(watch)) == {"kabin-holdout", "kabin-random", "banner"})

    run(scenario())


def test_phases_that_could_not_be_noted_are_noted_later(tmp_path: Path, endpoint: Endpoint) -> None:
    """Definitions that came from GrowthBook while Redis was down are in the journal once it is back."""

    async def scenario() -> None:
        store = FaultyStore()
        endpoint.answer = serves(payload(banner=BANNER))
        async with started(watch_of(tmp_path, store, growthbook(tmp_path, endpoint.url))) as watch:
            await until(lambda: store.noted > 0)
            store.is_down = True
            other = feature("red", "blue", key="banner", weights=(0.9, 0.1))
            endpoint.answer = serves(payload(banner=other))
            await until(lambda: running(watch) == {"banner": (0.9, 0.1)})
            store.is_down = False

            def noted() -> bool:
                return len(store.journal("banner")) == 2

            await until(noted)
            await store.put(switched_off=("size",))
            await until(lambda: watch.policy.switched_off == {"size"})
            assert [phase.weights for phase in store.journal("banner")] == [(0.5, 0.5), (0.9, 0.1)]

    run(scenario())


def test_definitions_that_cannot_be_compiled_at_all_leave_the_last_good_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect of Kabin's own compiler is a problem to be read about, not the end of all experiments."""

    async def scenario() -> None:
        store = FaultyStore()
        await store.put(features={"kabin-homepage": HOMEPAGE})
        async with started(watch_of(tmp_path, store)) as watch:
            monkeypatch.setattr("service.experiments.in_use.reconcile", _defective)
            await store.put(features={"banner": BANNER})
            await until(lambda: watch.status().problems != ())
            assert "RuntimeError: a defect" in watch.status().problems[0]
            assert list(running(watch)) == ["promo-page"]

    run(scenario())


def _defective(*_arguments: Any) -> None:
    raise RuntimeError("a defect")


def test_a_defect_of_the_store_does_not_end_the_watch(tmp_path: Path) -> None:
    """A watch that ended would keep old experiments for days, unnoticed."""

    class DefectiveStore(FaultyStore):
        is_defective = True

        async def version(self) -> int:
            if self.is_defective:
                raise RuntimeError("a defect")
            return await super().version()

    async def scenario() -> None:
        store = DefectiveStore()
        await store.put(features={"kabin-homepage": HOMEPAGE})
        async with started(watch_of(tmp_path, store)) as watch:
            assert running(watch) == {}
            store.is_defective = False
            await until(lambda: running(watch) == {"promo-page": (0.5, 0.5)})

    run(scenario())


def test_only_so_many_problems_are_told_at_once(tmp_path: Path) -> None:
    """A payload that is broken everywhere must not make an answer of megabytes."""

    async def scenario() -> None:
        store = FaultyStore()
        await store.put(features={f"banner-{number}": BROKEN for number in range(50)})
        async with started(watch_of(tmp_path, store)) as watch:
            problems = watch.status().problems
            assert len(problems) == 21
            assert problems[-1] == "and 30 more"

    run(scenario())


def test_no_name_in_a_definition_forges_a_line_of_the_log(
    tmp_path: Path, endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever defines experiments does not write the log, nor fill it."""
    broken = feature("a", "b", weights=(0.5, 0.6), key="x\n2026 ERROR forged" + "y" * 5000)
    endpoint.answer = serves({"features": {"banner": broken}})

    async def scenario() -> None:
        async with started(watch_of(tmp_path, FaultyStore(), growthbook(tmp_path, endpoint.url))) as watch:
            await until(lambda: watch.status().problems != ())
            assert watch.status().problems[0].startswith("x\ufffd2026 ERROR forged")
            assert len(watch.status().problems[0]) == 1001

    run(scenario())
    assert all("\n" not in each.getMessage() for each in caplog.records)
