"""What happens to a service while it is asked: models, catalogs and experiments change, and its Redis restarts."""

import itertools
import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

import httpx

from tests.benchmarks.hot_path.shop import SERVER_KEY, ReferenceShop
from tests.benchmarks.published_models import base_models, swap
from tests.catalog_rows import feed_of, line
from tests.redis_servers import RedisProcess

_AUTHORIZATION: Final = {"authorization": f"Bearer {SERVER_KEY}"}
_CALL_SECONDS: Final = 30.0
_IDLE_CONNECTIONS: Final = 200
_PATCHED_ROWS: Final = 50
_AWAY_SECONDS: Final = 1.0
_ENDS_SECONDS: Final = 120.0


class Disturbances:
    """Everything that changes under a running service, one thing after the other.

    Args:
        url: of the service.
        shop: that it serves.
        models_dir: where it looks for models.
        redis: that it keeps its visitors in.

    Attributes:
        done: how often each has happened.
        failed: how often each call of the shop's server was refused or not answered, which a restart may cause.
    """

    def __init__(self, url: str, shop: ReferenceShop, models_dir: Path, redis: RedisProcess) -> None:
        self._url = url
        self._shop = shop
        self._models_dir = models_dir
        self._redis = redis
        self._bases = base_models(models_dir.parent / "bases", shop.items)
        self._number = itertools.count()
        self._dice = random.Random(shop.seed)
        self.done: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()

    @property
    def kinds(self) -> tuple[Callable[[], None], ...]:
        """What happens in one round."""
        return (
            self.swap_model,
            self.patch_catalog,
            self.edit_experiments,
            self.erase_visitor,
            self.open_idle_connections,
            self.swap_model,
            self.replace_catalog,
            self.patch_catalog,
            self.restart_redis,
        )

    def swap_model(self) -> None:
        """Publish a model, or roll back."""
        swap(self._models_dir, self._bases, next(self._number))

    def patch_catalog(self) -> None:
        """Change prices, sizes and stock of some items, one of which is new."""
        rows = [
            line(f"{item}-38", item, price=f"{self._dice.randint(10, 99)}.00 EUR", availability=stock)
            for item in (
                self._shop.item_id(self._dice.randrange(self._shop.items)) for _ in range(_PATCHED_ROWS)
            )
            for stock in ("in_stock", "out_of_stock")
        ]
        rows.append(line(f"new-{next(self._number)}", None))
        self._call("PATCH", "/catalog", content=feed_of(*rows).getvalue())

    def replace_catalog(self) -> None:
        """Send the whole feed again."""
        self._call("PUT", "/catalog?force=1", content=b"".join(self._shop.feed()))

    def edit_experiments(self) -> None:
        """Define an experiment, change it, switch a decision off and on, and remove the experiment."""
        name = f"soak-{next(self._number)}"
        self._call("PUT", f"/experiments/{name}", json={"feature": name, "variations": ["a", "b"]})
        self._call("PATCH", f"/experiments/{name}", json={"weights": [0.3, 0.7]})
        self._call("PATCH", "/switches", json={"size": False})
        self._call("PATCH", "/switches", json={"size": True})
        self._call("DELETE", f"/experiments/{name}")

    def erase_visitor(self) -> None:
        """Erase a visitor."""
        visitor_id = self._shop.visitor_id(self._dice.randrange(self._shop.visitors))
        self._call("DELETE", f"/visitors/{visitor_id}")

    def open_idle_connections(self) -> None:
        """Open connections, send half a request on each, and go away."""
        port = httpx.URL(self._url).port or 80
        with ExitStack() as stack, suppress(OSError):
            for _ in range(_IDLE_CONNECTIONS):
                connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), _CALL_SECONDS))
                connection.sendall(b"POST /personalize HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{")

    def restart_redis(self) -> None:
        """Kill Redis, and let it come back with its data a second later."""
        self._redis.signal(signal.SIGKILL)
        time.sleep(_AWAY_SECONDS)
        self._redis.start()

    def _call(self, method: str, path: str, **options: object) -> None:
        try:
            answer = httpx.request(
                method,
                self._url + path,
                headers=_AUTHORIZATION,
                timeout=_CALL_SECONDS,
                **options,  # type: ignore[arg-type]
            )
        except httpx.HTTPError:
            self.failed[method + " " + path.split("/")[1]] += 1
        else:
            self.failed[method + " " + path.split("/")[1]] += answer.status_code >= 500

    @contextmanager
    def going_on(self, every_seconds: float) -> Iterator[None]:
        """Let one thing after the other happen until the block ends."""
        is_over = threading.Event()
        problems: list[BaseException] = []

        def disturb() -> None:
            for kind in itertools.cycle(self.kinds):
                if is_over.wait(every_seconds):
                    return
                try:
                    kind()
                except Exception as error:  # noqa: BLE001 - told when the block ends
                    problems.append(error)
                    return
                self.done[kind.__name__] += 1

        thread = threading.Thread(target=disturb, daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join(_ENDS_SECONDS)
        if problems:
            raise problems[0]
