"""Starts the HTTP server: one process, or workers that share one listening socket."""

import asyncio
import functools
import logging
import resource
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE

from service.serving.connections import KEEP_ALIVE_SECONDS, Connection
from service.serving.http_server import Server
from service.serving.workers import METRICS_FOLDER, Workers
from service.settings import Settings, SettingsError, check_servable
from service.stores.connection import StoreUnavailable, check_server, connected
from service.stores.keys import Keyspace

WORKER_HEALTHCHECK_SECONDS: Final = 60

LOGGING: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    # It would tell the address of GrowthBook's endpoint, client key and all, at every look.
    "loggers": {"httpx": {"level": "WARNING"}},
}
"""Logs of every process go to standard error, a line each; there is no access log."""

_OTHER_FILES: Final = 512
"""Open files beside the clients' connections: Redis', the model's, the metrics'."""
_CHECK_SECONDS: Final = 5.0
_BACKLOG: Final = 2048
_SEND_BUFFER_BYTES: Final = 256 * 1024
"""Of one connection: the largest answer, the API's description, and some more."""
_log = logging.getLogger(__name__)

Build = Callable[[Settings], ASGIApp]


class ServerFailed(Exception):  # noqa: N818 - what happened
    """The service could not start, or its workers could not; the log has the details."""


def serve(settings: Settings, build: Build) -> None:
    """Serve until SIGINT or SIGTERM.

    Then requests are still taken for ``shutdown_grace_seconds``, while ``/readyz`` tells load balancers, and those
    running get ``shutdown_timeout_seconds`` to finish. A second signal ends everything at once.

    Args:
        settings: of this service, with a ``redis_url``.
        build: makes the application, in each worker anew; picklable, so a module-level function.

    Raises:
        SettingsError: the settings are unsafe, or the address is taken.
        StoreMisconfigured: Redis must not be used as it is.
        ServerFailed: the application did not come up.
    """
    check_servable(settings)
    asyncio.run(_check_redis(settings))
    settings = _with_files_for(settings)
    with _listening(settings) as listener:
        _log.info("Kabin answers on http://%s", _authority(listener))
        if settings.workers == 1:
            _serve_here(settings, build, listener)
        else:
            _serve_in_workers(settings, build, listener)
        _log.info("Kabin has stopped")


async def _check_redis(settings: Settings) -> None:
    """Find out before any worker starts what would stop all of them; a Redis that is down stops none."""
    if settings.redis_url is None:
        raise SettingsError("KABIN_REDIS_URL is not set, and no embedded Valkey was started")
    url = settings.redis_url.get_secret_value()
    try:
        async with connected(url, timeout_seconds=_CHECK_SECONDS) as client:
            await check_server(
                client, Keyspace(settings.redis_prefix), allow_eviction=settings.allow_eviction
            )
    except StoreUnavailable as error:
        _log.warning("starting without Redis: %s", error)


def _with_files_for(settings: Settings) -> Settings:
    """Allow this process, and the workers it starts, the open files that its connections need, or fewer connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.max_connections + _OTHER_FILES
    files = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    if files == wanted:
        return settings
    most = max(files - _OTHER_FILES, 16)
    _log.warning(
        "a process may open %d files here (ulimit -Hn), so each worker keeps %d connections, not KABIN_MAX_CONNECTIONS=%d",
        hard,
        most,
        settings.max_connections,
    )
    return settings.model_copy(update={"max_connections": most})


def _serve_here(settings: Settings, build: Build, listener: socket.socket) -> None:
    try:
        with _outliving_signals():
            Server(_config(settings, build)).run(sockets=[listener])
    except SystemExit:
        raise ServerFailed("the service could not start; the log above says why") from None


def _serve_in_workers(settings: Settings, build: Build, listener: socket.socket) -> None:
    # What would fail in every worker fails here, once; a worker that dies of it would be started again for ever.
    build(settings)
    supervisor = Workers(_config(settings, build), listener, settings.data_dir / METRICS_FOLDER)
    supervisor.run()
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise ServerFailed("a worker could not start; the log above says why")


@contextmanager
def _outliving_signals() -> Iterator[None]:
    """Let the caller clean up after a signal: uvicorn raises it again once it has drained."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, _ignore) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _ignore(_number: int, _frame: object) -> None:
    """Do nothing: the server has drained already."""


def _config(settings: Settings, build: Build) -> uvicorn.Config:
    return uvicorn.Config(
        functools.partial(build, settings),
        factory=True,
        workers=settings.workers,
        loop="uvloop",
        http=Connection,
        ws="none",
        lifespan="on",
        log_config=LOGGING,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.shutdown_timeout_seconds,
        # uvicorn's 5 s kill a worker that is only slow to start, such as beside a nightly training on the same cores.
        timeout_worker_healthcheck=WORKER_HEALTHCHECK_SECONDS,
    )


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingsError(f"cannot listen on {settings.host} port {settings.port}: {reason}") from error
    with listener:
        listener.set_inheritable(True)
        # Inherited by every connection: the system would buffer 4 MB for each client that does not read.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        yield listener


def _authority(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
