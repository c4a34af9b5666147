"""What faults happen to: a real Redis, the network to it, and the real service, furnished with a shop."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from redis import Redis

from tests.faults.redis_proxy import RedisProxy
from tests.faults.service_process import ServiceProcess
from tests.faults.shifted_clock import ShiftedClock
from tests.faults.shop import Visitor, feed, history, visitors
from tests.redis_servers import RedisProcess, eventually

SETTINGS: Final = {
    # So that a trickling body is given up within a row of seconds.
    "KABIN_BODY_TIMEOUT_SECONDS": "1",
    # Every caller is on this machine; their number is what the row says.
    "KABIN_VISITOR_RATE_PER_SECOND": "0",
}


@dataclass
class Scene:
    """One Redis, one network, one service; every row of the table may leave them as it found them only.

    Attributes:
        folder: for all files.
        redis: reached by the harness directly.
        network: between the service and it.
        clock: of the service's processes.
        workers: of each instance of the service.
        visitors: known to it.
        service: the instance that is asked.
        standby: one that will be.
    """

    folder: Path
    redis: RedisProcess
    network: RedisProxy
    clock: ShiftedClock
    workers: int
    visitors: list[Visitor] = field(default_factory=visitors)
    service: ServiceProcess = field(init=False)
    standby: ServiceProcess | None = None

    def __post_init__(self) -> None:
        self.service = self.instance("first")

    @property
    def archive_folder(self) -> Path:
        """Where every instance of the service archives to."""
        return self.folder / "archive"

    def target(self) -> int:
        """Return the port that a load balancer would send the next request to."""
        return self.service.port

    def instance(self, name: str) -> ServiceProcess:
        """Return an instance of the service, not started yet, with files of its own and the archive of all."""
        return ServiceProcess(
            self.folder / name,
            self.network.url,
            workers=self.workers,
            settings={**SETTINGS, "KABIN_ARCHIVE_URL": str(self.archive_folder)},
            python_path=self.clock.python_path,
        )

    def redis_client(self) -> "Redis":
        """Return a client that does not go through the network; close it."""
        return Redis(port=self.redis.port, socket_timeout=5)

    def furnish(self) -> None:
        """Give the service its catalog, and its visitors their history."""
        status, _ = self.service.ask("PUT", "/catalog", feed())
        if status != 200:
            raise RuntimeError(f"the catalog was not taken: {status}")
        eventually(self.service.is_furnished, "a worker has no catalog")
        for visitor in self.visitors:
            body = json.dumps({"visitor_id": visitor.visitor_id, "events": history(visitor)}).encode()
            status, _ = self.service.ask("POST", "/events", body)
            if status != 202:
                raise RuntimeError(f"a history was not taken: {status}")

    def end(self) -> None:
        """End the instances."""
        # An archiver that waits on a half-open connection would have to be killed after 10 s.
        self.network.break_all()
        for instance in (self.service, self.standby):
            if instance is not None:
                instance.end()


@contextmanager
def scene(folder: Path, *, workers: int = 2) -> Iterator[Scene]:
    """Set up a scene; everything ends with the block."""
    redis = RedisProcess(folder / "redis")
    redis.start()
    clock = ShiftedClock(folder / "clock")
    network = RedisProxy(redis.port)
    try:
        with network.running():
            made = Scene(folder, redis, network, clock, workers=workers)
            made.service.start()
            try:
                made.furnish()
                yield made
            finally:
                made.end()
    finally:
        redis.end()
