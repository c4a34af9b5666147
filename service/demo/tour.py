"""What to try: steps in the browser, and three calls that ask, tell and ask again, as curl lines or made by themselves."""

import json
import shlex
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from service.demo.shop import DemoItem, garment_path, product_path

SIZE: Final = "M"
CHOICES: Final = 3
"""Distinct items from which Kabin preselects: fewer give a hint."""

SALE_VIEWS: Final = 6
"""Items of the sale to look at until the homepage turns to it: six, or five after the sale’s own page of offers."""

STEPS: Final = (
    f"Women, Shirts: choose {SIZE} on two shirts and look at a third: a hint. Choose it there too: a fourth has it chosen.",
    f"Look at {SALE_VIEWS} items of the sale and go back to the home page: it has turned to the sale.",
    "The panel says what Kabin knows and why, and makes you somebody else: a trend seeker, a deal seeker, a customer, nobody known.",
)
"""What to try in the browser, in the order in which one visitor can."""

EXPERIMENT_STEP: Final = (
    "`kabin demo --experiment` runs an A/B test of the homepage on a simulated crowd, and says what pays."
)

_TIMEOUT_SECONDS: Final = 10
_KIND: Final = "Women > Tops > Shirts"


class TourError(Exception):
    """A call did not answer as the tour says it does."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the tour: what it shows, and the request."""

    caption: str
    path: str
    body: dict[str, Any]

    def as_curl(self, base_url: str) -> str:
        """Return the call as one line for a shell."""
        body = shlex.quote(json.dumps(self.body))
        return f"curl -s {base_url}{self.path} -H 'Content-Type: application/json' -d {body} | python3 -m json.tool"

    def make(self, base_url: str) -> dict[str, Any]:
        """Make the call and return the answer.

        Raises:
            TourError: the service does not answer, or with an error.
        """
        request = urllib.request.Request(  # noqa: S310 - the service that the demo has just started
            base_url + self.path,
            data=json.dumps(self.body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - likewise
                content: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            raise TourError(
                f"{self.path} answered {error.code}: {error.read().decode(errors='replace')}"
            ) from None
        except (OSError, ValueError) as error:
            raise TourError(f"{self.path} does not answer: {error}") from None
        return content


@dataclass(frozen=True, slots=True)
class Tour:
    """The three calls of one visitor: a question, what they did meanwhile, the same question."""

    question: Call
    deeds: Call
    again: Call
    steps: tuple[str, ...] = STEPS

    @property
    def calls(self) -> tuple[Call, Call, Call]:
        """The calls in order."""
        return self.question, self.deeds, self.again


def plan_tour(items: Sequence[DemoItem], token: str, now: float) -> Tour:
    """Choose the items of the tour: a shirt to look at, and three others to choose size M of.

    Args:
        items: the shop.
        token: of the visitor who takes the tour, signed.
        now: Unix seconds; ids of the events are made from it.
    """
    shirts = [item for item in items if item.garment.product_type == _KIND and SIZE not in item.sold_out]
    looked_at, *chosen = shirts[: CHOICES + 1]
    question = {
        "visitor_id": token,
        "page": {"type": "product", "item_id": looked_at.item_id},
        "limit": 3,
    }
    events = [
        {
            "name": "add_to_cart",
            "event_id": f"tour-{int(now)}-{number}",
            "params": {"currency": "EUR", "items": [{"item_id": item.item_id, "size": SIZE}]},
        }
        for number, item in enumerate(chosen, 1)
    ]
    title = f"“{looked_at.title}” ({looked_at.item_id})"
    return Tour(
        Call(
            f"Somebody new looks at {title}: no size is known, so none is chosen.", "/personalize", question
        ),
        Call(
            f"They put three other shirts into the cart, each in {SIZE}.",
            "/events",
            {"visitor_id": token, "events": events},
        ),
        Call(
            f"The same question: {SIZE} is preselected now, and the answer says why.",
            "/personalize",
            question,
        ),
    )


def take_tour(tour: Tour, base_url: str) -> list[dict[str, Any]]:
    """Make the three calls and check that the second changes the answer of the third.

    Returns:
        The three answers.

    Raises:
        TourError: an answer is not what the captions say.
    """
    answers = [call.make(base_url) for call in tour.calls]
    before, told, after = answers
    _expect(before["size"]["action"] == "none", f"a new visitor got a size: {before['size']}")
    _expect(told["accepted"] == CHOICES, f"the events were not taken: {told}")
    _expect(
        (after["size"]["action"], after["size"]["size"]) == ("preselect", SIZE),
        f"{SIZE} is not preselected: {after['size']}",
    )
    _expect(bool(after["recommendations"]), "no recommendations")
    return answers


def check_pages(items: Sequence[DemoItem], base_url: str) -> Iterator[tuple[str, int]]:
    """Fetch a page of every kind, a drawing and the storefront script, and yield each path with its size in bytes.

    Raises:
        TourError: one of them is not what it should be.
    """
    item = items[0]
    pages = ("/", "/category/women", "/category/sale", product_path(item.item_id), "/cart")
    for path in pages:
        text = _fetch(base_url, path, media_type="text/html")
        for expected in ("</html>", "/kabin.js", "kabin-panel"):
            _expect(expected in text, f"{path} is a page without {expected}")
        yield path, len(text.encode())
    drawing = garment_path(item.item_id, item.colors[0])
    yield drawing, len(_fetch(base_url, drawing, media_type="image/svg+xml").encode())
    script = _fetch(base_url, "/kabin.js", media_type="text/javascript")
    _expect("/personalize" in script, "/kabin.js is not the storefront script")
    yield "/kabin.js", len(script.encode())


def _fetch(base_url: str, path: str, *, media_type: str) -> str:
    try:
        with urllib.request.urlopen(base_url + path, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - the service just started
            found = answer.headers.get_content_type()
            text: str = answer.read().decode()
    except (OSError, ValueError) as error:
        raise TourError(f"{path} does not answer as it should: {error}") from None
    _expect(found == media_type, f"{path} is {found}, not {media_type}")
    return text


def wait_until_ready(base_url: str, *, timeout_seconds: float) -> None:
    """Return once the service says that it is ready.

    Raises:
        TourError: it does not within the time given.
    """
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(base_url + "/readyz", timeout=2):  # noqa: S310 - the service just started
                return
        except OSError:
            time.sleep(0.05)
    raise TourError(f"{base_url} is not ready after {timeout_seconds:.0f} s")


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise TourError(otherwise)
