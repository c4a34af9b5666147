"""Every path of the contract: who may call what, and what comes back."""

from typing import Any, Final

from service.contract import schemas
from service.openapi.experiments import experiment_paths
from service.openapi.operations import (
    answer,
    cached_text,
    content,
    feed_body,
    json_body,
    open_operation,
    operation,
    path_parameter,
    problem,
)

_BROWSER_PROBLEMS: Final = (401, 403, 405, 429, 503)
_BODY_PROBLEMS: Final = (400, 408, 413, 415, 422)
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
_WITH_EVENTS: Final = {
    "name": "events",
    "in": "query",
    "description": "`1` also answers every event that is held.",
    "schema": {"type": "string", "enum": ["0", "1"], "default": "0"},
}


def paths() -> dict[str, Any]:
    """Return the ``paths`` of the document."""
    return {
        **_page_paths(),
        **_storefront_paths(),
        **_shop_paths(),
        **experiment_paths(),
        **_operator_paths(),
    }


def _page_paths() -> dict[str, Any]:
    """Describe what pages call."""
    return {
        "/personalize": {
            "post": operation(
                "personalize",
                "Apply a page's events and decide: size, homepage variant, recommendations",
                "The body may be sent as `text/plain` too, which spares browsers the CORS preflight. "
                "Answered even while Redis is down (`degraded`) or has no room for events (`events.retry`).",
                answers={200: answer("PersonalizeAnswer", "The decision.", personal=True)},
                body=json_body("PersonalizeRequest"),
                problems=(*_BROWSER_PROBLEMS, *_BODY_PROBLEMS),
            )
        },
        "/events": {
            "post": operation(
                "events",
                "Keep one visitor's events",
                "The body may be sent as `text/plain` too, as `navigator.sendBeacon` does.",
                answers={202: answer("EventsReceipt", "The events are in the log.", personal=True)},
                body=json_body("EventsRequest"),
                problems=(*_BROWSER_PROBLEMS, *_BODY_PROBLEMS),
            )
        },
        "/identify": {
            "post": operation(
                "identify",
                "Tie a visitor to a customer, or start a new visitor when the customer signs out",
                "Exactly one of `customer_id` (with the server key), `customer_token` and `sign_out`. What was held of the "
                "visitor becomes the customer's, once, however often this is called; a visitor who is a customer already "
                "is never merged into another. Use the returned token from now on.",
                answers={200: answer("IdentifyAnswer", "Whom to ask for from now on.", personal=True)},
                body=json_body("IdentifyRequest"),
                problems=(*_BROWSER_PROBLEMS, *_BODY_PROBLEMS),
            )
        },
        "/items/{id}/similar": {
            "parameters": [path_parameter("id", "An item's or a SKU's id.", minLength=1)],
            "get": operation(
                "similar_items",
                "Items that go with an item, whoever asks",
                answers={200: answer("SimilarAnswer", "The items, best first.")},
                parameters=[_LIMIT],
                problems=(*_BROWSER_PROBLEMS, 404, 422),
            ),
        },
    }


def _storefront_paths() -> dict[str, Any]:
    """Describe the storefront script and what belongs to it, which any page may load."""
    script = cached_text("text/javascript", "The script.")
    moved = {
        "description": "The script is of another release: `/kabin.js` has the present one.",
        "headers": {"Location": {"description": "`kabin.js`.", "schema": {"type": "string"}}},
    }
    return {
        "/kabin.js": {
            "get": open_operation("storefront_script", "The storefront script of this release", script)
        },
        "/kabin-{hash}.js": {
            "parameters": [
                path_parameter("hash", "As in `script` of `/kabin.json`.", pattern="^[0-9a-f]{12}$")
            ],
            "get": open_operation(
                "pinned_storefront_script",
                "The storefront script by its hash, which caches may keep for good",
                {**script, 302: moved, 404: problem(404)},
            ),
        },
        "/kabin-widgets-{hash}.js": {
            "parameters": [path_parameter("hash", "As the script names it.", pattern="^[0-9a-f]{12}$")],
            "get": open_operation(
                "storefront_widgets",
                "What the script fetches for pages with size pickers, recommendations or GA4 tags",
                {**script, 404: problem(404)},
            ),
        },
        "/kabin.d.ts": {
            "get": open_operation(
                "storefront_types",
                "TypeScript declarations of the script",
                cached_text("text/plain", "The declarations."),
            )
        },
        "/kabin.json": {
            "get": open_operation(
                "storefront_release",
                "The script's immutable name, its integrity, and the loader for a page's head",
                {200: answer("StorefrontAnswer", "The names.")},
            )
        },
    }


def _shop_paths() -> dict[str, Any]:
    """Describe what the shop's servers call."""
    return {
        "/visitors/{id}": {
            "parameters": [path_parameter("id", "A visitor's id or token.", minLength=1)],
            "get": operation(
                "visitor",
                "Everything held about a visitor, and why each decision comes out as it does",
                "With `events=1` also every event in the event log and the archive, also of a visitor whose state has expired; "
                "reading them takes seconds where there are many millions.",
                parameters=[_WITH_EVENTS],
                answers={
                    200: answer(
                        "VisitorAnswer", "What is known.", or_else="VisitorExportAnswer", personal=True
                    )
                },
                server=True,
                problems=(401, 403, 404, 405, 422, 503),
            ),
            "delete": operation(
                "erase_visitor",
                "Erase a visitor: what is remembered, their events in the log, and in the archive",
                "May be repeated, and never fails because nothing is known (404 is for a path with a line break). "
                "What arrives afterwards starts a new story.",
                answers={200: answer("ErasureAnswer", "What was deleted.", personal=True)},
                server=True,
                problems=(401, 403, 404, 405, 503),
            ),
        },
        "/catalog": {
            "put": operation(
                "replace_catalog",
                "Replace the catalog by a feed",
                "A Google Merchant Center feed as JSON Lines, CSV or TSV, also gzipped (`Content-Encoding: gzip`). "
                "Bad rows are reported, the rest is kept.",
                answers={200: answer("CatalogAnswer", "What became of the rows.")},
                body=feed_body(),
                parameters=[_FORCE],
                server=True,
                problems=(401, 403, 405, 409, 413, 415, 422, 503),
            ),
            "patch": operation(
                "update_catalog",
                "Add or replace rows of the catalog",
                answers={200: answer("CatalogAnswer", "What became of the rows.")},
                body=feed_body(),
                server=True,
                problems=(401, 403, 405, 409, 413, 415, 503),
            ),
        },
        "/items/{id}": {
            "parameters": [path_parameter("id", "An item's or a SKU's id.", minLength=1)],
            "delete": operation(
                "remove_item",
                "Remove an item with all its SKUs, or one SKU",
                answers={200: answer("RemovalAnswer", "How many SKUs went.")},
                server=True,
                problems=(401, 403, 404, 405, 409, 503),
            ),
        },
    }


def _operator_paths() -> dict[str, Any]:
    """Describe what operators call."""
    readiness = "Whether it can keep events, and what it decides with"
    ready = answer("ReadinessAnswer", f"{readiness}.")
    metrics = content("text/plain", "The metrics.", {"type": "string"})
    contract = content("application/json", "The document.", {"type": "object"})
    return {
        "/healthz": {
            "get": open_operation(
                "healthz", "Whether the process lives", {200: answer("HealthAnswer", "It lives.")}
            )
        },
        "/readyz": {"get": open_operation("readyz", readiness, {200: ready, 503: ready})},
        "/metrics": {"get": open_operation("metrics", "Prometheus metrics of all workers", {200: metrics})},
        "/openapi.json": {"get": open_operation("openapi", "This document", {200: contract})},
    }
