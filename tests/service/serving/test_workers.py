"""How the parent learns that a worker lives, has died, or has hung."""

import os
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import uvicorn

from service.serving.http_server import WorkerServer
from service.serving.workers import Worker

PATIENT_SECONDS = 60.0


@pytest.fixture
def worker() -> Iterator[tuple[Worker, int]]:
    """A worker that was not started, and the end of a pipe whose closing is its death."""
    worker = Worker(uvicorn.Config("nowhere:app"), [])
    sentinel, life = os.pipe()
    worker.process = SimpleNamespace(sentinel=sentinel)  # type: ignore[assignment]
    yield worker, life
    os.close(sentinel)
    worker.parent_conn.close()
    worker.child_conn.close()


@pytest.mark.parametrize("has_started", [True, False])
def test_an_answer_tells_whether_it_has_started(worker: tuple[Worker, int], has_started: bool) -> None:
    """Both are signs of life."""
    one, life = worker
    one.child_conn.send(has_started)
    assert one.is_ready(PATIENT_SECONDS) is has_started
    one.child_conn.send(has_started)
    assert one.ping(PATIENT_SECONDS)
    os.close(life)


def test_a_death_is_noticed_without_waiting_for_an_answer(worker: tuple[Worker, int]) -> None:
    """However much time there is: visitors wait for the next worker."""
    one, life = worker
    os.close(life)
    assert not one.ping(86_400)


def test_silence_is_a_death_in_the_end(worker: tuple[Worker, int]) -> None:
    """A worker that hangs is replaced."""
    one, life = worker
    assert not one.ping(0.01)
    os.close(life)


def test_a_signal_is_not_kept_waiting(worker: tuple[Worker, int]) -> None:
    """While a worker is silent the parent can still be told to end; the worker is judged later."""
    one, life = worker
    one.signals = [15]
    assert one.ping(86_400)
    os.close(life)


def test_a_worker_has_our_server(worker: tuple[Worker, int]) -> None:
    """Which ends in steps; it is made once."""
    one, life = worker
    assert isinstance(one.server, WorkerServer)
    assert one.server is one.server
    os.close(life)
