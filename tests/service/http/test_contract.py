"""The served contract: valid by itself, closed in its answers, and kept under attack."""

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings

from service.openapi import build_openapi

STRICT = {"ExperimentDefinition", "VariationDefinition", "ExperimentChange", "SwitchChange"}
"""Bodies in which a misspelt name is a mistake with consequences, and refused."""

EXAMPLES = 40
"""Generated bodies an operation; the search is seeded by its name, so a failure comes back."""


@pytest.fixture(scope="session")
def attacked(start_server: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A real server with a catalog, for nobody else."""
    server = start_server(tmp_path_factory.mktemp("attacked"))
    server.put_feed()
    return server


def attackable() -> dict[str, Any]:
    """Return the contract with events spelled out, so that good and nearly good ones are sent too."""
    document = build_openapi(max_events=50)
    for body in ("PersonalizeRequest", "EventsRequest"):
        events = document["components"]["schemas"][body]["properties"]["events"]
        events["items"] = {"anyOf": [{"$ref": "#/components/schemas/WireEvent"}, {}]}
    return document


def expectations() -> schemathesis.Config:
    """Count 413 as a refusal: generated bodies may exceed 32 KB. Some rules no schema says."""
    refusals = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422]
    judged = {"positive_data_acceptance": {"expected-statuses": [200, 201, 401, 403, 404, 409, 422]}}
    return schemathesis.Config.from_dict(
        {
            "checks": {"negative_data_rejection": {"expected-statuses": refusals}},
            "operations": [
                {
                    "include-operation-id": [
                        "replace_experiments",
                        "define_experiment",
                        "change_experiment",
                        "identify",
                    ],
                    "checks": judged,
                }
            ],
        }
    )


contract = schemathesis.openapi.from_dict(attackable(), config=expectations())


@contract.auth()
class ServerKey:
    """Calls as the shop's server; the checks themselves also try without, and with a wrong one."""

    def get(self, _case: Any, _context: Any) -> str:
        """Return the key that :func:`start_server` sets."""
        return "a-server-key-for-tests"

    def set(self, case: Any, data: str, _context: Any) -> None:
        """Put the key into the request."""
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.serializer("application/x-ndjson")
def json_line(context: Any, value: Any) -> bytes:
    """Send a generated feed as it is if it is text, else as one line of JSON."""
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def answered(document: dict[str, Any], method: str, path: str, status: int) -> dict[str, Any]:
    """Return the schema of an answer, with the components it refers to."""
    response = document["paths"][path][method]["responses"][str(status)]
    (content,) = response["content"].values()
    return {**content["schema"], "components": document["components"]}


def test_every_schema_is_valid_and_every_answer_is_closed() -> None:
    """What an answer may hold is listed in full. What a page may send is not: unknown fields are skipped."""
    schemas = build_openapi(max_events=50)["components"]["schemas"]
    for name, described in schemas.items():
        jsonschema.Draft202012Validator.check_schema(described)
        is_answer = name.endswith(("Answer", "Receipt", "Status"))
        is_closed = is_answer or name in STRICT
        assert described.get("additionalProperties", True) is not is_closed, name
        assert not is_answer or set(described["required"]) == set(described["properties"]), name


def test_the_document_states_the_limit_of_events() -> None:
    """Also another one than the default."""
    assert "At most 7;" in json.dumps(build_openapi(max_events=7))


@pytest.mark.parametrize(
    ("call", "path", "options", "status"),
    [
        ("post /personalize", "/personalize", {"json": {"page": {"type": "home"}}}, 200),
        ("post /personalize", "/personalize", {"json": {"events": [{"name": "purchase"}]}}, 200),
        ("post /personalize", "/personalize", {"json": []}, 422),
        ("post /events", "/events", {"json": {"events": [{"name": "scroll"}]}}, 202),
        ("get /items/{id}/similar", "/items/d1/similar", {}, 200),
        ("get /items/{id}/similar", "/items/d99/similar", {}, 404),
        ("get /kabin.json", "/kabin.json", {}, 200),
        ("get /kabin-{hash}.js", "/kabin-x.js", {}, 404),
        ("get /visitors/{id}", "/visitors/anna", {}, 404),
        ("delete /visitors/{id}", "/visitors/anna", {}, 200),
        ("get /healthz", "/healthz", {}, 200),
        ("get /readyz", "/readyz", {}, 200),
        ("put /catalog", "/catalog", {"content": b"{}"}, 503),
        ("get /experiments", "/experiments", {}, 200),
        ("put /experiments", "/experiments", {"json": {"features": {"a": 1}}}, 422),
        ("put /experiments/{id}", "/experiments/t", {"json": {"feature": "a", "variations": [1, 2]}}, 201),
        ("patch /experiments/{id}", "/experiments/t", {"json": {"status": "stopped"}}, 404),
        ("delete /experiments/{id}", "/experiments/t", {}, 404),
        ("get /switches", "/switches", {}, 200),
        ("patch /switches", "/switches", {"json": {"size": False}}, 200),
    ],
)
def test_answers_are_as_the_contract_says(
    shop: Any, call: str, path: str, options: dict[str, Any], status: int
) -> None:
    """Body and content type, of good answers and of problems."""
    method, template = call.split()
    document = shop.request("GET", "/openapi.json").json()
    response = shop.request(method.upper(), path, headers=shop.trusted, **options)
    assert response.status_code == status
    assert (
        response.headers["content-type"]
        in document["paths"][template][method]["responses"][str(status)]["content"]
    )
    jsonschema.validate(
        response.json(), answered(document, method, template, status), jsonschema.Draft202012Validator
    )


@pytest.mark.slow
@contract.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_no_request_makes_the_server_break_its_contract(case: Any, attacked: Any) -> None:
    """All checks, with good data and bad, as the shop's server would call."""
    case.call_and_validate(base_url=attacked.url)


@pytest.mark.proof
@contract.parametrize()
@settings(
    max_examples=25 * EXAMPLES,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_a_thousand_requests_do_not_make_the_server_break_its_contract(case: Any, attacked: Any) -> None:
    """The same for each call, other data in every run."""
    case.call_and_validate(base_url=attacked.url)
