"""The parts that descriptions of operations are made of: bodies, parameters, answers and problems."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

REFERENCE: Final = "#/components/schemas/{name}"
"""Where the schema of a request or answer stands in the document."""

_PROBLEMS: Final[Mapping[int, str]] = {
    400: "The body is not JSON.",
    401: "The server key is missing or wrong.",
    403: "Pages of this origin, or anybody while no server key is set, may not call this.",
    404: "There is no such thing.",
    405: "This path does not know the method.",
    408: "The body did not arrive in time.",
    409: "Nothing was changed: the feed is empty, unreadable or without a good row, or it would shrink the catalog "
    "by more than 30 % (`force=1` does that all the same); or some rows are to change in a catalog that Redis has lost.",
    413: "The body is too large, or has too many events.",
    415: "The content type is not understood.",
    422: "Fields of the body have wrong values; `errors` has a line for each.",
    429: "This visitor or address asks too often; try again after `Retry-After` seconds. Nothing of the body was kept.",
    503: "Not possible now; try again after `Retry-After` seconds.",
}
_ALWAYS_POSSIBLE: Final = (429,)
"""Also of servers: an address that guesses keys is limited like a browser's."""


def operation(
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
    """Describe a call of pages or, with ``server``, of the shop's servers alone."""
    described: dict[str, Any] = {"operationId": operation_id, "summary": summary}
    if description:
        described["description"] = description
    described["security"] = [{"serverKey": []}] if server else [{}, {"serverKey": []}]
    described["parameters"] = list(parameters)
    if body is not None:
        described["requestBody"] = body
    described["responses"] = {str(status): answer for status, answer in answers.items()} | {
        str(status): problem(status) for status in sorted({*problems, *_ALWAYS_POSSIBLE})
    }
    return described


def open_operation(operation_id: str, summary: str, answers: Mapping[int, Any]) -> dict[str, Any]:
    """Describe a call that is the same for everybody who can reach the port."""
    responses = {str(status): answers[status] for status in sorted(answers)}
    return {
        "operationId": operation_id,
        "summary": summary,
        "security": [],
        "responses": responses | {"405": problem(405)},
    }


def answer(
    name: str, description: str, *, or_else: str | None = None, personal: bool = False
) -> dict[str, Any]:
    """Describe a JSON answer by the schema of that name, or of either name."""
    schemas = [{"$ref": REFERENCE.format(name=each)} for each in (name, or_else) if each]
    described = content("application/json", description, {"oneOf": schemas} if or_else else schemas[0])
    if personal:
        described["headers"] = {
            "Server-Timing": {"description": "Milliseconds spent.", "schema": {"type": "string"}},
            "Cache-Control": {"description": "Always `no-store`.", "schema": {"type": "string"}},
        }
    return described


def content(media_type: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Describe an answer of a media type."""
    return {"description": description, "content": {media_type: {"schema": schema}}}


def cached_text(media_type: str, description: str) -> dict[int, Any]:
    """Describe a text that caches keep, and the answer to whoever has it already."""
    described = content(media_type, description, {"type": "string"})
    described["headers"] = {
        "ETag": {"description": "For `If-None-Match`.", "schema": {"type": "string"}},
        "Cache-Control": {"description": "How long it may be kept.", "schema": {"type": "string"}},
    }
    return {200: described, 304: {"description": "What `If-None-Match` names is still what there is."}}


def problem(status: int) -> dict[str, Any]:
    """Describe an error."""
    schema = {"$ref": REFERENCE.format(name="ProblemAnswer")}
    return content("application/problem+json", _PROBLEMS[status], schema)


def path_parameter(name: str, description: str, **schema: object) -> dict[str, Any]:
    """Describe a part of the path; ``schema`` narrows what text it may be."""
    described = {"type": "string", **schema}
    return {"name": name, "in": "path", "required": True, "description": description, "schema": described}


def json_body(name: str) -> dict[str, Any]:
    """Describe a JSON body by the schema of that name."""
    schema = {"$ref": REFERENCE.format(name=name)}
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def feed_body() -> dict[str, Any]:
    """Describe a feed: any text, since rows are judged one by one in the answer."""
    media_types = ("application/x-ndjson", "text/csv", "text/tab-separated-values")
    return {"required": True, "content": {media_type: {} for media_type in media_types}}
