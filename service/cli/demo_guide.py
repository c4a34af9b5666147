"""What `kabin demo` prints and does beside the running service: experiment, tour, and the end of both."""

import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import click

from service.cli.demo_experiment import DemoExperiment
from service.demo.experiment_page import PAGE_PATH
from service.demo.live_crowd import LiveCrowdError
from service.demo.shop import DemoItem
from service.demo.tour import (
    EXPERIMENT_STEP,
    Tour,
    TourError,
    check_pages,
    take_tour,
    wait_until_ready,
)

START_TIMEOUT_SECONDS: Final = 60.0
_END_SECONDS: Final = 5.0
"""A service that was told to end closes its connections first: so long a failure waits to be no failure."""


@dataclass(frozen=True, slots=True)
class Itinerary:
    """What the guide goes through.

    Attributes:
        base_url: of the service.
        items: of the shop.
        tour: three calls.
        experiment: to be run first, if any.
        check: make the calls and end the service, instead of printing them.
    """

    base_url: str
    items: Sequence[DemoItem]
    tour: Tour
    experiment: DemoExperiment | None
    check: bool


class Guide(threading.Thread):
    """Waits for the service, runs the experiment, then prints the tour, or takes it and ends the service.

    Args:
        itinerary: what to go through.
    """

    def __init__(self, itinerary: Itinerary) -> None:
        super().__init__(daemon=True)
        self._itinerary = itinerary
        self._ended = threading.Event()
        self._failure: str | None = None

    def run(self) -> None:
        """Do it; an error is kept for :meth:`finish`."""
        itinerary = self._itinerary
        try:
            wait_until_ready(itinerary.base_url, timeout_seconds=START_TIMEOUT_SECONDS)
            if itinerary.experiment is not None:
                itinerary.experiment.run()
            if itinerary.check:
                self._take_tour()
            else:
                self._print_lines()
        except (TourError, LiveCrowdError) as error:
            if self._ended.wait(_END_SECONDS):
                return
            self._failure = str(error)
        if itinerary.check or self._failure:
            os.kill(os.getpid(), signal.SIGINT)

    def finish(self) -> None:
        """Raise what went wrong, once the service has ended."""
        self._ended.set()
        self.join(_END_SECONDS)
        if self._failure:
            raise click.ClickException(self._failure)

    def _take_tour(self) -> None:
        itinerary = self._itinerary
        for path, size in check_pages(itinerary.items, itinerary.base_url):
            click.echo(f"{itinerary.base_url}{path}  {size:,} bytes")
        answers = take_tour(itinerary.tour, itinerary.base_url)
        for call, answer in zip(itinerary.tour.calls, answers, strict=True):
            click.echo(f"\n{call.caption}\n  {_brief(answer)}")

    def _print_lines(self) -> None:
        itinerary = self._itinerary
        click.echo(f"\nThe shop: {itinerary.base_url}/\n")
        experiment = EXPERIMENT_STEP
        if itinerary.experiment is not None:
            experiment = f"{itinerary.base_url}{PAGE_PATH} is the experiment's report, with plots."
        for step in (*itinerary.tour.steps, experiment):
            click.echo(f"- {step}")
        click.echo("\nOr in another terminal, one after the other:")
        for number, call in enumerate(itinerary.tour.calls, 1):
            click.echo(f"\n{number}. {call.caption}\n\n{call.as_curl(itinerary.base_url)}")
        click.echo("\nCtrl-C ends the demonstration.")


def _brief(answer: dict[str, Any]) -> str:
    """Return what the tour is about in one line."""
    if "accepted" in answer:
        return f"events: {answer['accepted']} accepted"
    size, reason = answer["size"], answer["size"].get("reason")
    shown = ", ".join(f"{one['item_id']} ({one['source']})" for one in answer["recommendations"])
    return (
        f"size: {size['action']} {size.get('size') or ''} {reason or ''}\n"
        f"  homepage: {answer['slots']['homepage']}\n  recommendations: {shown}"
    )
