"""Metrics of several workers in one answer."""

import os
import subprocess
import sys
from pathlib import Path

from service.metrics.folder import forget_process, multiprocess_dir, prepare_multiprocess
from service.metrics.metrics import Metrics

WORKER = """
import os, sys
from pathlib import Path
from service.metrics.metrics import Metrics
from service.metrics.folder import multiprocess_dir
metrics = Metrics(multiprocess_dir())
metrics.events(accepted=int(sys.argv[1]))
metrics.state.catalog(int(sys.argv[1]), 5.0, 7)
metrics.state.model("v1", 3.0)
metrics.flush()
print(os.getpid())
if "served" in sys.argv:
    for seconds in (0.0015, 0.5):
        metrics.request("/personalize", "POST", 200, seconds)
    metrics.page("hint", "promo", ["als", "als", "als", "popular"])
    metrics.flush()
if "show" in sys.argv:
    print(metrics.exposition("")[0].decode())
"""


def worker(folder: Path, *arguments: str) -> list[str]:
    """Run a worker that counts some events and sets its gauges; return what it prints."""
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder)}
    command = [sys.executable, "-c", WORKER, *arguments]
    return subprocess.run(  # noqa: S603 - this very interpreter
        command, env=environment, check=True, capture_output=True, text=True
    ).stdout.splitlines()


def test_workers_count_together_and_the_worst_gauge_shows(tmp_path: Path) -> None:
    """Counters add up, also those of workers that have ended; gauges are the live workers'."""
    folder = tmp_path / "metrics"
    prepare_multiprocess(folder)
    assert multiprocess_dir() == folder
    del os.environ["PROMETHEUS_MULTIPROC_DIR"]
    first = worker(folder, "3")
    answer = worker(folder, "5", "show")
    assert 'kabin_events_total{outcome="accepted"} 8.0' in answer
    assert "kabin_catalog_version 3.0" in answer
    forget_process(int(first[0]), folder)
    assert "kabin_catalog_version 4.0" in worker(folder, "4", "show")


def test_files_of_former_processes_are_wiped(tmp_path: Path) -> None:
    """Left alone they would be counted again after every restart."""
    folder = tmp_path / "metrics"
    folder.mkdir()
    (folder / "counter_1.db").write_bytes(b"old")
    prepare_multiprocess(folder)
    del os.environ["PROMETHEUS_MULTIPROC_DIR"]
    assert list(folder.iterdir()) == []


def test_a_single_process_reports_itself() -> None:
    """Memory and CPU of the process come with it."""
    body, content_type = Metrics().exposition("")
    assert b"process_resident_memory_bytes" in body
    assert content_type.startswith("text/plain")


def test_a_model_that_was_replaced_is_no_longer_in_use() -> None:
    """One version has the value 1."""
    metrics = Metrics()
    metrics.state.model("a", 1.0)
    metrics.state.model("b", 2.0)
    body = metrics.exposition("")[0].decode()
    assert 'kabin_model_info{version="a"} 0.0' in body
    assert 'kabin_model_info{version="b"} 1.0' in body
    assert "kabin_model_created_timestamp_seconds 2.0" in body


def test_what_happens_with_requests_shows_to_other_workers_once_it_is_flushed(tmp_path: Path) -> None:
    """A worker's own answer has everything up to this moment; others see what was flushed, once a second."""
    folder = tmp_path / "metrics"
    prepare_multiprocess(folder)
    del os.environ["PROMETHEUS_MULTIPROC_DIR"]
    worker(folder, "3", "served")
    shown = "\n".join(worker(folder, "5", "show"))
    count = 'kabin_http_request_duration_seconds_count{method="POST",route="/personalize",status="200"}'
    assert f"{count} 2.0" in shown
    assert 'kabin_recommendations_total{source="als"} 3.0' in shown
    assert 'kabin_decisions_total{decision="size",outcome="hint"} 1.0' in shown
    assert 'kabin_decisions_total{decision="homepage",outcome="promo"} 1.0' in shown
    assert 'le="0.002"' in shown


def test_only_so_many_experiments_have_a_count_of_their_own() -> None:
    """A server may name anything an experiment; the rest is counted together."""
    metrics = Metrics()
    for number in range(300):
        metrics.exposure(f"e{number}")
        metrics.exposure("e1")
    body = metrics.exposition("")[0].decode()
    assert 'kabin_exposures_total{experiment="e1"} 301.0' in body
    assert 'kabin_exposures_total{experiment="other"} 100.0' in body
