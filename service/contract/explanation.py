"""Which fields of a body are wrong: the slow second look that finds the mistakes decoding did not get to."""

import re
from typing import Annotated, Any, Final, get_args, get_origin

import msgspec

from service.contract.problems import FieldError

_MESSAGE_PATH: Final = re.compile(r"^(?P<detail>.*?)(?: - at (?:`key` in )?`\$(?P<path>.*)`)?$", re.DOTALL)
_PATH_STEP: Final = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>[^\]]*)\]")

_MOST_NAMED: Final = 50
"""As many names as any mapping may have. One by one, the 3,000 of a body of 32 KB would hold up a worker for 80 ms."""


def explain_refusal(refusal: Exception, value: Any, schema: Any, pointer: str = "") -> list[FieldError]:
    """Return one line per wrong field of a value, and at least the one that decoding stopped at.

    Plain data may be good although the JSON is not: of a name that it has twice, only the last value is left.

    Args:
        refusal: why decoding as ``schema`` failed.
        value: what was to be decoded, as plain JSON data.
        schema: what it should be.
        pointer: JSON pointer of ``value`` in the body.
    """
    return explain(value, schema, pointer) or [_of_message(str(refusal), pointer)]


def explain(value: Any, schema: Any, pointer: str) -> list[FieldError]:
    """Return one line per wrong field of ``value``, going into nested objects.

    Decoding stops at the first mistake; this is the slow second look that finds the others.

    Args:
        value: plain JSON data that ``schema`` refuses.
        schema: a msgspec Struct, or any type that msgspec converts to.
        pointer: JSON pointer of ``value`` in the body.
    """
    if isinstance(value, dict) and len(value) <= _MOST_NAMED and _has_free_names(schema):
        # msgspec does not say which entry it means.
        alone = [
            _refusal({name: entry}, schema, f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}")
            for name, entry in value.items()
        ]
        return [error for errors in alone for error in errors] or _refusal(value, schema, pointer)
    is_struct = isinstance(schema, type) and issubclass(schema, msgspec.Struct)
    if not is_struct or not isinstance(value, dict):
        return _refusal(value, schema, pointer)
    errors: list[FieldError] = []
    for field in msgspec.structs.fields(schema):
        if field.encode_name in value:
            errors += explain(value[field.encode_name], field.type, f"{pointer}/{field.encode_name}")
        elif field.required:
            errors.append(FieldError(f"{pointer}/{field.encode_name}", "is missing"))
    return errors


def _has_free_names(schema: Any) -> bool:
    """Tell whether ``schema`` is a mapping whose names the sender chooses."""
    plain = get_args(schema)[0] if get_origin(schema) is Annotated else schema
    return get_origin(plain) is dict


def _refusal(value: Any, schema: Any, pointer: str) -> list[FieldError]:
    if schema is msgspec.Raw or schema == list[msgspec.Raw]:
        schema = list[Any] if schema == list[msgspec.Raw] else Any
    try:
        msgspec.convert(value, schema)
    except msgspec.ValidationError as error:
        return [_of_message(str(error), pointer)]
    except RecursionError:
        return [FieldError(pointer, "is nested too deeply")]
    return []


def _of_message(message: str, pointer: str) -> FieldError:
    """Return what msgspec says of the value at ``pointer``, or of something in it."""
    parts = _MESSAGE_PATH.match(message)
    detail = (parts["detail"] if parts else message).replace("`", "")
    path = (parts["path"] if parts else None) or ""
    return FieldError(pointer + _pointer_of(path.removeprefix("[...]")), detail[:1].lower() + detail[1:])


def _pointer_of(path: str) -> str:
    """Turn the path of msgspec's message (``.items[0].price``) into a JSON pointer (``/items/0/price``)."""
    return "".join("/" + (step["name"] or step["index"]) for step in _PATH_STEP.finditer(path))
