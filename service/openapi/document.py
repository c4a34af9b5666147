"""The OpenAPI document, built from the very schemas that decode and type the bodies."""

from importlib.metadata import version
from typing import Any, Final

import msgspec

from service.contract import answers, operator_answers, schemas
from service.experiments import listing
from service.experiments.bodies import ExperimentChange, SwitchChange
from service.experiments.definition import ExperimentDefinition
from service.openapi.operations import REFERENCE
from service.openapi.paths import paths

_REQUESTS: Final = (
    schemas.PersonalizeRequest,
    schemas.EventsRequest,
    schemas.IdentifyRequest,
    schemas.WireEvent,
    ExperimentDefinition,
    ExperimentChange,
    SwitchChange,
)
_ANSWERS: Final = (
    answers.PersonalizeAnswer,
    answers.EventsReceipt,
    answers.IdentifyAnswer,
    answers.ProblemAnswer,
    answers.VisitorAnswer,
    answers.VisitorExportAnswer,
    answers.ErasureAnswer,
    operator_answers.CatalogAnswer,
    operator_answers.RemovalAnswer,
    answers.SimilarAnswer,
    listing.ExperimentListAnswer,
    listing.ChangedExperimentAnswer,
    listing.RemovedExperimentAnswer,
    listing.SwitchesAnswer,
    operator_answers.StorefrontAnswer,
    operator_answers.HealthAnswer,
    operator_answers.ReadinessAnswer,
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
        "paths": paths(),
        "components": {
            "schemas": _component_schemas(max_events),
            "securitySchemes": {
                "serverKey": {"type": "http", "scheme": "bearer", "description": "`KABIN_SERVER_KEY`."}
            },
        },
    }


def _component_schemas(max_events: int) -> dict[str, Any]:
    _, requests = msgspec.json.schema_components(_REQUESTS, ref_template=REFERENCE)
    _, closed = msgspec.json.schema_components(_ANSWERS, ref_template=REFERENCE)
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
