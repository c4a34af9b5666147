"""The experiment of `kabin demo --experiment`: started, lived through by the simulated crowd, and read."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help comes at once

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from service.cli.experiment_report import read_report, report_options
from service.cli.output import counted, print_report
from service.cli.progress import progress
from service.demo.clock import DemoClock
from service.demo.crowd import SECONDS_PER_DAY, Shopper
from service.demo.experiment_page import PAGE_PATH, REPORT_FILE
from service.demo.http_connection import CallFailed, HttpConnection
from service.demo.live_crowd import LiveCrowd, LiveCrowdError
from service.demo.live_tally import LiveTally
from service.demo.live_visits import newcomers, plan_visits
from service.demo.shop import DemoItem
from service.settings import Settings

if TYPE_CHECKING:
    from recommender.experiments.analysis.report import ExperimentReport

EXPERIMENT: Final = "promo-page"
DEFINITION: Final[dict[str, Any]] = {
    "feature": "kabin-homepage",
    "variations": ["personalized", "full_price", "promo"],
}
"""A third of the visitors each: the homepage by discount affinity, the same without sale, the sale for everybody."""

_AFTER_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class DemoExperiment:
    """What the experiment is made with.

    Attributes:
        settings: of the running service, with its Redis.
        items: of the shop.
        crowd: whose past was imported.
        clock: of the shop.
        seed: of what the crowd does.
        days: simulated ones; their half is the conversion window.
    """

    settings: Settings
    items: Sequence[DemoItem]
    crowd: Sequence[Shopper]
    clock: DemoClock
    seed: int
    days: int

    def run(self) -> None:
        """Start it, let the crowd live through it, print the report and keep it as a page.

        Raises:
            LiveCrowdError: the service does not do what it should.
        """
        asyncio.run(self._run())

    async def _run(self) -> None:
        started = self.clock()
        await self._start()
        tally = await self._live()
        # Whoever came first at half-time has been watched for a whole window by then.
        end = started + self.days * SECONDS_PER_DAY + _AFTER_SECONDS
        self.clock.jump(max(0.0, end - self.clock()))
        _say(tally)
        report = await self._report()
        click.echo(f"\n> kabin experiment report {EXPERIMENT}\n")
        print_report(report, as_json=False)
        self._write_page(report)

    async def _start(self) -> None:
        settings = self.settings
        click.echo(f"\n> kabin experiment start {EXPERIMENT} --feature kabin-homepage", nl=False)
        click.echo(f" --variations {','.join(DEFINITION['variations'])}")
        async with HttpConnection(settings.host, settings.port, self._server_key) as connection:
            try:
                answer = await connection.call("PUT", f"/experiments/{EXPERIMENT}", DEFINITION)
            except CallFailed as error:
                raise LiveCrowdError(str(error)) from None
        if answer.status not in (200, 201):
            said = answer.body.decode(errors="replace")
            raise LiveCrowdError(f"the experiment was not taken ({answer.status}): {said}")
        click.echo("A third of the visitors each; 5 % are held out of everything, and 10 % of the others get")
        click.echo("a homepage drawn at random (KABIN_LEARNING_TRAFFIC).")

    async def _live(self) -> LiveTally:
        settings = self.settings
        strangers = newcomers(self.seed, self.crowd)
        visits = plan_visits(self.crowd, strangers, seed=self.seed, days=self.days)
        people = len({visit.shopper.visitor_id for visit in visits})
        click.echo(
            f"\nA simulated crowd comes: {people:,} visitors, {len(strangers):,} of them new, "
            f"{counted(len(visits), 'visit')} in {self.days} days of the shop's clock."
        )
        crowd = LiveCrowd(
            settings.host, settings.port, self._server_key, self.items, self.clock, seed=self.seed
        )
        with progress("Live") as tell:
            return await crowd.run(
                visits, lambda done, seconds: tell(done / len(visits), f"day {seconds / SECONDS_PER_DAY:.0f}")
            )

    async def _report(self) -> "ExperimentReport":
        from service.experiment_report import NoExposures
        from service.stores.connection import StoreUnavailable

        # Half of those ever seen come back in time; a plan must not be made of what came.
        options = report_options(self.settings, planned_visitors=len(self.crowd) // 2)
        try:
            return await read_report(self.settings, EXPERIMENT, options, self.clock())
        except (NoExposures, StoreUnavailable) as error:
            raise LiveCrowdError(str(error)) from None

    def _write_page(self, report: "ExperimentReport") -> None:
        from recommender.experiments.analysis.render.page import experiment_page

        settings = self.settings
        (settings.data_dir / REPORT_FILE).write_text(experiment_page(report), encoding="utf-8")
        click.echo(f"The same with plots: http://{settings.host}:{settings.port}{PAGE_PATH}")

    @property
    def _server_key(self) -> str:
        key = self.settings.server_key
        return "" if key is None else key.get_secret_value()


def _say(tally: LiveTally) -> None:
    shares = ", ".join(f"{count:,} of {variant}" for variant, count in sorted(tally.shown.items()))
    click.echo(
        f"{counted(tally.visits, 'visit')} ({shares}); {tally.orders / max(1, tally.visits):.1%} of them ended with "
        f"an order; {counted(tally.degraded, 'answer')} without a memory."
    )
    took_part, ordered = tally.exposed_to(EXPERIMENT), tally.buyers_in(EXPERIMENT)
    for variation in DEFINITION["variations"]:
        visitors, buyers = took_part.get(variation, ()), ordered.get(variation, ())
        click.echo(
            f"By the crowd's own count {counted(len(visitors), 'visitor')} took part as {variation}, "
            f"and {len(buyers):,} of them ordered."
        )
