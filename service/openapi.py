"""``openapi.json``: the contract as data, built from the very schemas that decode and type the bodies."""

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, Final

import msgspec

from service import answers, schemas

_REFERENCE: Final = "#/components/schemas/{name}"
_PROBLEMS: Final[Mapping[int, str]] = {
    400: "The body is not JSON.",
    401: "The server key is missing or wrong.",
    403: "Pages of this origin, or anybody while no server key is set, may not call this.",
    404: "There is no such thing.",
    405: "This path does not know the method.",
    408: "The body did not arrive in time.",
    409: "Nothing was changed: the feed is empty, unreadable or without a good row, or it would shrink the catalog "
    "by more than 30 % (`force=1` does that all the same).",
    413: "The body is too large, or has too many events.",
    415: "The content type is not understood.",
    422: "Fields of the body have wrong values; `errors` has a line for each.",
    503: "Not possible now; try again after `Retry-After` seconds.",
}
_BROWSER_PROBLEMS: Final = (401, 403, 405, 503)
_BODY_PROBLEMS: Final = (400, 408, 413, 415, 422)
_REQUESTS: Final = (schemas.PersonalizeRequest, schemas.EventsRequest, schemas.WireEvent)
_ANSWERS: Final = (
    answers.PersonalizeAnswer,
    answers.EventsReceipt,
    answers.ProblemAnswer,
    answers.VisitorAnswer,
    answers.CatalogAnswer,
    answers.RemovalAnswer,
    answers.SimilarAnswer,
    answers.HealthAnswer,
    answers.ReadinessAnswer,
)


def build_openapi(*, max_events: int) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the service.

    Args:
        max_events: the setting of that name, which the description of bodies states.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Kabin",
            "version": version("kabin"),
            "summary": "Onsite personalization: the visitor's size, the right homepage, and what goes with it.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": _paths(),
        "components": {
            "schemas": _component_schemas(max_events),
            "securitySchemes": {
                "serverKey": {"type": "http", "scheme": "bearer", "description": "`KABIN_SERVER_KEY`."}
            },
        },
    }


def _component_schemas(max_events: int) -> dict[str, Any]:
    _, requests = msgspec.json.schema_components(_REQUESTS, ref_template=_REFERENCE)
    _, closed = msgspec.json.schema_components(_ANSWERS, ref_template=_REFERENCE)
    for schema in closed.values():
        if schema.get("type") == "object" and "properties" in schema:
            schema["additionalProperties"] = False
    for name in ("PersonalizeRequest", "EventsRequest"):
        requests[name]["properties"]["events"] = {
            "type": "array",
            "description": f"At most {max_events}; with more, the answer is 413.",
            "items": {
                "description": "An event as in #/components/schemas/WireEvent. Anything else is refused by itself, "
                "in `rejected`; an event with another name is counted in `ignored`.",
            },
        }
    return {**requests, **closed}


def _paths() -> dict[str, Any]:
    return {**_page_paths(), **_shop_paths(), **_operator_paths()}


def _page_paths() -> dict[str, Any]:
    """Describe what pages call."""
    return {
        "/personalize": {
            "post": _operation(
                "personalize",
                "Apply a page's events and decide: size, homepage variant, recommendations",
                "The body may be sent as `text/plain` too, which spares browsers the CORS preflight. "
                "Answered even while Redis is down (`degraded`).",
                answers={200: _answer("PersonalizeAnswer", "The decision.", personal=True)},
                body=_json_body("PersonalizeRequest"),
                problems=(*_BROWSER_PROBLEMS, *_BODY_PROBLEMS),
            )
        },
        "/events": {
            "post": _operation(
                "events",
                "Keep one visitor's events",
                "The body may be sent as `text/plain` too, as `navigator.sendBeacon` does.",
                answers={202: _answer("EventsReceipt", "The events are in the log.", personal=True)},
                body=_json_body("EventsRequest"),
                problems=(*_BROWSER_PROBLEMS, *_BODY_PROBLEMS),
            )
        },
        "/items/{id}/similar": {
            "parameters": [_path_parameter("An item's or a SKU's id.")],
            "get": _operation(
                "similar_items",
                "Items that go with an item, whoever asks",
                answers={200: _answer("SimilarAnswer", "The items, best first.")},
                parameters=[_LIMIT],
                problems=(*_BROWSER_PROBLEMS, 404, 422),
            ),
        },
    }


def _shop_paths() -> dict[str, Any]:
    """Describe what the shop's servers call."""
    return {
        "/visitors/{id}": {
            "parameters": [_path_parameter("A visitor's id or token.")],
            "get": _operation(
                "visitor",
                "Everything held about a visitor, and why each decision comes out as it does",
                answers={200: _answer("VisitorAnswer", "What is known.", personal=True)},
                server=True,
                problems=(401, 403, 404, 405, 503),
            ),
        },
        "/catalog": {
            "put": _operation(
                "replace_catalog",
                "Replace the catalog by a feed",
                "A Google Merchant Center feed as JSON Lines, CSV or TSV, also gzipped (`Content-Encoding: gzip`). "
                "Bad rows are reported, the rest is kept.",
                answers={200: _answer("CatalogAnswer", "What became of the rows.")},
                body=_feed_body(),
                parameters=[_FORCE],
                server=True,
                problems=(401, 403, 405, 409, 413, 415, 422, 503),
            ),
            "patch": _operation(
                "update_catalog",
                "Add or replace rows of the catalog",
                answers={200: _answer("CatalogAnswer", "What became of the rows.")},
                body=_feed_body(),
                server=True,
                problems=(401, 403, 405, 409, 413, 415, 503),
            ),
        },
        "/items/{id}": {
            "parameters": [_path_parameter("An item's or a SKU's id.")],
            "delete": _operation(
                "remove_item",
                "Remove an item with all its SKUs, or one SKU",
                answers={200: _answer("RemovalAnswer", "How many SKUs went.")},
                server=True,
                problems=(401, 403, 404, 405, 503),
            ),
        },
    }


def _operator_paths() -> dict[str, Any]:
    """Describe what operators call."""
    return {
        "/healthz": {"get": _status("healthz", "Whether the process lives", {200: "HealthAnswer"})},
        "/readyz": {
            "get": _status(
                "readyz",
                "Whether it can keep events, and what it decides with",
                {200: "ReadinessAnswer", 503: "ReadinessAnswer"},
            )
        },
        "/metrics": {"get": _document("metrics", "Prometheus metrics of all workers", "text/plain")},
        "/openapi.json": {"get": _document("openapi", "This document", "application/json")},
    }


_LIMIT: Final = {
    "name": "limit",
    "in": "query",
    "description": "Most items to return.",
    "schema": {
        "type": "integer",
        "minimum": 0,
        "maximum": schemas.MAX_LIMIT,
        "default": schemas.DEFAULT_LIMIT,
    },
}
_FORCE: Final = {
    "name": "force",
    "in": "query",
    "description": "`1` replaces the catalog even if it shrinks by more than 30 %.",
    "schema": {"type": "string", "enum": ["0", "1"], "default": "0"},
}


def _operation(
    operation_id: str,
    summary: str,
    description: str | None = None,
    *,
    answers: Mapping[int, Any],
    body: dict[str, Any] | None = None,
    parameters: Iterable[Any] = (),
    server: bool = False,
    problems: Iterable[int],
) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": operation_id, "summary": summary}
    if description:
        operation["description"] = description
    operation["security"] = [{"serverKey": []}] if server else [{}, {"serverKey": []}]
    operation["parameters"] = list(parameters)
    if body is not None:
        operation["requestBody"] = body
    operation["responses"] = {str(status): answer for status, answer in answers.items()} | {
        str(status): _problem(status) for status in sorted(set(problems))
    }
    return operation


def _status(operation_id: str, summary: str, answers: Mapping[int, str]) -> dict[str, Any]:
    responses = {str(status): _answer(name, summary + ".") for status, name in answers.items()}
    return {
        "operationId": operation_id,
        "summary": summary,
        "security": [],
        "responses": responses | {"405": _problem(405)},
    }


def _document(operation_id: str, summary: str, media_type: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object" if media_type.endswith("json") else "string"}
    return {
        "operationId": operation_id,
        "summary": summary,
        "security": [],
        "responses": {
            "200": {"description": summary + ".", "content": {media_type: {"schema": schema}}},
            "405": _problem(405),
        },
    }


def _path_parameter(description: str) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1}
    return {"name": "id", "in": "path", "required": True, "description": description, "schema": schema}


def _json_body(name: str) -> dict[str, Any]:
    schema = {"$ref": _REFERENCE.format(name=name)}
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _feed_body() -> dict[str, Any]:
    # Any text: rows are judged one by one, in the answer, which a schema of the whole could not say.
    media_types = ("application/x-ndjson", "text/csv", "text/tab-separated-values")
    return {"required": True, "content": {media_type: {} for media_type in media_types}}


def _answer(name: str, description: str, *, personal: bool = False) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": _REFERENCE.format(name=name)}}},
    }
    if personal:
        answer["headers"] = {
            "Server-Timing": {"description": "Milliseconds spent.", "schema": {"type": "string"}},
            "Cache-Control": {"description": "Always `no-store`.", "schema": {"type": "string"}},
        }
    return answer


def _problem(status: int) -> dict[str, Any]:
    schema = {"$ref": _REFERENCE.format(name="ProblemAnswer")}
    return {
        "description": _PROBLEMS[status],
        "content": {"application/problem+json": {"schema": schema}},
    }
