"""``/experiments`` and ``/switches``: what a shop's servers can ask and change of its tests."""

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, TypeVar

import msgspec

from recommender.experiments.problems import Problem as DefinitionProblem
from service.contract.problems import FieldError, Problem, unavailable
from service.experiments.bodies import ExperimentChange, SwitchChange
from service.experiments.definition import ExperimentDefinition
from service.experiments.document import located
from service.experiments.edit_checks import (
    MAX_DOCUMENT_BYTES,
    DefinedElsewhere,
    EditRefused,
    UnknownExperiment,
)
from service.experiments.editing import EditConflict, Edited, ExperimentEditor, switches_of
from service.experiments.listing import ChangedExperimentAnswer, RemovedExperimentAnswer
from service.routes.bodies import read_body, refused
from service.routes.exchange import NO_STORE, Reply, Request
from service.stores.connection import StoreUnavailable
from service.stores.experiments import DocumentDamaged

T = TypeVar("T")

MAX_BODY_BYTES: Final = 64 * 1024
"""Largest body about one experiment; a whole payload may be as large as the document."""

_IN_RULE: Final = re.compile(r"/features/[^/]*(?:/rules/\d+(?P<field>/.*)?)?")
_FIELDS: Final = {"/hashAttribute": "/hash_attribute", "/meta": "/variations"}


class ExperimentRoutes:
    """The handlers of experiments and switches; all of them need the server key.

    Args:
        editor: the use case.
        refresh: makes this process use what is stored now, so that whoever changes something sees it at once.
        body_timeout_seconds: slower bodies are refused.
    """

    def __init__(
        self,
        editor: ExperimentEditor,
        refresh: Callable[[], Awaitable[None]],
        *,
        body_timeout_seconds: float,
    ) -> None:
        self._editor = editor
        self._refresh = refresh
        self._body_timeout_seconds = body_timeout_seconds

    async def list(self, _request: Request) -> Reply:
        """Answer all experiments, wherever they are defined."""
        return _reply(await _asked(self._editor.list()))

    async def define(self, request: Request) -> Reply:
        """Add an experiment, or define it anew; 201 if it is a new one."""
        experiment_id = request.path_parameter("id")
        definition = await self._body(request, ExperimentDefinition)
        edited = await self._change(self._editor.define(experiment_id, definition), is_body_of_one=True)
        is_new = experiment_id not in located(edited.before.document)
        return _reply(await self._changed(edited, experiment_id), status=201 if is_new else 200)

    async def change(self, request: Request) -> Reply:
        """Stop or start an experiment, or change its shares."""
        experiment_id = request.path_parameter("id")
        wanted = await self._body(request, ExperimentChange)
        edited = await self._change(
            self._editor.change(
                experiment_id, status=wanted.status, weights=wanted.weights, coverage=wanted.coverage
            ),
            is_body_of_one=True,
        )
        return _reply(await self._changed(edited, experiment_id))

    async def remove(self, request: Request) -> Reply:
        """Remove an experiment that Redis defines."""
        edited = await self._change(self._editor.remove(request.path_parameter("id")))
        answer: RemovedExperimentAnswer = {"version": edited.after.version}
        return _reply(answer)

    async def replace(self, request: Request) -> Reply:
        """Replace all definitions in Redis by a payload of GrowthBook's."""
        payload = await self._body(request, dict[str, Any], max_bytes=MAX_DOCUMENT_BYTES)
        edited = await self._change(self._editor.replace(payload))
        return _reply(await self._editor.listed(edited.after))

    async def switches(self, _request: Request) -> Reply:
        """Answer which decisions are made."""
        return _reply(await _asked(self._editor.switches()))

    async def switch(self, request: Request) -> Reply:
        """Switch decisions on or off."""
        wanted = await self._body(request, SwitchChange)
        edited = await self._change(self._editor.switch(wanted.switches()))
        return _reply(switches_of(edited.after.document))

    async def _body(self, request: Request, schema: Any, *, max_bytes: int = MAX_BODY_BYTES) -> Any:
        return await read_body(
            request, schema, max_bytes=max_bytes, timeout_seconds=self._body_timeout_seconds
        )

    async def _change(self, editing: Awaitable[Edited], *, is_body_of_one: bool = False) -> Edited:
        """Await an edit, and let this process use what came of it."""
        edited = await _asked(editing, is_body_of_one=is_body_of_one)
        with suppress(StoreUnavailable):
            await self._refresh()
        return edited

    async def _changed(self, edited: Edited, experiment_id: str) -> ChangedExperimentAnswer:
        listed = (await self._editor.listed(edited.after))["experiments"]
        found = next((each for each in listed if each["experiment_id"] == experiment_id), None)
        return {"version": edited.after.version, "experiment": found}


async def _asked(asking: Awaitable[T], *, is_body_of_one: bool = False) -> T:
    """Await what the editor does, and say what stood in its way in the words of the contract."""
    try:
        return await asking
    except UnknownExperiment as error:
        raise Problem(404, str(error)) from None
    except EditRefused as error:
        raise refused([_field_error(problem, is_body_of_one) for problem in error.problems]) from None
    except (DefinedElsewhere, EditConflict, DocumentDamaged) as error:
        raise Problem(409, f"nothing was changed: {error}") from None
    except StoreUnavailable:
        raise unavailable(
            "experiments cannot be read or changed now: send it again, that does no harm",
            retry_after_seconds=5,
        ) from None


def _field_error(problem: DefinitionProblem, is_body_of_one: bool) -> FieldError:
    detail = f"{problem.reason}: {problem.remedy}"
    return FieldError(_in_body(problem.pointer) if is_body_of_one else problem.pointer, detail)


def _in_body(pointer: str) -> str:
    """Return where in the body of one experiment stands what a rule of the document has."""
    within = _IN_RULE.fullmatch(pointer)
    if within is None:
        return pointer
    field = within["field"] or "/feature"
    head, _, rest = field[1:].partition("/")
    return _FIELDS.get(f"/{head}", f"/{head}") + (f"/{rest}" if rest else "")


def _reply(content: Any, *, status: int = 200) -> Reply:
    # orjson refuses whole numbers beyond 64 bits, and the values of features are the shop's.
    return Reply(msgspec.json.encode(content), status, [NO_STORE])
