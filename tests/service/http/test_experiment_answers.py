"""Experiments over HTTP: who takes part, what counts as an exposure, and what a visitor keeps."""

import itertools
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from recommender.decisions.policy import Policy, compile_policy
from recommender.events import Event, EventName, ExperimentShown

SIZED = {"type": "product", "item_id": "d5"}
CARTS = [
    {"name": "add_to_cart", "event_id": f"c{number}", "params": {"items": [{"item_id": f"d{number}-10"}]}}
    for number in (1, 2, 4)
]


def feature(*values: Any, weights: list[float] | None = None, **rule: Any) -> dict[str, Any]:
    """Return a feature with one experiment on its values; the first one is everybody else's."""
    even = [1 / len(values)] * len(values)
    return {
        "defaultValue": values[0],
        "rules": [{"variations": list(values), "weights": weights or even, **rule}],
    }


def policy(features: dict[str, Any], **options: Any) -> Policy:
    """Compile features in which nothing is wrong."""
    compiled = compile_policy({"features": features}, **options)
    assert compiled.problems == ()
    return compiled.policy


PROMO = {"kabin-homepage": feature("full_price", "promo", key="promo-page", weights=[0.0, 1.0])}
NO_SIZE = {"kabin-size": feature(True, False, key="no-size", weights=[0.0, 1.0])}
BANNER = {"banner": feature("red", "blue", key="banner-color", weights=[0.0, 1.0])}

numbers = itertools.count()


def shown(answer: dict[str, Any], slot: str | None = "homepage", **params: Any) -> dict[str, Any]:
    """Return what a page reports once the slot of an answer was seen."""
    told = {"decision_id": answer["decision_id"], "slot": slot} | params
    return {"name": "decision_shown", "event_id": f"shown-{next(numbers)}", "params": told}


def report(shop: Any, answer: dict[str, Any], *events: dict[str, Any], visitor_id: str | None = None) -> Any:
    """Send events of a visitor, by default of whom was answered."""
    body = {"visitor_id": visitor_id or answer["visitor_id"], "events": list(events)}
    response = shop.request("POST", "/events", json=body)
    assert response.status_code == 202
    return response.json()


def exposures(shop: Any, token: str) -> list[ExperimentShown]:
    """Return the exposures in a visitor's log."""
    return [one for event in reports(shop, token) for one in event.experiments]


def reports(shop: Any, token: str) -> list[Event]:
    """Return the reports in a visitor's log."""
    logged = shop.store.logged(token.partition(".")[0])
    return [event for event in logged if event.name is EventName.DECISION_SHOWN]


def is_ticket(answer: dict[str, Any]) -> bool:
    """Tell whether an answer's id carries exposures."""
    return len(answer["decision_id"]) > 22


@pytest.fixture
def shop(shop: Any) -> Any:
    """A shop whose visitors all get the promo page by an experiment."""
    shop.policy[0] = policy(PROMO)
    return shop


class TestWhatIsTold:
    """The answer's part about experiments."""

    def test_an_experiment_changes_the_homepage_and_is_named(self, shop: Any) -> None:
        """With what a page needs to report it as seen."""
        answer = shop.personalize(page={"type": "home"}, limit=2).json()
        assert answer["slots"]["homepage"] == {"variant": "promo", "reason": "experiment"}
        assert [one["item_id"] for one in answer["recommendations"]] == ["d0", "d3"]
        assert answer["experiments"] == [
            {
                "experiment_id": "promo-page",
                "variation_id": 1,
                "variation": "promo",
                "feature_id": "kabin-homepage",
                "value": "promo",
                "slot": "homepage",
            }
        ]
        assert answer["features"] == {}

    def test_a_feature_of_the_shops_own_comes_with_its_value(self, shop: Any) -> None:
        """Of any JSON type, also where no experiment decides it."""
        shop.policy[0] = policy(BANNER | {"texts": {"defaultValue": {"title": "Hello", "lines": [1, None]}}})
        answer = shop.personalize(page={"type": "cart"}).json()
        assert answer["features"] == {"banner": "blue", "texts": {"title": "Hello", "lines": [1, None]}}
        (told,) = answer["experiments"]
        assert (told["experiment_id"], told["feature_id"], told["slot"]) == (
            "banner-color",
            "banner",
            "banner",
        )
        report(shop, answer, shown(answer, "banner"))
        assert [one.experiment_id for one in exposures(shop, answer["visitor_id"])] == ["banner-color"]

    def test_the_pages_own_attributes_decide_conditions(self, shop: Any) -> None:
        """Texts, numbers and truths; what Kabin knows itself goes before them."""
        rule = {"condition": {"country": "TR", "visits": {"$gte": 3}, "vip": True, "page_type": "home"}}
        shop.policy[0] = policy({"banner": feature("red", "blue", weights=[0.0, 1.0], **rule)})
        wanted = {"country": "TR", "visits": 3, "vip": True, "page_type": "home"}
        for attributes, page, color in (
            (wanted, "home", "blue"),
            (wanted | {"visits": 2}, "home", "red"),
            (wanted | {"vip": False}, "home", "red"),
            (wanted, "cart", "red"),
            ({}, "home", "red"),
        ):
            answer = shop.personalize(page={"type": page}, attributes=attributes).json()
            assert answer["features"] == {"banner": color}

    @pytest.mark.parametrize(
        ("switch", "told"),
        [("size", "switched_off"), ("homepage", "default"), ("recommendations", None)],
    )
    def test_a_switch_turns_a_decision_off_for_everybody(self, shop: Any, switch: str, told: str) -> None:
        """Whatever experiments say; and nobody is exposed to what is off."""
        shop.policy[0] = policy(PROMO | NO_SIZE, switched_off=frozenset({switch}))
        answer = shop.personalize(page=SIZED, events=CARTS).json()
        off = {
            "size": answer["size"]["reason"]["code"],
            "homepage": answer["slots"]["homepage"]["reason"],
            "recommendations": None if answer["recommendations"] == [] else "some",
        }
        assert off[switch] == told
        assert switch not in {one["slot"] for one in answer["experiments"]}
        report(shop, answer, shown(answer, None))
        names = {"size": "no-size", "homepage": "promo-page"}
        assert names.get(switch) not in {one.experiment_id for one in exposures(shop, answer["visitor_id"])}

    def test_a_switch_empties_the_lists_of_items_too(self, shop: Any) -> None:
        """And no cache keeps the empty list once the switch is on again."""
        before = shop.request("GET", "/items/d1/similar")
        assert before.json()["recommendations"] != []
        shop.policy[0] = policy({}, switched_off=frozenset({"recommendations"}))
        after = shop.request("GET", "/items/d1/similar")
        assert after.json()["recommendations"] == []
        assert after.headers["cache-control"] == "no-store"

    def test_a_visitors_exposures_are_told_to_who_asks_for_all_that_is_held(self, shop: Any) -> None:
        """The shop's server sees what a visitor was shown, and what they take part in now."""
        answer = shop.personalize(page={"type": "home"}).json()
        report(shop, answer, shown(answer, "homepage"))
        path = "/visitors/" + answer["visitor_id"].partition(".")[0]
        told = shop.request("GET", path, headers=shop.trusted).json()
        assert [(one["experiment_id"], one["variation"]) for one in told["exposures"]] == [
            ("promo-page", "promo")
        ]
        assert told["experiments"] == answer["experiments"]

    def test_a_withheld_size_is_told_with_what_would_have_been_shown(self, shop: Any) -> None:
        """So that the page can confirm when it would have been seen, and both arms count alike."""
        shop.policy[0] = policy(NO_SIZE)
        size = shop.personalize(page=SIZED, events=CARTS).json()["size"]
        assert (size["action"], size["reason"]["code"]) == ("none", "experiment")
        assert (size["size"], size["sku"], size["size_system"]) == ("10", "d5-10", "US")


class TestExposures:
    """What is logged, and when."""

    def test_a_report_of_the_slot_is_logged_with_what_was_decided(self, shop: Any) -> None:
        """Variation, propensity, affinity and what personalization would have shown come from the ticket."""
        answer = shop.personalize(page={"type": "home"}).json()
        assert report(shop, answer, shown(answer))["accepted"] == 1
        (event,) = reports(shop, answer["visitor_id"])
        assert event.experiments == (ExperimentShown("promo-page", 1, "promo", 1.0, 0),)
        assert (event.discount_affinity, event.personalized_homepage) == ("medium", "full_price")
        assert shop.metric("kabin_exposures_total", experiment="promo-page") == 1

    def test_the_report_may_come_with_the_next_question(self, shop: Any) -> None:
        """As kabin.js sends what waits; then the exposure counts before it is decided."""
        first = shop.personalize(page={"type": "home"}).json()
        second = shop.personalize(visitor_id=first["visitor_id"], events=[shown(first)]).json()
        assert second["events"]["accepted"] == 1
        assert not is_ticket(second)
        assert len(exposures(shop, first["visitor_id"])) == 1

    def test_an_exposure_is_logged_once_per_visitor(self, shop: Any) -> None:
        """Further answers name the experiment, and their reports are logged without it."""
        answer = shop.personalize(page={"type": "home"}).json()
        report(shop, answer, shown(answer))
        for _ in range(3):
            again = shop.personalize(visitor_id=answer["visitor_id"], page={"type": "home"}).json()
            assert [one["experiment_id"] for one in again["experiments"]] == ["promo-page"]
            assert report(shop, again, shown(again))["accepted"] == 1
        assert len(reports(shop, answer["visitor_id"])) == 4
        assert len(exposures(shop, answer["visitor_id"])) == 1

    def test_only_the_slot_that_was_seen_counts(self, shop: Any) -> None:
        """Who saw the recommendations has not seen the homepage; a report of no slot is of all."""
        shop.policy[0] = policy(PROMO | BANNER)
        answer = shop.personalize(page={"type": "home"}).json()
        for slot, names in (
            ("recommendations", set()),
            ("banner", {"banner-color"}),
            ("homepage", {"banner-color", "promo-page"}),
        ):
            report(shop, answer, shown(answer, slot))
            assert {one.experiment_id for one in exposures(shop, answer["visitor_id"])} == names
        other = shop.personalize(page={"type": "home"}).json()
        report(shop, other, shown(other, None))
        assert len(exposures(shop, other["visitor_id"])) == 2

    @pytest.mark.parametrize("action", ["preselect", "none"])
    def test_a_size_counts_in_both_arms_where_there_is_one(self, shop: Any, action: str) -> None:
        """Whoever would have been shown none, shown or withheld, is in neither."""
        withheld = float(action == "none")
        shop.policy[0] = policy(
            {"kabin-size": feature(True, False, key="no-size", weights=[1 - withheld, withheld])}
        )
        nobody = shop.personalize(page=SIZED).json()
        assert not is_ticket(nobody)
        answer = shop.personalize(visitor_id=nobody["visitor_id"], page=SIZED, events=CARTS).json()
        assert answer["size"]["action"] == action
        report(shop, answer, shown(nobody, "size"), shown(answer, "size"))
        assert [one.variation_id for one in exposures(shop, answer["visitor_id"])] == [int(withheld)]

    def test_a_holdout_counts_with_whatever_was_seen(self, shop: Any) -> None:
        """Both sides of it: held out of everything, or not."""
        shop.policy[0] = policy({}, learning_traffic=True)
        seen: dict[int, Any] = {}
        for number in range(300):
            answer = shop.personalize(shop.trusted, visitor_id=f"c{number}", page={"type": "home"}).json()
            held = next(one for one in answer["experiments"] if one["experiment_id"] == "kabin-holdout")
            seen.setdefault(held["variation_id"], answer)
        assert set(seen) == {0, 1}
        for variation_id, answer in seen.items():
            report(shop, answer, shown(answer, "recommendations"))
            (told,) = [
                one for one in exposures(shop, answer["visitor_id"]) if one.experiment_id == "kabin-holdout"
            ]
            assert (told.variation_id, told.propensity) == (variation_id, (0.05, 0.95)[variation_id])

    def test_what_two_slots_prove_alike_is_logged_once(self, shop: Any) -> None:
        """A home page reports its slots in one body, and who is held out is so in all of them."""
        shop.policy[0] = policy({}, learning_traffic=True)
        answer = shop.personalize(page={"type": "home"}).json()
        receipt = report(shop, answer, shown(answer, "recommendations"), shown(answer, "homepage"))
        assert receipt["accepted"] == 2
        names = [one.experiment_id for one in exposures(shop, answer["visitor_id"])]
        assert sorted(names) == sorted(one["experiment_id"] for one in answer["experiments"])

    def test_an_exposure_does_not_come_before_its_decision(self, shop: Any) -> None:
        """By a browser's clock that is hours slow, orders of this morning would follow it."""
        answer = shop.personalize(page={"type": "home"}).json()
        report(shop, answer, shown(answer) | {"timestamp": shop.now[0] - 7200})
        (event,) = reports(shop, answer["visitor_id"])
        assert event.timestamp == shop.now[0]

    def test_a_slow_clock_does_not_put_what_follows_before_the_exposure(self, shop: Any) -> None:
        """All of a browser's events are three minutes early; none of them is moved past another."""
        answer = shop.personalize(page={"type": "home"}).json()
        report(shop, answer, shown(answer) | {"timestamp": shop.now[0] - 180})
        (event,) = reports(shop, answer["visitor_id"])
        assert event.timestamp == shop.now[0] - 180

    def test_an_experiment_that_was_stopped_meanwhile_is_left_out(self, shop: Any) -> None:
        """Nobody could say what its variation was; the others of the ticket stay."""
        shop.policy[0] = policy(PROMO | BANNER)
        answer = shop.personalize(page={"type": "home"}).json()
        shop.policy[0] = policy(PROMO)
        report(shop, answer, shown(answer, None))
        assert [one.experiment_id for one in exposures(shop, answer["visitor_id"])] == ["promo-page"]


class TestStickiness:
    """What a visitor keeps."""

    def test_a_variation_that_was_seen_is_kept_when_weights_change(self, shop: Any) -> None:
        """Whoever was not exposed yet goes by the new weights."""
        answers = [shop.personalize(page={"type": "home"}).json() for _ in range(2)]
        report(shop, answers[0], shown(answers[0]))
        shop.policy[0] = policy(
            {"kabin-homepage": feature("full_price", "promo", key="promo-page", weights=[1, 0])}
        )
        variants = [
            shop.personalize(visitor_id=one["visitor_id"], page={"type": page}).json()["slots"]["homepage"]
            for page in ("home", "product")
            for one in answers
        ]
        assert [one["variant"] for one in variants] == ["promo", "full_price"] * 2
        assert {one["reason"] for one in variants} == {"experiment"}

    def test_a_raised_bucket_version_starts_afresh(self, shop: Any) -> None:
        """Then the exposure is logged anew, under the new version."""
        answer = shop.personalize(page={"type": "home"}).json()
        report(shop, answer, shown(answer))
        rule = feature("full_price", "promo", key="promo-page", weights=[1, 0], bucketVersion=1)
        shop.policy[0] = policy({"kabin-homepage": rule})
        again = shop.personalize(visitor_id=answer["visitor_id"], page={"type": "home"}).json()
        assert again["slots"]["homepage"]["variant"] == "full_price"
        report(shop, again, shown(again))
        told = exposures(shop, answer["visitor_id"])
        assert [(one.variation_id, one.bucket_version) for one in told] == [(1, 0), (0, 1)]


class TestWhatIsNoExposure:
    """Answers that nobody, or nobody who counts, was shown."""

    @pytest.mark.parametrize("preview", [{"homepage": "promo"}, {"experiments": {"promo-page": 0}}])
    def test_a_preview_never_counts(self, shop: Any, preview: Any) -> None:
        """Not even for the experiments that it does not touch."""
        shop.policy[0] = policy(PROMO | BANNER)
        answer = shop.personalize(page={"type": "home"}, preview=preview).json()
        assert not is_ticket(answer)
        assert answer["features"] == {"banner": "blue"}
        report(shop, answer, shown(answer, None, experiments=answer["experiments"]))
        assert exposures(shop, answer["visitor_id"]) == []

    def test_a_preview_pins_no_homepage(self, shop: Any) -> None:
        """The visitor's session goes on as it was."""
        token = shop.personalize(events=CARTS).json()["visitor_id"]
        shop.personalize(visitor_id=token, page={"type": "home"}, preview={"experiments": {"promo-page": 0}})
        assert len(shop.store.asked) == 2

    def test_a_preview_forces_variations(self, shop: Any) -> None:
        """By their index; what is not running is skipped."""
        wanted = {"promo-page": 0, "no-such": 3}
        answer = shop.personalize(page={"type": "home"}, preview={"experiments": wanted}).json()
        assert answer["slots"]["homepage"] == {"variant": "full_price", "reason": "experiment"}
        assert [(one["experiment_id"], one["variation_id"]) for one in answer["experiments"]] == [
            ("promo-page", 0)
        ]

    @pytest.mark.parametrize("agent", ["Mozilla/5.0 (compatible; Googlebot/2.1)", "HeadlessChrome/141", ""])
    def test_bots_take_part_in_nothing(self, shop: Any, agent: str) -> None:
        """They are answered as if there were no experiments."""
        shop.policy[0] = policy(PROMO | BANNER)
        answer = shop.personalize({"user-agent": agent}, page=SIZED, events=CARTS).json()
        assert (answer["experiments"], answer["features"]) == ([], {"banner": "red"})
        assert answer["slots"]["homepage"]["variant"] == "full_price"
        assert answer["size"]["action"] == "preselect"
        assert len(answer["recommendations"]) > 0
        assert not is_ticket(answer)

    def test_without_consent_there_are_no_experiments(self, shop: Any) -> None:
        """Nobody can be told apart, so nobody is assigned."""
        for headers, consent in (({"sec-gpc": "1"}, {}), ({}, {"storage": False})):
            answer = shop.personalize(headers, page={"type": "home"}, consent=consent).json()
            assert answer["slots"]["homepage"]["variant"] == "full_price"
            assert answer["experiments"] == []
            assert not is_ticket(answer)

    def test_a_degraded_answer_is_acted_on_and_not_reported(self, shop: Any) -> None:
        """The visitor's variation holds without Redis; whether it is the one they keep cannot be known then."""
        token = shop.personalize(page={"type": "home"}).json()["visitor_id"]
        shop.store.is_down = True
        answer = shop.personalize(visitor_id=token, page={"type": "home"}).json()
        assert answer["degraded"]
        assert answer["slots"]["homepage"] == {"variant": "promo", "reason": "experiment"}
        assert answer["experiments"] == []
        assert not is_ticket(answer)

    def test_a_browser_is_not_believed(self, shop: Any) -> None:
        """What it claims is left out, without a word: the event itself is as good as any."""
        answer = shop.personalize(page={"type": "home"}).json()
        claims = [
            {"experiment_id": "promo-page", "variation_id": 0},
            {"experiment_id": "x", "variation_id": 1},
        ]
        forged = answer["decision_id"][:-1] + ("A" if answer["decision_id"][-1] != "A" else "B")
        receipt = report(
            shop,
            answer,
            shown({"decision_id": "made-up"}, experiments=claims),
            shown({"decision_id": forged}, experiments=claims),
            {"name": "view_cart", "event_id": "v", "params": {"experiments": claims}},
        )
        assert (receipt["accepted"], receipt["rejected"]) == (3, [])
        assert exposures(shop, answer["visitor_id"]) == []
        assert all(
            not event.experiments for event in shop.store.logged(answer["visitor_id"].partition(".")[0])
        )
        report(shop, answer, shown(answer, experiments=claims))
        assert [one.variation_id for one in exposures(shop, answer["visitor_id"])] == [1]

    def test_somebody_elses_ticket_proves_nothing(self, shop: Any) -> None:
        """Of two visitors each was shown their own answer."""
        mine, theirs = (shop.personalize(page={"type": "home"}).json() for _ in range(2))
        report(shop, mine, shown(theirs))
        assert exposures(shop, mine["visitor_id"]) == []
        report(shop, theirs, shown(theirs))
        assert len(exposures(shop, theirs["visitor_id"])) == 1

    def test_a_ticket_of_last_week_proves_nothing(self, shop: Any) -> None:
        """A page reports within two days."""
        answer = shop.personalize(page={"type": "home"}).json()
        shop.now[0] += 49 * 3600
        report(shop, answer, shown(answer))
        assert exposures(shop, answer["visitor_id"]) == []

    async def state_of(self, shop: Any, token: str) -> Any:
        """Return a visitor's exposures as the state holds them."""
        return (await shop.store.read(token.partition(".")[0])).exposures

    @pytest.mark.anyio
    async def test_a_replay_changes_nothing(self, shop: Any) -> None:
        """Neither the same event twice, nor one ticket in two events: both are repetitions."""
        app = shop.app
        answer = (await post(app, "/personalize", page={"type": "home"})).json()
        first = shown(answer)
        await post(app, "/events", visitor_id=answer["visitor_id"], events=[first])
        before = await self.state_of(shop, answer["visitor_id"])
        again = await post(app, "/events", visitor_id=answer["visitor_id"], events=[first, shown(answer)])
        assert (again.json()["duplicate"], again.json()["accepted"]) == (2, 0)
        assert await self.state_of(shop, answer["visitor_id"]) == before
        assert len(before) == 1


async def post(
    app: Starlette, path: str, headers: dict[str, str] | None = None, **body: Any
) -> httpx.Response:
    """Call an application of this event loop, as a browser."""
    transport = httpx.ASGITransport(app)
    agent = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"}
    async with httpx.AsyncClient(transport=transport, base_url="http://kabin.example") as client:
        return await client.post(path, json=body, headers=agent | (headers or {}))


class TestServers:
    """Shops that render their pages themselves."""

    def ask(self, shop: Any, page: Any = None, **body: Any) -> Any:
        """Ask as the shop's server, for customer c."""
        body = {"visitor_id": "c", "page": page or {"type": "home"}} | body
        return shop.personalize(shop.trusted | {"user-agent": "python-httpx/0.28"}, **body).json()

    def test_what_a_server_says_without_a_ticket_is_believed(self, shop: Any) -> None:
        """It may run an experiment of its own; with a ticket, the ticket says it better."""
        claims = [{"experiment_id": "checkout", "variation_id": 2, "variation": "short"}]
        answer = self.ask(shop, events=[shown({"decision_id": "own"}, experiments=claims)])
        assert exposures(shop, "c") == [ExperimentShown("checkout", 2, "short")]
        self.ask(shop, events=[shown(answer, experiments=claims)])
        assert exposures(shop, "c")[1:] == [ExperimentShown("promo-page", 1, "promo", 1.0)]

    def test_exposures_can_be_recorded_with_the_decision(self, make_shop: Callable[..., Any]) -> None:
        """Once, without a report; the answer's own counts are of the events that it was sent."""
        shop = make_shop(exposure_at="decision")
        shop.policy[0] = policy(PROMO)
        answers = [self.ask(shop) for _ in range(3)]
        assert not any(is_ticket(answer) for answer in answers)
        assert [answer["events"]["accepted"] for answer in answers] == [0, 0, 0]
        (event,) = reports(shop, "c")
        assert event.experiments == (ExperimentShown("promo-page", 1, "promo", 1.0),)
        assert (event.source, event.decision_id) == ("server", answers[0]["decision_id"])
        assert (event.discount_affinity, event.personalized_homepage) == ("medium", "full_price")
        assert shop.metric("kabin_exposures_total", experiment="promo-page") == 1
        assert len(shop.store.asked) == 1 + 3

    def test_with_the_decision_counts_what_the_page_shows(self, make_shop: Callable[..., Any]) -> None:
        """The homepage on home pages, a size where there is one, features of the shop's own everywhere."""
        shop = make_shop(exposure_at="decision")
        shop.policy[0] = policy(PROMO | NO_SIZE | BANNER)
        told: list[list[str]] = []
        for page, events in (({"type": "cart"}, []), (SIZED, []), (SIZED, CARTS), ({"type": "home"}, [])):
            self.ask(shop, page, events=events)
            before = sum(len(one) for one in told)
            told.append([one.experiment_id for one in exposures(shop, "c")][before:])
        assert told == [["banner-color"], [], ["no-size"], ["promo-page"]]

    def test_pages_of_browsers_report_as_ever(self, make_shop: Callable[..., Any]) -> None:
        """The setting is about servers."""
        shop = make_shop(exposure_at="decision")
        shop.policy[0] = policy(PROMO)
        answer = shop.personalize(page={"type": "home"}).json()
        assert is_ticket(answer)
        assert exposures(shop, answer["visitor_id"]) == []

    @pytest.mark.parametrize(
        "body",
        [{"preview": {"homepage": "promo"}}, {"consent": {"storage": False}}],
        ids=["preview", "consent"],
    )
    def test_what_is_no_exposure_is_none_with_the_decision_either(
        self, make_shop: Callable[..., Any], body: Any
    ) -> None:
        """Previews, and visitors of whom nothing may be stored."""
        shop = make_shop(exposure_at="decision")
        shop.policy[0] = policy(PROMO)
        self.ask(shop, **body)
        assert exposures(shop, "c") == []

    def test_a_visitors_bot_is_left_out_where_the_server_hands_on_its_header(
        self, make_shop: Callable[..., Any]
    ) -> None:
        """The server's own library is no bot."""
        shop = make_shop(exposure_at="decision")
        shop.policy[0] = policy(PROMO)
        bot = shop.trusted | {"user-agent": "Mozilla/5.0 (compatible; bingbot/2.0)"}
        assert shop.personalize(bot, visitor_id="c", page={"type": "home"}).json()["experiments"] == []
        assert exposures(shop, "c") == []

    def test_an_answer_survives_that_its_exposure_cannot_be_recorded(
        self, make_shop: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Redis may go away between the two; the next page tries again."""
        shop = make_shop(exposure_at="decision")
        shop.policy[0] = policy(PROMO)
        apply = shop.store.apply

        async def apply_events_not(visitor_id: str, batch: Any, **options: Any) -> Any:
            shop.store.is_down = bool(batch)
            return await apply(visitor_id, batch, **options)

        monkeypatch.setattr(shop.store, "apply", apply_events_not)
        answer = self.ask(shop)
        assert (answer["degraded"], answer["slots"]["homepage"]["variant"]) == (False, "promo")
        monkeypatch.undo()
        shop.store.is_down = False
        self.ask(shop)
        assert len(exposures(shop, "c")) == 1


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        (b'{"preview": {"experiments": {"promo-page": "1", "ok": 1, "half": 1.5}}}', ["half", "promo-page"]),
        (b'{"preview": {"experiments": [1]}}', [""]),
        (b'{"attributes": {"a/b": {}, "list": [1], "ok": 1, "null": null}}', ["a~1b", "list"]),
        (b'{"attributes": "x"}', [""]),
    ],
)
def test_malformed_attributes_and_previews_are_refused_entry_by_entry(
    shop: Any, body: bytes, pointers: list[str]
) -> None:
    """422, pointing at each."""
    field = "/preview/experiments" if b"preview" in body else "/attributes"
    response = shop.request("POST", "/personalize", content=body)
    assert response.status_code == 422
    wanted = [f"{field}/{pointer}".rstrip("/") for pointer in pointers]
    assert sorted(error["pointer"] for error in response.json()["errors"]) == wanted


def test_no_more_attributes_than_conditions_need(shop: Any) -> None:
    """Twenty, of 512 characters each at most."""
    many = {f"a{number}": "x" * 512 for number in range(20)}
    assert shop.personalize(attributes=many).status_code == 200
    assert shop.personalize(attributes=many | {"one": 1}).status_code == 422
    assert shop.personalize(attributes={"a": "x" * 513}).status_code == 422
