"""The three calls of the demonstration: what they ask, and that a wrong answer does not pass."""

import json
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from service.demo.shop import garment_path, simulate_shop
from service.demo.tour import (
    CHOICES,
    SIZE,
    TourError,
    check_pages,
    plan_tour,
    take_tour,
    wait_until_ready,
)

NOW = 1_763_740_800.0
SHOP = simulate_shop(7)
TOUR = plan_tour(SHOP, "token.of-a-visitor", NOW)


@contextmanager
def answering(answers: list[tuple[int, dict[str, Any]]]) -> Iterator[str]:
    """Serve these answers, one a request, on a free port of this machine."""
    pending = iter(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            status, content = next(pending)
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def serving(pages: dict[str, tuple[str, str]]) -> Iterator[str]:
    """Serve these media types and texts by path, the one of ``*`` for all others, on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            media_type, text = pages.get(self.path, pages["*"])
            self.send_response(200)
            self.send_header("content-type", media_type)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def decision(action: str, size: str | None = None) -> dict[str, Any]:
    """Return the part of an answer that the tour looks at."""
    return {"size": {"action": action, "size": size}, "recommendations": [{"item_id": "K0002"}]}


def test_the_second_call_chooses_other_items_than_the_first_asks_about() -> None:
    """Three distinct shirts, none of them the one looked at, all listed in the size and in stock."""
    items = {item.item_id: item for item in simulate_shop(7)}
    asked = TOUR.question.body["page"]["item_id"]
    chosen = [event["params"]["items"][0]["item_id"] for event in TOUR.deeds.body["events"]]
    assert len({asked, *chosen}) == 1 + CHOICES
    assert TOUR.again.body == TOUR.question.body
    for item_id in (asked, *chosen):
        assert SIZE in items[item_id].garment.sizes
        assert SIZE not in items[item_id].sold_out


def test_a_curl_line_can_be_pasted_into_a_shell() -> None:
    """The line is one command whose body is the call's body, whatever quotes it holds."""
    for call in TOUR.calls:
        line = call.as_curl("http://127.0.0.1:8000")
        assert "\n" not in line
        words = shlex.split(line)
        assert words[:3] == ["curl", "-s", "http://127.0.0.1:8000" + call.path]
        assert json.loads(words[words.index("-d") + 1]) == call.body


def test_the_tour_passes_when_the_size_is_preselected_afterwards() -> None:
    """None before, accepted, preselected after: the three answers come back."""
    good = [(200, decision("none")), (202, {"accepted": 3}), (200, decision("preselect", SIZE))]
    with answering(good) as base_url:
        assert len(take_tour(TOUR, base_url)) == 3


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        (
            [(200, decision("hint", "L")), (202, {"accepted": 3}), (200, decision("preselect", SIZE))],
            "new visitor",
        ),
        ([(200, decision("none")), (202, {"accepted": 2}), (200, decision("preselect", SIZE))], "not taken"),
        ([(200, decision("none")), (202, {"accepted": 3}), (200, decision("none"))], "not preselected"),
        ([(503, {"detail": "no room"})], "answered 503"),
    ],
)
def test_an_answer_that_shows_nothing_fails_the_tour(
    answers: list[tuple[int, dict[str, Any]]], reason: str
) -> None:
    """A demonstration that would not convince exits with an error."""
    with answering(answers) as base_url, pytest.raises(TourError, match=reason):
        take_tour(TOUR, base_url)


def test_a_service_that_does_not_come_up_is_said_so() -> None:
    """Waiting ends at its deadline."""
    with pytest.raises(TourError, match="is not ready"):
        wait_until_ready("http://127.0.0.1:9", timeout_seconds=0.1)


PAGE = (
    "text/html; charset=utf-8",
    '<html><script src="/kabin.js"></script><aside id="kabin-panel"></aside></html>',
)
GARMENT = garment_path("K0001", SHOP[0].colors[0])
WHOLE = {"*": PAGE, GARMENT: ("image/svg+xml", "<svg/>"), "/kabin.js": ("text/javascript", '"/personalize"')}


def test_a_whole_shop_passes() -> None:
    """Every kind of page, a drawing and the script, each told with its size."""
    with serving(WHOLE) as base_url:
        found = dict(check_pages(SHOP, base_url))
    assert set(found) >= {"/", "/category/sale", "/product/K0001", "/cart", GARMENT, "/kabin.js"}
    assert found["/kabin.js"] == len('"/personalize"')


@pytest.mark.parametrize(
    ("path", "answer", "reason"),
    [
        ("/cart", ("text/html", "<html>no panel, /kabin.js</html>"), "/cart is a page without kabin-panel"),
        ("/", ("text/plain", "no shop"), "/ is text/plain, not text/html"),
        (GARMENT, ("text/html", "<html></html>"), "is text/html, not image/svg"),
        ("/kabin.js", ("text/javascript", "// nothing"), "is not the storefront script"),
    ],
)
def test_a_shop_that_lacks_something_fails(path: str, answer: tuple[str, str], reason: str) -> None:
    """A page that came without the script or the panel is told by name."""
    with serving(WHOLE | {path: answer}) as base_url, pytest.raises(TourError, match=reason):
        list(check_pages(SHOP, base_url))
