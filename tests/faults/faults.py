"""What goes wrong: with Redis, with the network to it, with the service, and with its clients."""

import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Final

from tests.faults.found import archived, event_ids_of, log_entries
from tests.faults.redis_proxy import Weather
from tests.faults.scene import Scene
from tests.faults.shop import feed
from tests.faults.slow_clients import SlowClients
from tests.faults.staging import Fault, Stage
from tests.redis_servers import eventually

CONNECTIONS: Final = 1000
_SCRIPT_FLUSHES_APART_SECONDS: Final = 0.05
_PATIENCE_WITH_TRICKLES_SECONDS: Final = 8.0
"""The setting of the scene is 1 s, looked at once a second, by workers that are busy."""
_READY_LOOKS_APART_SECONDS: Final = 0.05
_SHIFTS_SECONDS: Final = (3600.0, -3600.0, 3 * 86_400.0)


def _redis_is_killed(stage: Stage, seconds: float) -> None:
    stage.scene.redis.signal(signal.SIGKILL)
    time.sleep(seconds)
    stage.scene.redis.start()


def _redis_is_frozen(stage: Stage, seconds: float) -> None:
    stage.scene.redis.signal(signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        stage.scene.redis.signal(signal.SIGCONT)


def _redis_restarts(stage: Stage, seconds: float) -> None:
    stage.scene.redis.signal(signal.SIGTERM)
    time.sleep(seconds)
    stage.scene.redis.start()


def _redis_loses_its_data(stage: Stage, seconds: float) -> None:
    """Remove the append-only file; then do as the README says: the catalog again, and `kabin rebuild`."""
    scene, traffic = stage.scene, stage.traffic
    scene.redis.signal(signal.SIGKILL)
    lost_at = time.monotonic()
    traffic.forgotten = (lost_at, inf)
    time.sleep(seconds)  # Answers that were on their way arrive.
    kept = event_ids_of(archived(scene.archive_folder))
    traffic.excused = frozenset(traffic.acknowledged.keys() - kept)
    stage.notes.append(
        f"{len(traffic.acknowledged):,} events were acknowledged before, {len(traffic.excused):,} of them not archived yet"
    )
    scene.redis.forget()
    scene.redis.start()
    time.sleep(seconds)
    eventually(lambda: "kabin rebuild" in _redis_detail(scene), "/readyz does not tell of the loss")
    eventually(lambda: scene.service.metric("kabin_events_lost_total") > 0, "the loss is not counted")
    counted = scene.service.metric("kabin_events_lost_total")
    stage.notes.append(f"/readyz told of the loss, kabin_events_lost_total said {counted:,.0f} at most")
    scene.service.ask("PUT", "/catalog", feed())
    stage.notes.append(scene.service.run("rebuild", redis_url=scene.redis.url).strip())
    traffic.forgotten = (lost_at, time.monotonic())
    eventually(lambda: not _redis_detail(scene), "/readyz still tells of the loss")
    if counted < len(traffic.excused):
        stage.complaints.append(
            f"{len(traffic.excused):,} acknowledged events were lost, only {counted:,.0f} are counted"
        )


def _redis_detail(scene: Scene) -> str:
    """Return what one of the workers says is the matter with Redis."""
    return str(scene.service.ask("GET", "/readyz")[1]["redis"]["detail"] or "")


def _redis_is_full(stage: Stage, seconds: float) -> None:
    with stage.scene.redis_client() as client:
        client.config_set("maxmemory", str(client.info("memory")["used_memory"]))
        try:
            time.sleep(seconds)
        finally:
            client.config_set("maxmemory", "0")


def _redis_is_a_replica(stage: Stage, seconds: float) -> None:
    """Make it a replica of nobody who answers: it serves what it has and takes no writes."""
    with stage.scene.redis_client() as client:
        client.replicaof("127.0.0.1", "1")
        try:
            time.sleep(seconds)
        finally:
            client.replicaof("NO", "ONE")


def _redis_forgets_scripts(stage: Stage, seconds: float) -> None:
    end = time.monotonic() + seconds
    with stage.scene.redis_client() as client:
        while time.monotonic() < end:
            client.script_flush()
            time.sleep(_SCRIPT_FLUSHES_APART_SECONDS)


def _network(weather: Weather) -> Callable[[Stage, float], None]:
    def act(stage: Stage, seconds: float) -> None:
        stage.scene.network.weather = weather
        try:
            time.sleep(seconds)
        finally:
            stage.scene.network.weather = "fine"

    return act


def _a_thousand_ask_at_once(stage: Stage, seconds: float) -> None:
    """Let so many ask at the same moment, each on a connection of its own, once a second; the connections stay open."""
    with _descriptors(4 * CONNECTIONS):
        for _ in range(max(1, int(seconds))):
            began = time.monotonic()
            burst = stage.callers.ask_at_once(CONNECTIONS)
            eventually(
                lambda burst=burst: all(asked.is_settled for asked in burst),  # type: ignore[misc]
                "not all of them were answered",
            )
            time.sleep(max(0.0, began + 1.0 - time.monotonic()))


def _clients_are_slow(stage: Stage, seconds: float) -> None:
    """Let as many clients trickle heads, trickle bodies, and read no answers, as there are connections."""
    with _descriptors(4 * CONNECTIONS), SlowClients(stage.scene.target(), CONNECTIONS).connected() as clients:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            clients.trickle()
            time.sleep(0.1)
        trickling, unread = clients.still_trickling, clients.still_unread
    stage.notes.append(
        f"after {seconds:g} s {trickling} trickling connections were open and {unread} unread ones, of {CONNECTIONS:,}"
    )
    if trickling and seconds >= _PATIENCE_WITH_TRICKLES_SECONDS:
        stage.complaints.append(f"{trickling} trickling connections are still open")


def _a_worker_is_killed(stage: Stage, seconds: float) -> None:
    """Kill one of the workers again and again, each time when both answer."""
    service, end, kills = stage.scene.service, time.monotonic() + seconds, 0
    while kills == 0 or time.monotonic() < end:
        started = service.workers_started
        service.kill_worker(service.worker_pids[0])
        kills += 1
        eventually(
            lambda started=started: service.workers_started > started,  # type: ignore[misc]
            "the worker was not replaced",
        )
    stage.notes.append(f"{kills} kills")


def _start_another(scene: Scene) -> None:
    scene.standby = scene.instance("second")
    scene.standby.start()
    eventually(scene.standby.is_furnished, "the second instance does not answer")


def _archive_all(scene: Scene) -> None:
    """Wait until what was sent so far is archived."""
    eventually(lambda: not log_entries(scene.redis.url), "the archiver does not archive")


def _the_service_is_replaced(stage: Stage, _seconds: float) -> None:
    """Do what a rolling deployment does: SIGTERM to the one, and requests to the other once the first is not ready."""
    scene = stage.scene
    former, latter = scene.service, scene.standby
    if latter is None:
        raise ValueError("there is no other instance")
    former.terminate()
    while former.is_ready():
        time.sleep(_READY_LOOKS_APART_SECONDS)
    scene.service, scene.standby = latter, None
    stage.notes.append(f"the former instance ended {former.wait():.1f} s after /readyz had turned")


def _the_clock_jumps(stage: Stage, seconds: float) -> None:
    try:
        for shift in _SHIFTS_SECONDS:
            stage.scene.clock.shift(shift)
            time.sleep(seconds / len(_SHIFTS_SECONDS))
    finally:
        stage.scene.clock.shift(0.0)


@contextmanager
def _descriptors(number: int) -> Iterator[None]:
    """Allow this process so many open files; the service has been started before and keeps its own limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, number), hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


FAULTS: Final = (
    Fault("killed", "Redis is killed (SIGKILL) and started again", _redis_is_killed),
    Fault("frozen", "Redis is frozen (SIGSTOP)", _redis_is_frozen),
    Fault("restarted", "Redis is restarted with its data", _redis_restarts),
    Fault("full", "`maxmemory` is reached", _redis_is_full),
    Fault("read-only", "Redis becomes a read-only replica", _redis_is_a_replica),
    Fault("noscript", "Redis forgets its scripts, 20 times a second", _redis_forgets_scripts),
    Fault("slow", "Redis answers 200 ms late", _network("slow")),
    Fault("half-open", "the network is silent (half-open TCP)", _network("silent")),
    Fault("reset", "connections are reset in mid-reply", _network("resetting")),
    Fault("nonsense", "Redis answers something else than its protocol", _network("garbling")),
    Fault("connections", "1,000 ask at once, each on their own connection", _a_thousand_ask_at_once),
    Fault("slow-clients", "1,000 slow clients (slow-loris)", _clients_are_slow),
    Fault("clock", "the clock jumps by +1 h, −2 h, +3 days", _the_clock_jumps),
    Fault("worker", "a worker of two is killed (SIGKILL)", _a_worker_is_killed, may_send_again=True),
    Fault("drain", "rolling restart (SIGTERM)", _the_service_is_replaced, prepare=_start_another),
    Fault("lost", "Redis is restarted without its data", _redis_loses_its_data, prepare=_archive_all),
)
