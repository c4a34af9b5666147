"""``/experiments`` and ``/switches``: what the shop's servers can ask and change."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.stores.connection import StoreUnavailable
from service.stores.experiments import DocumentChanged

PROMO = {"feature": "kabin-homepage", "variations": ["personalized", "promo"]}
ALWAYS_PROMO = PROMO | {"weights": [0, 1]}


def ask(shop: Any, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
    """Call as the shop's server."""
    if body is not None:
        options["json"] = body
    response: httpx.Response = shop.request(method, path, headers=shop.trusted, **options)
    return response


def homepage(shop: Any) -> str:
    """Return the homepage that a new visitor is shown."""
    slots = shop.personalize(page={"type": "home"}).json()["slots"]
    return str(slots["homepage"]["variant"])


def pointers(response: httpx.Response) -> list[str]:
    """Return where the fields of a refused body are wrong."""
    assert response.status_code == 422, response.text
    return [error["pointer"] for error in response.json()["errors"]]


def test_an_experiment_lives_and_dies_over_http(shop: Any) -> None:
    """Defined, listed, changed, stopped, started and removed; each answer says what it is like now."""
    created = ask(shop, "PUT", "/experiments/promo-page", ALWAYS_PROMO)
    assert created.status_code == 201
    assert created.headers["cache-control"] == "no-store"
    experiment = created.json()["experiment"]
    assert experiment == {
        "experiment_id": "promo-page",
        "status": "running",
        "source": "redis",
        "feature": "kabin-homepage",
        "slot": "homepage",
        "variations": [
            {"key": "personalized", "name": None, "value": "personalized"},
            {"key": "promo", "name": None, "value": "promo"},
        ],
        "weights": [0.0, 1.0],
        "coverage": 1.0,
        "condition": None,
        "hash_attribute": "id",
        "problems": [],
    }
    listed = ask(shop, "GET", "/experiments").json()
    assert listed == {"version": created.json()["version"], "experiments": [experiment], "problems": []}
    changed = ask(shop, "PATCH", "/experiments/promo-page", {"weights": [0.5, 0.5], "coverage": 0.2})
    assert (changed.json()["experiment"]["weights"], changed.json()["experiment"]["coverage"]) == (
        [0.5, 0.5],
        0.2,
    )
    assert changed.json()["version"] > created.json()["version"]
    stopped = ask(shop, "PATCH", "/experiments/promo-page", {"status": "stopped"})
    assert stopped.json()["experiment"]["status"] == "stopped"
    again = ask(shop, "PUT", "/experiments/promo-page", PROMO | {"status": "running"})
    assert (again.status_code, again.json()["experiment"]["status"]) == (200, "running")
    assert ask(shop, "DELETE", "/experiments/promo-page").status_code == 200
    assert ask(shop, "GET", "/experiments").json()["experiments"] == []


def test_a_change_is_in_effect_with_the_answer(shop: Any) -> None:
    """The worker that has answered a change decides by it at once."""
    assert homepage(shop) == "full_price"
    ask(shop, "PUT", "/experiments/promo-page", ALWAYS_PROMO)
    assert homepage(shop) == "promo"
    ask(shop, "PATCH", "/experiments/promo-page", {"status": "stopped"})
    assert homepage(shop) == "full_price"
    ask(shop, "PATCH", "/experiments/promo-page", {"status": "running"})
    assert homepage(shop) == "promo"
    ask(shop, "PATCH", "/switches", {"homepage": False})
    assert homepage(shop) == "full_price"


def test_switches_are_read_and_set_one_by_one(shop: Any) -> None:
    """What is not named stays as it is."""
    everything = {"size": True, "homepage": True, "recommendations": True}
    assert ask(shop, "GET", "/switches").json() == everything
    assert ask(shop, "PATCH", "/switches", {"size": False}).json() == everything | {"size": False}
    answer = ask(shop, "PATCH", "/switches", {"recommendations": False, "homepage": None}).json()
    assert answer == {"size": False, "homepage": True, "recommendations": False}
    assert ask(shop, "PATCH", "/switches", {"size": True}).json()["size"] is True
    assert ask(shop, "GET", "/switches").json() == everything | {"recommendations": False}


def test_a_payload_replaces_what_is_defined(shop: Any) -> None:
    """GrowthBook's JSON, whole; what it says of a variation comes back, whatever JSON that is."""
    big = {"text": "ünï", "list": [1, None, 2**70]}
    rules = [{"key": "t", "variations": [0, big], "meta": [{"key": "a", "name": "A"}, {"key": "b"}]}]
    ask(shop, "PUT", "/experiments/promo-page", PROMO)
    answer = ask(shop, "PUT", "/experiments", {"features": {"banner": {"rules": rules}}, "dateUpdated": "x"})
    (experiment,) = answer.json()["experiments"]
    assert experiment["variations"] == [
        {"key": "a", "name": "A", "value": 0},
        {"key": "b", "name": None, "value": big},
    ]
    assert (experiment["weights"], experiment["slot"]) == ([0.5, 0.5], "banner")


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({}, ["/feature", "/variations"]),
        (PROMO | {"weight": [0.5, 0.5]}, ["/weight"]),
        (PROMO | {"weights": [0.5, 0.4]}, ["/weights"]),
        (PROMO | {"weights": [1]}, ["/weights"]),
        (PROMO | {"coverage": 1.5, "feature": ""}, ["/coverage", "/feature"]),
        (PROMO | {"variations": ["personalized"]}, ["/variations"]),
        (PROMO | {"variations": ["promo", "sale"]}, ["/variations/1"]),
        (PROMO | {"variations": [{"value": "promo"}, {"valeu": 1}]}, ["/variations/1"]),
        (PROMO | {"variations": ["promo", "promo"]}, ["/variations"]),
        (PROMO | {"feature": "kabin-homepge"}, ["/feature"]),
        (PROMO | {"condition": {"id": {"$near": 1}}}, ["/condition/id/$near"]),
        (PROMO | {"status": "paused"}, ["/status"]),
        ([], [""]),
    ],
)
def test_a_wrong_definition_is_refused_field_by_field(shop: Any, body: Any, wrong: list[str]) -> None:
    """Pointers lead into the body that was sent, misspelt names among them; nothing is stored."""
    assert sorted(pointers(ask(shop, "PUT", "/experiments/x", body))) == wrong
    assert asyncio.run(shop.experiments.version()) == 0


@pytest.mark.parametrize(
    ("method", "path", "body", "wrong"),
    [
        ("PATCH", "/experiments/promo-page", {"coverage": 2}, ["/coverage"]),
        ("PATCH", "/experiments/promo-page", {"weights": [0.2, 0.2]}, ["/weights"]),
        ("PATCH", "/experiments/promo-page", {"wieghts": [1, 0]}, ["/wieghts"]),
        ("PATCH", "/switches", {"siez": False}, ["/siez"]),
        ("PATCH", "/switches", {"size": "off"}, ["/size"]),
        ("PUT", "/experiments/kabin-mine", PROMO, [""]),
        ("PUT", "/experiments/other", PROMO, ["/feature"]),
        ("PUT", "/experiments/promo-page", {"feature": "banner", "variations": [1, 2]}, ["/feature"]),
        (
            "PUT",
            "/experiments",
            {"features": {"a": {"rules": [{"coverage": 3, "force": 1}]}}},
            ["/features/a/rules/0/coverage"],
        ),
        ("PUT", "/experiments", {"encryptedFeatures": "…"}, ["/encryptedFeatures"]),
        ("PUT", "/experiments", {"features": []}, ["/features"]),
    ],
)
def test_a_wrong_change_is_refused(shop: Any, method: str, path: str, body: Any, wrong: list[str]) -> None:
    """Of an experiment, of switches, of everything: 422 with a line for each fault, and no change."""
    ask(shop, "PUT", "/experiments/promo-page", PROMO)
    version = asyncio.run(shop.experiments.version())
    assert pointers(ask(shop, method, path, body)) == wrong
    assert asyncio.run(shop.experiments.version()) == version


@pytest.mark.parametrize(
    ("method", "body"), [("PATCH", {"status": "stopped"}), ("PATCH", {}), ("DELETE", None)]
)
def test_an_unknown_experiment_is_answered_with_the_known(shop: Any, method: str, body: Any) -> None:
    """404, and the names that there are."""
    ask(shop, "PUT", "/experiments/promo-page", PROMO)
    response = ask(shop, method, "/experiments/promo-pgae", body)
    assert response.status_code == 404
    assert "known are: promo-page" in response.json()["detail"]


def test_the_servers_alone_may_call(shop: Any, make_shop: Callable[..., Any]) -> None:
    """No key and a wrong one are 401, a page's preflight and a service without any key 403."""
    for method, path in (("GET", "/experiments"), ("PUT", "/experiments/x"), ("PATCH", "/switches")):
        assert shop.request(method, path, json={}).status_code == 401
        wrong = {"authorization": "Bearer a-wrong-server-key"}
        assert shop.request(method, path, json={}, headers=wrong).status_code == 401
        page = {"origin": "https://shop.example", "access-control-request-method": method}
        assert shop.request("OPTIONS", path, headers=page).status_code == 403
        assert make_shop(server_key=None).request(method, path, json={}).status_code == 403
    assert ask(shop, "POST", "/experiments").status_code == 405


def test_bodies_have_limits(shop: Any) -> None:
    """64 KiB for one experiment; what is no JSON is 400, another media type 415."""
    large = PROMO | {"variations": [{"value": "x" * 70_000}, {"value": 1}]}
    assert ask(shop, "PUT", "/experiments/x", large).status_code == 413
    assert ask(shop, "PUT", "/experiments/x", content=b"{").status_code == 400
    assert ask(shop, "PUT", "/experiments/x", content=b"[" * 10_000).status_code == 400
    assert pointers(ask(shop, "PUT", "/experiments/x", content=b'{"coverage": 1e400}')) == [""]
    nested = (
        b'{"feature": "banner", "variations": [1, 2], "condition": ' + b'{"$not": ' * 700 + b"{}" + b"}" * 701
    )
    assert ask(shop, "PUT", "/experiments/x", content=nested).status_code in (400, 422)
    headers = shop.trusted | {"content-type": "text/html"}
    assert shop.request("PUT", "/experiments", content=b"{}", headers=headers).status_code == 415


def test_what_cannot_be_read_is_not_overwritten(shop: Any) -> None:
    """409 says what to do; it is so for reading, too."""
    shop.experiments.stored = b"{"
    for method, path, body in (
        ("GET", "/experiments", None),
        ("GET", "/switches", None),
        ("PUT", "/experiments/x", PROMO),
        ("PATCH", "/switches", {"size": False}),
    ):
        response = ask(shop, method, path, body)
        assert response.status_code == 409
        assert "--force" in response.json()["detail"]
    assert shop.experiments.stored == b"{"


def test_a_change_that_always_comes_second_is_a_conflict(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other writers that are faster every time: 409, and nothing was changed."""

    async def lose(*_arguments: Any, **_options: Any) -> int:
        raise DocumentChanged("another was first")

    monkeypatch.setattr(shop.experiments, "write", lose)
    response = ask(shop, "PUT", "/experiments/x", PROMO)
    assert response.status_code == 409
    assert "try again" in response.json()["detail"]


def test_without_redis_nothing_is_promised(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 and when to come back."""

    async def fail(*_arguments: Any, **_options: Any) -> Any:
        raise StoreUnavailable("Redis: gone")

    monkeypatch.setattr(shop.experiments, "read", fail)
    for method, path, body in (("GET", "/experiments", None), ("PATCH", "/switches", {"size": False})):
        response = ask(shop, method, path, body)
        assert (response.status_code, response.headers["retry-after"]) == (503, "5")


def test_kabins_own_experiments_are_listed_and_left_to_their_setting(make_shop: Callable[..., Any]) -> None:
    """The holdout and the random slice show up with their shares, and cannot be stopped here."""
    shop = make_shop(learning_traffic=True)
    listed = {each["experiment_id"]: each for each in ask(shop, "GET", "/experiments").json()["experiments"]}
    assert (listed["kabin-holdout"]["source"], listed["kabin-holdout"]["feature"]) == ("settings", None)
    assert listed["kabin-random"]["coverage"] == 0.1
    response = ask(shop, "PATCH", "/experiments/kabin-holdout", {"status": "stopped"})
    assert response.status_code == 409
    assert "KABIN_LEARNING_TRAFFIC" in response.json()["detail"]


@pytest.mark.slow
def test_a_running_service_obeys(start_server: Callable[..., Any], tmp_path: Path) -> None:
    """On a real Redis: the change is in effect with the answer, and an embedded Valkey keeps it."""
    server = start_server(tmp_path)
    server.put_feed()
    with httpx.Client(base_url=server.url, headers=server.trusted) as client:
        assert client.put("/experiments/promo-page", json=ALWAYS_PROMO).status_code == 201
        answer = client.post("/personalize", json={"page": {"type": "home"}}).json()
        assert answer["slots"]["homepage"]["variant"] == "promo"
        assert client.patch("/switches", json={"homepage": False}).json()["homepage"] is False
        answer = client.post("/personalize", json={"page": {"type": "home"}}).json()
        assert answer["slots"]["homepage"]["variant"] == "full_price"
        assert [each["experiment_id"] for each in client.get("/experiments").json()["experiments"]] == [
            "promo-page"
        ]
