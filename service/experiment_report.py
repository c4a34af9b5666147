"""Reports on experiments: from the events of everybody exposed, the journal of weights and the catalog's costs."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from recommender.events import SECONDS_PER_DAY
from recommender.experiments.analysis.plan import AnalysisPlan, Reading
from recommender.experiments.analysis.policies import PolicyValue
from recommender.experiments.analysis.report import ExperimentReport, analyze_experiment
from recommender.experiments.outcomes.homepage import (
    HOMEPAGE_FEATURE,
    RANDOM_EXPERIMENT,
    homepage_policies,
)
from recommender.experiments.outcomes.notes import notes_on_table, warnings_on
from recommender.experiments.outcomes.phases import default_control
from recommender.experiments.outcomes.prices import PricedCatalog, Prices
from recommender.experiments.outcomes.table import Exposures, OutcomeTable
from recommender.experiments.outcomes.visitor import OutcomeRules
from service.catalog_costs import read_costs
from service.history.exposed_visitors import Progress, exposed_visitors
from service.history.history import HistoryCounts
from service.stores.archive import Archive
from service.stores.catalog_source import CatalogSource
from service.stores.experiments import ExperimentPhase, JournalDamaged
from service.stores.keys import Keyspace
from service.stores.log import EventLog

_KABINS: Final = "kabin-"
"""What the names of Kabin's own features begin with."""

_NO_POLICIES_YET: Final = "Homepage policies are not valued yet: too few visitors of kabin-random have completed the conversion window."


class UnknownExperiment(LookupError):  # noqa: N818 - what happened, like StoreUnavailable
    """Nobody was ever shown it and the service never ran it; the message lists the experiments that it did run."""


class NoExposures(Exception):  # noqa: N818 - likewise
    """The experiment runs, or ran, and nobody was shown it so far; the message says so in a sentence."""


class PhaseJournal(Protocol):
    """Where the service notes which weights an experiment had when; both methods may raise StoreUnavailable."""

    async def phases(self, experiment_id: str) -> tuple[ExperimentPhase, ...]:
        """Return an experiment's phases, oldest first.

        Raises:
            JournalDamaged: they cannot be read.
        """
        ...

    async def experiment_ids(self) -> frozenset[str]:
        """Return the experiments that the journal knows."""
        ...


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """How a report is to be made; what it decides by is explained at :class:`AnalysisPlan`.

    Attributes:
        primary: the metric that decides.
        control: the variation to compare with; None chooses the one that is as if there were no experiment.
        minimum_effect: relative difference that would matter to the shop.
        planned_visitors: that the experiment was planned for, of all variations.
        reading: which interval decides.
        winsorize_quantile: money is cut at this quantile of the visitors who have any; None cuts nothing.
        window_seconds: conversion window.
        since: Unix seconds; visitors first exposed before are left out.
        currency: ISO 4217 code of money.
        gross_margin_share: margin of a list price, 0 to 1, where the catalog knows no cost.
        session_gap_seconds: silence after which another session begins.
    """

    primary: str = "margin_per_visitor"
    control: str | None = None
    minimum_effect: float = 0.05
    planned_visitors: int = 100_000
    reading: Reading = Reading.ALWAYS_VALID
    winsorize_quantile: float | None = None
    window_seconds: float = 7.0 * SECONDS_PER_DAY
    since: float = float("-inf")
    currency: str = "EUR"
    gross_margin_share: float = 0.5
    session_gap_seconds: float = 1800.0


class ExperimentReports:
    """Makes reports.

    Args:
        log: the event log; its client with a timeout of seconds, not of a request's milliseconds.
        keyspace: where the visitors are.
        archive: entries that have left the log.
        journal: the experiments' phases.
        catalog: prices, where events do not say them.
        catalog_source: the stored catalog, for ``cost_of_goods_sold``, which no worker keeps in memory.
    """

    def __init__(
        self,
        log: EventLog,
        keyspace: Keyspace,
        *,
        archive: Archive,
        journal: PhaseJournal,
        catalog: PricedCatalog,
        catalog_source: CatalogSource,
    ) -> None:
        self._log = log
        self._keyspace = keyspace
        self._archive = archive
        self._journal = journal
        self._catalog = catalog
        self._catalog_source = catalog_source

    async def report(
        self,
        experiment_id: str,
        options: ReportOptions,
        *,
        now: float,
        progress: Progress | None = None,
    ) -> ExperimentReport:
        """Read an experiment as of ``now``.

        Args:
            experiment_id: the experiment's key.
            options: what it is read by.
            now: Unix seconds; later events are not looked at.
            progress: told the share of the log that was read.

        Raises:
            UnknownExperiment: there never was one of this name.
            NoExposures: there is nothing to report yet.
            PlanError: the options contradict themselves or the experiment.
            StoreUnavailable: Redis did not answer.
            ArchiveError: a file of the archive cannot be read.
        """
        phases, damage = await self._phases(experiment_id, now)
        costs = await read_costs(self._catalog_source, options.currency)
        prices = Prices(
            self._catalog,
            costs,
            currency=options.currency,
            gross_margin_share=options.gross_margin_share,
        )
        rules = OutcomeRules(experiment_id, now, options.window_seconds, options.session_gap_seconds)
        table = OutcomeTable(rules, prices, since=options.since)
        tables = {experiment_id: table}
        if any(phase.feature_id == HOMEPAGE_FEATURE for phase in phases):
            random_rules = replace(rules, experiment_id=RANDOM_EXPERIMENT)
            tables.setdefault(RANDOM_EXPERIMENT, OutcomeTable(random_rules, prices, since=options.since))
        counts = HistoryCounts()
        histories = exposed_visitors(
            self._log, self._keyspace, self._archive, tables, counts=counts, progress=progress
        )
        async for events in histories:
            for each in tables.values():
                each.add(events)
        exposures = table.finished(phases)
        if not len(exposures.visitors):
            await self._refuse(experiment_id, phases, exposures)
        random = (
            exposures
            if experiment_id == RANDOM_EXPERIMENT
            else tables[RANDOM_EXPERIMENT].finished((await self._phases(RANDOM_EXPERIMENT, now))[0])
            if RANDOM_EXPERIMENT in tables
            else None
        )
        if options.control is None:
            own = any(not (phase.feature_id or _KABINS).startswith(_KABINS) for phase in phases[-1:])
            control = default_control(exposures.visitors.variations, is_shops_own=own)
            options = replace(options, control=control)
        report = await asyncio.to_thread(_analyzed, exposures, random, options, now, counts.unreadable)
        return replace(report, notes=(*damage, *report.notes))

    async def _phases(
        self, experiment_id: str, now: float
    ) -> tuple[tuple[ExperimentPhase, ...], tuple[str, ...]]:
        """Return an experiment's phases up to ``now`` and, if they cannot be read, none of them and a warning."""
        try:
            phases = await self._journal.phases(experiment_id)
        except JournalDamaged as error:
            return (), (f"Warning: {error}.",)
        # The first one stays: workers' clocks differ, and an exposure may be a moment older than its phase.
        return tuple(phase for phase in phases if phase.since <= now) or phases[:1], ()

    async def _refuse(
        self, experiment_id: str, phases: Sequence[ExperimentPhase], exposures: Exposures
    ) -> None:
        left_out = exposures.tally.early + exposures.tally.strange
        if left_out:
            raise NoExposures(
                f"{experiment_id}: nobody is left to report on: {exposures.tally.early:,} visitors were first exposed before --since, "
                f"{exposures.tally.strange:,} reported a variation that the experiment never had"
            )
        if phases:
            raise NoExposures(
                f"{experiment_id}: nobody has been exposed yet. A visitor counts once a page has shown the decision and "
                "reported it (decision_shown)"
            )
        known = ", ".join(sorted(await self._journal.experiment_ids())) or "none so far"
        raise UnknownExperiment(f"no experiment {experiment_id!r}; there are: {known}")


def _analyzed(
    exposures: Exposures, random: Exposures | None, options: ReportOptions, now: float, unreadable: int
) -> ExperimentReport:
    plan = AnalysisPlan(
        control=options.control or exposures.visitors.variations[0],
        phases=exposures.phases,
        primary=options.primary,
        minimum_effect=options.minimum_effect,
        planned_visitors=options.planned_visitors,
        reading=options.reading,
        winsorize_quantile=options.winsorize_quantile,
        window_seconds=options.window_seconds,
        currency=options.currency,
    )
    policies: tuple[PolicyValue, ...] = ()
    if random is not None:
        policies = homepage_policies(random, now=now, window_seconds=options.window_seconds, level=plan.level)
    report = analyze_experiment(exposures.visitors, plan, now=now, policies=policies)
    waiting = (_NO_POLICIES_YET,) if random is not None and len(random.visitors) and not policies else ()
    notes = notes_on_table(
        exposures.tally,
        currency=options.currency,
        gross_margin_share=options.gross_margin_share,
        unreadable=unreadable,
    )
    warnings = warnings_on(exposures.tally, is_winsorized=plan.winsorize_quantile is not None)
    return replace(report, notes=(*warnings, *report.notes, *notes, *waiting))
