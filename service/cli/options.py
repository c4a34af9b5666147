"""Flags made from the settings: `KABIN_PORT` and `--port` are one declaration with one help."""

from collections.abc import Callable
from types import NoneType
from typing import Any, Final, Literal, TypeVar, get_args, get_origin

import click
from pydantic.fields import FieldInfo

from service.settings import Settings, environment_variable

STORE: Final = (
    "data_dir",
    "redis_url",
    "redis_prefix",
    "allow_eviction",
    "departments_file",
    "archive_url",
    "archive_retention_days",
)
"""Settings of every command that opens the store."""

Command = TypeVar("Command", bound=Callable[..., Any])


def settings_options(*names: str) -> Callable[[Command], Command]:
    """Add the flags of the settings ``names``, all of them if none is named.

    A flag that is not given reaches the command as ``None``, and the environment or the default decides.
    """

    def decorate(command: Command) -> Command:
        for name in reversed(names or tuple(Settings.model_fields)):
            command = _option(name, Settings.model_fields[name])(command)
        return command

    return decorate


def _option(name: str, field: FieldInfo) -> Callable[[Command], Command]:
    flag = "--" + name.replace("_", "-")
    description = (field.description or "").replace("`", "")
    help_ = f"{description} [{environment_variable(name)}{_default(field.default)}]"
    kind = _kind(field.annotation)
    if kind is bool:
        return click.option(f"{flag}/--no-{flag[2:]}", name, default=None, help=help_)
    metavar = {int: "NUMBER", float: "NUMBER"}.get(kind) if isinstance(kind, type) else None
    return click.option(
        flag, name, type=kind, metavar=metavar or _metavar(name, kind), default=None, help=help_
    )


def _kind(annotation: Any) -> Any:
    """Return click's type of a setting; what is neither number, switch nor choice is checked by the settings."""
    if get_origin(annotation) is Literal:
        return click.Choice(get_args(annotation))
    alternatives = [part for part in get_args(annotation) if part is not NoneType]
    if NoneType in get_args(annotation) and len(alternatives) == 1:
        return _kind(alternatives[0])
    return annotation if annotation in (bool, int, float) else str


def _metavar(name: str, kind: Any) -> str | None:
    return None if isinstance(kind, click.Choice) else name.rsplit("_", 1)[-1].upper()


def _default(value: object) -> str:
    if value is None or value == ():
        return ""
    return f"; default {str(value).lower() if isinstance(value, bool) else value}"
