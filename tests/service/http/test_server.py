"""The real service as a process: workers, signals, models published under it, Redis going away."""

import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest

from recommender.model import ModelContent, publish, write_model
from recommender.recommendations.neighbours import Neighbours
from service.stores.embedded import EmbeddedValkey

pytestmark = pytest.mark.slow

Start = Callable[..., Any]
CARTS = [
    {"name": "add_to_cart", "event_id": f"e{number}", "params": {"items": [{"item_id": f"d{number}-10"}]}}
    for number in (1, 2, 3)
]


def content(best: int) -> ModelContent:
    """Return a model of the small shop in which ``d<best>`` goes with everything."""
    items = np.full((12, 1), best, dtype=np.int32)
    items[best] = -1
    scores = np.ones((12, 1), dtype=np.float32)
    scores[best] = 0
    return ModelContent(
        item_ids=[f"d{number}" for number in range(12)],
        neighbours={"covisit": Neighbours(items, scores)},
        popular=np.arange(12, dtype=np.int32),
    )


def similar(server: Any, item: str) -> list[str]:
    """Return the ids of the items that go with an item."""
    answer = httpx.get(f"{server.url}/items/{item}/similar?limit=2").json()
    return [one["item_id"] for one in answer["recommendations"]]


def is_best(server: Any, best: int) -> bool:
    """Tell whether ``d<best>`` goes with d1 best."""
    return similar(server, "d1")[0] == f"d{best}"


def eventually(condition: Callable[[], bool], *, seconds: float = 60.0) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_published_model_is_picked_up_without_failing_a_request(
    start_server: Start, tmp_path: Path
) -> None:
    """Within two seconds; a damaged one leaves the last good one in use and shows in readiness and metrics."""
    server = start_server(tmp_path, model_poll_interval_ms=500)
    server.put_feed()
    models = tmp_path / "models"
    assert httpx.get(f"{server.url}/readyz").json()["model"]["version"] is None
    for place, best in enumerate((5, 7)):
        version = write_model(models, content(best), created_at=1e9 + place)
        publish(models, version)
        eventually(partial(is_best, server, best))
        assert httpx.get(f"{server.url}/readyz").json()["model"]["version"] == version
    broken = write_model(models, content(9), created_at=1e9 + 2)
    array = models / broken / "covisit_items.npy"
    array.write_bytes(array.read_bytes()[:-1] + b"\x01")
    publish(models, broken)
    eventually(lambda: httpx.get(f"{server.url}/readyz").json()["status"] == "degraded")
    ready = httpx.get(f"{server.url}/readyz").json()
    assert ready["model"]["version"] == version
    assert "damaged" in ready["model"]["detail"]
    assert similar(server, "d1")[0] == "d7"
    assert "kabin_model_load_failures_total 1.0" in httpx.get(f"{server.url}/metrics").text


def test_two_workers_share_one_port_one_catalog_and_one_set_of_metrics(
    start_server: Start, tmp_path: Path
) -> None:
    """A change shows in both; a killed worker is replaced; SIGTERM ends all, the embedded server too."""
    server = start_server(tmp_path, workers=2)
    server.put_feed()
    family = psutil.Process(server.process.pid).children(recursive=True)

    def items_seen() -> set[int]:
        return {httpx.get(f"{server.url}/readyz").json()["catalog"]["items"] for _ in range(20)}

    eventually(lambda: items_seen() == {12})
    deleted = httpx.delete(f"{server.url}/items/d1", headers=server.trusted)
    assert deleted.json() == {"removed": 3, "version": 2}
    eventually(lambda: items_seen() == {11}, seconds=5)
    count = 'kabin_http_request_duration_seconds_count{method="DELETE",route="/items/{id}",status="200"} 1.0'
    assert all(count in httpx.get(f"{server.url}/metrics").text for _ in range(10))
    workers = [child for child in family if "spawn_main" in " ".join(child.cmdline())]
    assert len(workers) == 2
    workers[0].kill()
    eventually(lambda: not workers[0].is_running() and items_seen() == {11})
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) == 0
    family += workers
    gone, alive = psutil.wait_procs(family, timeout=60)
    assert not alive, gone


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_service_and_its_embedded_server(
    start_server: Start, tmp_path: Path, number: int
) -> None:
    """Exit code 0, nothing left behind, and everything is there again after a restart."""
    server = start_server(tmp_path)
    server.put_feed()
    body = {"events": CARTS, "page": {"type": "product", "item_id": "d5"}}
    token = httpx.post(f"{server.url}/personalize", json=body).json()["visitor_id"]
    family = psutil.Process(server.process.pid).children(recursive=True)
    server.process.send_signal(number)
    assert server.process.wait(60) == 0
    assert not psutil.wait_procs(family, timeout=60)[1]
    again = start_server(tmp_path)
    body = {"visitor_id": token, "page": {"type": "product", "item_id": "d5"}}
    assert httpx.post(f"{again.url}/personalize", json=body).json()["size"]["action"] == "preselect"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_service_that_is_told_to_stop_says_so_and_still_answers(
    start_server: Start, tmp_path: Path, workers: int
) -> None:
    """/readyz first; each answer closes its connection; a second signal ends it at once."""
    server = start_server(tmp_path, workers=workers, shutdown_grace_seconds=600)
    with httpx.Client(base_url=server.url) as client:
        assert "connection" not in client.get("/readyz").headers
        server.process.send_signal(signal.SIGTERM)
        eventually(lambda: client.get("/readyz").json()["status"] == "stopping")
        for _ in range(5):
            answer = client.post("/events", json={"events": CARTS})
            assert (answer.status_code, answer.headers["connection"]) == (202, "close")
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) == 0


def test_the_service_outlives_its_redis(start_server: Start, tmp_path: Path) -> None:
    """Degraded answers while Redis is away, ordinary ones when it is back; no start-up is needed for that."""
    redis = EmbeddedValkey(tmp_path / "redis")
    with redis:
        server = start_server(tmp_path, redis_url=redis.url)
        server.put_feed()
        question = {"page": {"type": "product", "item_id": "d5"}, "events": CARTS}
        answer = httpx.post(f"{server.url}/personalize", json=question).json()
        assert not answer["degraded"]
    token = answer["visitor_id"]
    answer = httpx.post(f"{server.url}/personalize", json=question | {"visitor_id": token})
    assert answer.status_code == 200
    assert (answer.json()["degraded"], answer.json()["events"]["retry"]) == (True, True)
    assert answer.json()["size"]["action"] == "preselect"
    refused = httpx.post(f"{server.url}/events", json={"events": CARTS})
    assert (refused.status_code, "retry-after" in refused.headers) == (503, True)
    assert httpx.get(f"{server.url}/readyz").json()["status"] == "degraded"
    with redis:
        eventually(lambda: httpx.get(f"{server.url}/readyz").json()["status"] == "ready")
        answer = httpx.post(f"{server.url}/personalize", json=question | {"visitor_id": token}).json()
        assert (answer["degraded"], answer["events"]["duplicate"]) == (False, 3)


def test_the_service_starts_without_its_redis(start_server: Start, tmp_path: Path) -> None:
    """It answers pages at once, and connects as soon as there is something to connect to."""
    redis = EmbeddedValkey(tmp_path / "redis")
    server = start_server(tmp_path, redis_url=redis.url, wait_for="degraded")
    answer = httpx.post(f"{server.url}/personalize", json={"page": {"type": "home"}}).json()
    assert (answer["degraded"], answer["recommendations"]) == (True, [])
    with redis:
        eventually(lambda: httpx.get(f"{server.url}/readyz").json()["status"] == "ready")
        server.put_feed()
        answer = httpx.post(f"{server.url}/personalize", json={"page": {"type": "home"}}).json()
        assert not answer["degraded"]
        assert answer["recommendations"]


def test_a_feed_is_put_patched_and_refused_over_http(start_server: Start, tmp_path: Path) -> None:
    """Bad rows are reported, the rest is kept; a feed cut short changes nothing unless forced."""
    server = start_server(tmp_path)
    server.put_feed()
    catalog = f"{server.url}/catalog"
    headers = server.trusted | {"content-type": "application/x-ndjson"}
    patch = '{"id": "d1-8", "availability": "out_of_stock"}\n{"id": "d2-8", "price": "-5 EUR"}\n'
    answer = httpx.patch(catalog, content=patch, headers=headers).json()
    assert (answer["accepted"], answer["rejected_count"], answer["skus"]) == (1, 1, 36)
    assert answer["rejected"][0]["line"] == 2
    short = '{"id": "x", "title": "X", "link": "https://shop.example/x", "price": "1.00 EUR", "availability": "in_stock"}'
    for body in ("", short, "<feed/>", "[]", '{"id": "x"}'):
        refused = httpx.put(catalog, content=body, headers=headers)
        assert (refused.status_code, refused.headers["content-type"]) == (409, "application/problem+json")
    assert httpx.get(f"{server.url}/readyz").json()["catalog"]["items"] == 12
    assert httpx.put(f"{catalog}?force=yes", content=short, headers=headers).status_code == 422
    assert httpx.put(f"{catalog}?force=1", content=short, headers=headers).json()["skus"] == 1
    assert httpx.get(f"{server.url}/readyz").json()["catalog"]["items"] == 1


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"host": "0.0.0.0", "server_key": ""}, "KABIN_SERVER_KEY"),  # noqa: S104 - what is refused
        ({"departments_file": "/nowhere.toml"}, "KABIN_DEPARTMENTS_FILE"),
        ({"departments_file": "/nowhere.toml", "workers": "2"}, "KABIN_DEPARTMENTS_FILE"),
        ({"port": "70000"}, "KABIN_PORT"),
    ],
)
def test_a_service_that_cannot_start_says_why_in_one_line(
    run_server: Callable[..., tuple[int, str]], tmp_path: Path, variables: dict[str, str], reason: str
) -> None:
    """Exit code 1, the reason, no traceback."""
    code, log = run_server(tmp_path, **variables)
    assert code == 1
    assert reason in log
    assert "Traceback" not in log
