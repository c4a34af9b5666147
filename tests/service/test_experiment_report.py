"""`kabin experiment report` on events in a real store: figures equal to hand-computed ones."""

import asyncio
import json
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from recommender.decisions.policy import ExperimentSummary
from recommender.events import Event
from recommender.experiments.outcomes.prices import CostBook
from service.catalog_costs import read_costs
from service.cli import main
from service.experiment_report import (
    ExperimentReports,
    NoExposures,
    ReportOptions,
    UnknownExperiment,
)
from service.history.exposed_visitors import exposed_visitors
from service.history.history import HistoryCounts
from service.stores.archive import Archive, LocalStorage
from service.stores.catalog_source import RedisCatalogSource
from service.stores.connection import Client, connected
from service.stores.experiments import RedisExperimentStore
from service.stores.keys import ExperimentKeys, Keyspace
from service.stores.log import EventLog
from tests.catalog_rows import line as feed_line
from tests.recommender.experiments.stories import CATALOG, DAY, HOUR, START, bought, event, line, shown
from tests.visitor_events import write_archive

AS_OF = "2026-01-31T00:00:00Z"
_prefixes = count()

Story = list[Event]


def summary(experiment_id: str, *variations: str) -> ExperimentSummary:
    """Return an experiment of the homepage with equal weights."""
    share = 1.0 / len(variations)
    return ExperimentSummary(
        experiment_id=experiment_id,
        feature_id="kabin-homepage",
        variations=variations,
        weights=tuple(share for _ in variations),
        coverage=1.0,
        slot="homepage",
        bucket_version=0,
    )


PROMO_PAGE = summary("promo-page", "personalized", "promo")
RANDOM = summary("kabin-random", "full_price", "promo")


class Shop:
    """A key space of its own with two items, of which a costs the shop 20 EUR, and an archive."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.keyspace = Keyspace(f"report-{next(_prefixes)}")
        self.flags = ["--redis-url", url, "--redis-prefix", self.keyspace.prefix, "--data-dir", str(folder)]

    def import_catalog(self) -> None:
        """Put the catalog."""
        feed = self.folder / "feed.jsonl"
        lines = [
            feed_line("a-38", "a", price="60.00 EUR", cost_of_goods_sold="20.00 EUR"),
            feed_line("b-38", "b", price="100.00 EUR"),
        ]
        feed.write_text("".join(json.dumps(one) + "\n" for one in lines))
        assert main(["import", "catalog", str(feed), *self.flags]) == 0

    def fill(self, stories: dict[str, Story], *experiments: ExperimentSummary) -> None:
        """Write events into the log and experiments into the journal."""

        async def write(client: Client) -> None:
            pairs = [(visitor_id, one) for visitor_id, story in stories.items() for one in story]
            await EventLog(client, self.keyspace).append_history(pairs)
            store = RedisExperimentStore(client, self.keyspace)
            await store.note_phases(experiments, version=1, at=START - DAY)

        self._with_client(write)

    def note_later(self, experiment: ExperimentSummary, at: float) -> None:
        """Begin another phase of an experiment."""

        async def write(client: Client) -> None:
            await RedisExperimentStore(client, self.keyspace).note_phases([experiment], version=2, at=at)

        self._with_client(write)

    def break_entry(self, visitor_id: str) -> None:
        """Put an entry into the log that is no event."""

        async def write(client: Client) -> None:
            stream = self.keyspace.log(self.keyspace.partition_of(visitor_id))
            await client.xadd(stream, {"v": visitor_id, "e": b'{"name":"no such event"}'})

        self._with_client(write)

    def break_journal(self, experiment_id: str) -> None:
        """Put something else where an experiment's phases are."""

        async def write(client: Client) -> None:
            await client.hset(ExperimentKeys(self.keyspace).phases, experiment_id, "not a phase")

        self._with_client(write)

    def _with_client(self, act: Callable[[Client], Any]) -> None:
        async def run() -> None:
            async with connected(self.url, timeout_seconds=20) as client:
                await act(client)

        asyncio.run(run())

    def report(self, *arguments: str) -> int:
        """Run the command as of the end of January."""
        return main(["experiment", "report", *arguments, "--as-of", AS_OF, *self.flags])


@pytest.fixture
def shop(valkey_url: str, tmp_path: Path) -> Shop:
    """An empty shop."""
    return Shop(valkey_url, tmp_path)


def page(variation: int, **fields: Any) -> Event:
    """Return the exposure to a variation of the test."""
    return shown(0.0, variation, PROMO_PAGE.variations[variation], **fields)


def metric(report: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the figures of one metric."""
    found: dict[str, Any] = next(one for one in report["metrics"] if one["name"] == name)
    return found


def test_the_figures_are_those_of_the_events(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """An order told twice, one in francs, a late refund, a crossover, an overlap with the archive and a broken entry."""
    shop.import_catalog()
    archived = [page(0), bought(HOUR, line("b-38", 100.0, discount=0.0), order="archived")]
    stories: dict[str, Story] = {
        "told-twice": [
            page(0),
            bought(HOUR, line("a-38", 60.0), order="T1"),
            bought(2 * HOUR, line("a-38", 54.0), order="T1", source="server"),
        ],
        "looked-only": [page(0), event("view_item", HOUR, items=(line(),))],
        "francs": [page(0), bought(HOUR, line("a-38", 70.0), currency="CHF")],
        "archived": archived,
        "returned": [
            page(1),
            event("add_to_cart", 60.0, items=(line(),)),
            bought(HOUR, line("a-38", 48.0, discount=12.0), order="T2"),
            event("refund", 20 * DAY, transaction_id="T2", source="server"),
        ],
        "assumed": [page(1), bought(HOUR, line("b-38", 80.0, discount=20.0))],
        "crossed": [page(1), shown(DAY, 0, "personalized")],
        "too-late": [page(1), bought(8 * DAY, line("a-38", 60.0))],
        "elsewhere": [shown(experiment_id="other"), bought(HOUR, line("a-38", 60.0))],
    }
    shop.fill(stories, PROMO_PAGE)
    shop.break_entry("looked-only")
    write_archive(
        shop.folder / "archive",
        shop.keyspace,
        [
            *(("archived", one) for one in archived),
            ("gone", page(1)),
            ("gone", bought(HOUR, line("a-38", 60.0))),
        ],
    )
    capsys.readouterr()
    assert shop.report("promo-page", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    variations = [
        (one["variation"], one["control"], one["exposed"], one["compared"]) for one in report["variations"]
    ]
    assert variations == [("personalized", True, 4, 4), ("promo", False, 5, 5)]
    assert report["split"]["state"] == "as_configured"
    totals = {one["name"]: one["totals"] for one in report["metrics"]}
    assert totals["conversion"] == [3, 3]
    assert totals["orders_per_visitor"] == [3, 3]
    assert totals["revenue_per_visitor"] == [54.0 + 100.0, 48.0 + 80.0 + 60.0]
    # 54 − 20 and 100 · ½; 48 − 20, 80 − 100 · ½ and 60 − 20.
    assert totals["margin_per_visitor"] == [34.0 + 50.0, 28.0 + 30.0 + 40.0]
    assert totals["add_to_cart"] == [0, 1]
    assert totals["refunds_per_visitor"] == [0, 48.0]
    assert metric(report, "return_rate")["values"] == [0, pytest.approx(1 / 3)]
    assert metric(report, "margin_per_visitor")["values"] == [84.0 / 4, pytest.approx(98.0 / 5)]
    notes = " ".join(report["notes"])
    assert "Warning: 1 visitor (11.1 %) saw more than one variation" in notes
    assert "1 order was not paid in EUR (16.7 % of all)" in notes
    assert "1 entry of these visitors in the event log cannot be read" in notes
    # 54, 48 and 60 of 342.
    assert "cost_of_goods_sold for 47.4 % of the revenue" in notes
    # All six but the one that the server confirmed.
    assert "83.3 % of the orders were reported by browsers only" in notes
    assert report["verdict"]["outcome"] == "not_yet"


def test_people_get_the_verdict_first_and_a_page(
    shop: Shop, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Tables on standard output that begin with the verdict; the page holds the same words."""
    stories = {
        f"v{number}": [
            page(number % 2),
            *([bought(HOUR, line("a-38", 60.0 + number % 7))] if number % 3 == 0 else []),
        ]
        for number in range(400)
    }
    shop.fill(stories, PROMO_PAGE)
    html = tmp_path / "report.html"
    flags = ("--html", str(html), "--window", "12h", "--minimum-effect", "10%", "--planned-visitors", "400")
    assert shop.report("promo-page", *flags) == 0
    said = capsys.readouterr()
    assert said.out.startswith("promo-page: not yet: ")
    assert "promo against personalized" in said.out
    assert "So far promo stands at" in said.out
    assert "A difference of 10 % in margin per visitor" in said.out
    assert f"page written to {html}" in said.err
    text = html.read_text()
    assert text.startswith("<!doctype html>")
    assert "Not yet: " in text


def test_the_random_slice_tells_what_homepage_policies_would_earn(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Shown with the slice itself and with every experiment on the homepage; promo for everybody would lose here."""
    stories: dict[str, Story] = {"tested": [page(0)], "tested-too": [page(1)]}
    for number in range(80):
        promo = number % 2
        exposure = shown(
            float(number),
            promo,
            RANDOM.variations[promo],
            experiment_id="kabin-random",
            discount_affinity="low",
            personalized_homepage="full_price",
        )
        stories[f"r{number}"] = [exposure, bought(HOUR, line("a-38", 45.0 if promo else 60.0, discount=0.0))]
    shop.fill(stories, PROMO_PAGE, RANDOM)
    for name in ("kabin-random", "promo-page"):
        assert shop.report(name, "--json", "--gross-margin-percent", "100") == 0
        policies = {one["policy"]: one for one in json.loads(capsys.readouterr().out)["policies"]}
        assert policies["personalized"]["snips"]["estimate"] == pytest.approx(60.0)
        assert policies["always promo"]["gain"]["estimate"] == pytest.approx(-15.0, abs=0.5)
        assert policies["always promo"]["effective_decisions"] == pytest.approx(40.0)
    shop.report("promo-page")
    assert "Homepage policies" in capsys.readouterr().out


def test_since_window_and_control_change_what_is_read(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Each flag does what it says: the window ends earlier, early visitors go, the other variation is the control."""
    stories: dict[str, Story] = {
        "early": [shown(0.0, 0, "personalized")],
        "late": [shown(2 * DAY, 1, "promo"), bought(2 * DAY + HOUR, line("a-38", 60.0))],
        "later": [shown(2 * DAY, 1, "promo"), bought(3 * DAY, line("a-38", 60.0))],
    }
    shop.fill(stories, PROMO_PAGE)
    flags = ("--since", "2026-01-02", "--window", "90m", "--control", "promo", "--json")
    assert shop.report("promo-page", *flags, "--primary", "conversion", "--reading", "planned") == 0
    report = json.loads(capsys.readouterr().out)
    assert [one["control"] for one in report["variations"]] == [False, True]
    assert [one["exposed"] for one in report["variations"]] == [0, 2]
    assert metric(report, "conversion")["totals"] == [0, 1]
    assert (report["plan"]["window_seconds"], report["plan"]["reading"]) == (5400, "planned")
    assert any("1 visitor was first exposed before --since" in note for note in report["notes"])
    assert shop.report("promo-page", "--winsorize", "99%", "--json") == 0
    assert json.loads(capsys.readouterr().out)["plan"]["winsorize_quantile"] == 0.99


def test_nothing_to_report_is_a_sentence_and_no_failure(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """An experiment that has just begun, as text and as JSON, and one of which --since leaves nobody."""
    shop.fill({"v": [event("view_item", 0.0, items=(line(),))]}, PROMO_PAGE)
    assert shop.report("promo-page") == 0
    assert "promo-page: nobody has been exposed yet" in capsys.readouterr().out
    assert shop.report("promo-page", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["verdict"]["outcome"] == "not_yet"
    assert shop.report("promo-page", "--html", str(shop.folder / "none.html")) == 0
    assert "none.html: not written" in capsys.readouterr().err
    shop.fill({"w": [page(0)]}, PROMO_PAGE)
    assert shop.report("promo-page", "--json") == 0
    assert json.loads(capsys.readouterr().out).keys() == report.keys()
    assert shop.report("promo-page", "--since", "2026-01-05") == 0
    assert "nobody is left to report on" in capsys.readouterr().out


def test_a_forged_order_spoils_neither_json_nor_its_reader(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """The largest one that a browser may report: a warning, and numbers that JSON can hold."""
    stories = {
        f"v{number}": [page(number % 2), bought(HOUR, line("a-38", 60.0 + number % 7))]
        for number in range(60)
    }
    stories["forger"] = [page(1), bought(HOUR, line("a-38", 1e12, quantity=1_000_000))]
    shop.fill(stories, PROMO_PAGE)
    assert shop.report("promo-page", "--json") == 0
    notes = json.loads(capsys.readouterr().out)["notes"]
    assert notes[0].startswith("Warning: a single visitor's orders are 100 % of all revenue")
    assert shop.report("promo-page", "--json", "--winsorize", "99%") == 0
    report = json.loads(capsys.readouterr().out)
    assert not any("single visitor" in note for note in report["notes"])
    assert metric(report, "revenue_per_visitor")["winsorized_at"] == 66.0


def test_a_features_first_value_is_the_control_and_kabins_is_what_a_shop_has(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """A switch of the shop's own compares true with false; Kabin's sizes are compared with having them."""
    for number, (feature, control) in enumerate((("banner", "false"), ("kabin-size", "true"))):
        experiment = summary(f"flag-{number}", "false", "true")._replace(feature_id=feature)
        exposures = {
            f"v{code}": [shown(0.0, code, name, experiment_id=experiment.experiment_id)]
            for code, name in enumerate(experiment.variations)
        }
        shop.fill(exposures, experiment)
        assert shop.report(experiment.experiment_id, "--json") == 0
        variations = json.loads(capsys.readouterr().out)["variations"]
        assert [one["variation"] for one in variations if one["control"]] == [control]


def test_variations_that_came_later_are_not_known_yet(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """A report of an earlier moment has the variations and weights of that moment."""
    shop.fill({f"v{number}": [page(number % 2)] for number in range(10)}, PROMO_PAGE)
    shop.note_later(summary("promo-page", "personalized", "promo", "third"), START + 60 * DAY)
    assert shop.report("promo-page", "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["variations"]) == 2


def test_mistakes_are_one_line_that_says_what_there_is(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown name, metric or control lists the known ones; spans, shares and moments say how they are written."""
    shop.fill({"v": [page(0)], "w": [page(1)]}, PROMO_PAGE, RANDOM)
    for arguments, code, reason in (
        (("promo-pages",), 1, "no experiment 'promo-pages'; there are: kabin-random, promo-page"),
        (("promo-page", "--primary", "profit"), 1, "no metric 'profit'; there are conversion,"),
        (
            ("promo-page", "--control", "sale"),
            1,
            "control 'sale' is none of the variations: personalized, promo",
        ),
        (("promo-page", "--window", "week"), 2, "no time span such as 7d, 12h, 30m or 30s"),
        (("promo-page", "--minimum-effect", "0"), 2, "no share above 0 and up to 100%"),
        (("promo-page", "--since", "yesterday"), 2, "is not ISO 8601"),
        (("promo-page", "--html", "/nowhere/report.html"), 1, "No such file or directory"),
    ):
        assert shop.report(*arguments) == code, arguments
        assert reason in " ".join(capsys.readouterr().err.split()), arguments


def test_an_experiment_without_a_journal_is_read_from_its_exposures(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Redis that lost its journal, or a history from elsewhere: names and weights are those of the exposures."""
    shop.fill({f"v{number}": [page(number % 2)] for number in range(10)})
    assert shop.report("promo-page", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert [one["exposed"] for one in report["variations"]] == [5, 5]
    assert any("has noted no weights" in note for note in report["notes"])
    shop.break_journal("promo-page")
    assert shop.report("promo-page", "--json") == 0
    notes = json.loads(capsys.readouterr().out)["notes"]
    assert notes[0].startswith("Warning: the phases of 'promo-page' in Redis cannot be read")


@pytest.mark.anyio
async def test_only_exposed_visitors_are_read_each_entry_once(client: Client, tmp_path: Path) -> None:
    """What stands in log and archive comes once; visitors whose entries name no experiment do not come at all."""
    keyspace = Keyspace(f"report-{next(_prefixes)}", partitions=3)
    exposure, order = page(0), bought(HOUR, line())
    log = EventLog(client, keyspace)
    await log.append_history([("v", exposure), ("v", order), ("w", bought(1.0, line()))])
    write_archive(tmp_path, keyspace, [("v", exposure), ("x", page(1))])
    counts, shares = HistoryCounts(), list[float]()
    found = [
        events
        async for events in exposed_visitors(
            log,
            keyspace,
            Archive(LocalStorage(tmp_path)),
            ["promo-page"],
            counts=counts,
            progress=lambda share, _: shares.append(share),
        )
    ]
    assert sorted(len(events) for events in found) == [1, 2]
    assert (counts.events, counts.repeated, counts.unreadable) == (3, 1, 0)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.anyio
async def test_a_report_can_be_asked_for_by_any_clock(client: Client, tmp_path: Path) -> None:
    """The use case itself: known experiments, none of that name, and a moment of the caller's choice."""
    keyspace = Keyspace(f"report-{next(_prefixes)}", partitions=2)
    log, store = EventLog(client, keyspace), RedisExperimentStore(client, keyspace)
    source = RedisCatalogSource(client, keyspace)
    assert len(await read_costs(source, "EUR")) == 0
    reports = ExperimentReports(
        log,
        keyspace,
        archive=Archive(LocalStorage(tmp_path)),
        journal=store,
        catalog=CATALOG,
        catalog_source=source,
    )
    with pytest.raises(UnknownExperiment, match="there are: none so far"):
        await reports.report("promo-page", ReportOptions(), now=START + DAY)
    await log.append_history([("v", page(0)), ("w", page(1))])
    await store.note_phases([PROMO_PAGE], version=1, at=START)
    with pytest.raises(NoExposures, match="nobody has been exposed yet"):
        await reports.report("promo-page", ReportOptions(), now=START - 1.0)
    report = await reports.report("promo-page", ReportOptions(window_seconds=HOUR), now=START + HOUR - 1)
    assert (report.split.observed.tolist(), report.compared) == ([1, 1], (0, 0))
    later = await reports.report("promo-page", ReportOptions(window_seconds=HOUR), now=START + HOUR)
    assert later.compared == (1, 1)


def test_an_experiments_id_is_found_however_it_is_written() -> None:
    """What is looked for in the undecoded entry is what the log writes."""
    for name in ("promo-page", "größer", 'a"b\\c', "é ✓"):
        entry = msgspec.json.encode(shown(experiment_id=name))
        assert msgspec.json.encode(name) in entry
    assert len(CostBook.of({})) == 0
