"""Bodies whose fields are all known: what a server sends once and means, so that a misspelt name is refused."""

import re
from typing import Any, Final, TypeVar

import msgspec

from service.contract.explanation import explain
from service.contract.problems import FieldError, Problem
from service.routes.exchange import Request

T = TypeVar("T")

_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_PLACE: Final = re.compile(r"(?P<detail>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_STEP: Final = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>\d+)\]")


async def read_body(request: Request, schema: type[T], *, max_bytes: int, timeout_seconds: float) -> T:
    """Return a JSON body as ``schema``.

    Raises:
        Problem: 400 if it is no JSON, 422 with one line per wrong or unknown field, 408, 413 and 415.
    """
    return decode_body(await request.body(max_bytes=max_bytes, timeout_seconds=timeout_seconds), schema)


def decode_body(body: bytes, schema: type[T]) -> T:
    """Return a JSON body as ``schema``.

    Raises:
        Problem: 400 if it is no JSON, 422 with one line per wrong or unknown field.
    """
    try:
        return msgspec.json.decode(body, type=schema)
    except msgspec.ValidationError as error:
        value = _plain(body)
        problems = _unknown(value, schema) + explain(value, schema, "")
        raise refused(problems or [_of_message(str(error))]) from None
    except _UNREADABLE as error:
        raise Problem(400, f"the body is not JSON: {error}") from None


def refused(errors: list[FieldError]) -> Problem:
    """Return the 422 that lists wrong fields."""
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return Problem(422, f"{errors[0].pointer or 'the body'}: {errors[0].detail}{more}", errors=errors)


def _plain(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (
        msgspec.ValidationError
    ) as error:  # such as 1e400, which is JSON but no number that a computer holds
        raise refused([_of_message(str(error))]) from None
    except _UNREADABLE as error:
        raise Problem(400, f"the body is not JSON: {error}") from None


def _unknown(value: Any, schema: type[Any]) -> list[FieldError]:
    if not (isinstance(value, dict) and issubclass(schema, msgspec.Struct)):
        return []
    known = [field.encode_name for field in msgspec.structs.fields(schema)]
    return [
        FieldError("/" + name.replace("~", "~0").replace("/", "~1"), f"unknown; known are {', '.join(known)}")
        for name in value
        if name not in known
    ]


def _of_message(message: str) -> FieldError:
    parts = _PLACE.fullmatch(message)
    detail, path = parts.groups() if parts else (message, None)
    pointer = "".join("/" + (step["name"] or step["index"]) for step in _STEP.finditer(path or ""))
    return FieldError(pointer, detail[:1].lower() + detail[1:].replace("`", ""))
