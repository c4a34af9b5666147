"""All settings in one class, and how they are read, refused and told."""

from typing import Any, Final

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.settings.decisions import DecisionSettings
from service.settings.limits import LimitSettings
from service.settings.listening import ListeningSettings
from service.settings.storage import StorageSettings
from service.settings.visitors import VisitorSettings

ENVIRONMENT_PREFIX: Final = "KABIN_"


class SettingsError(Exception):
    """The settings cannot work; the message names the variable and says what to do."""


# Pydantic takes the fields of the last base first: read the bases upwards for the order of the README's table.
class Settings(
    LimitSettings, DecisionSettings, StorageSettings, VisitorSettings, ListeningSettings, BaseSettings
):
    """The settings of one process; read from the environment only when an instance is made."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, frozen=True, extra="forbid")


def load_settings(**overrides: object) -> Settings:
    """Read the settings from the environment; ``overrides`` (the flags given) win.

    Raises:
        SettingsError: a value is wrong; one line for each, with the variable's name.
    """
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        lines = []
        for problem in error.errors(include_input=False, include_url=False):
            name = environment_variable(str(problem["loc"][0])) + ": " if problem["loc"] else ""
            lines.append(name + problem["msg"].removeprefix("Value error, "))
        raise SettingsError("; ".join(lines)) from None


def check_servable(settings: Settings) -> None:
    """Refuse settings that no service may start with.

    Raises:
        SettingsError: other machines could reach the service and no server key protects its catalog
            and its visitors.
    """
    if settings.is_public and settings.server_key is None:
        raise SettingsError(
            f"KABIN_HOST={settings.host} can be reached from other machines, and KABIN_SERVER_KEY is not set: "
            "set a key of at least 16 characters, or listen on 127.0.0.1"
        )


def environment_variable(name: str) -> str:
    """Return the environment variable of the setting ``name``."""
    return ENVIRONMENT_PREFIX + name.upper()


def settings_table() -> str:
    """Return the Markdown table of all settings that the README holds."""
    rows = ["| Variable | Default | Meaning |", "| --- | --- | --- |"]
    rows += [
        f"| `{environment_variable(name)}` | {_default(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(rows) + "\n"


def _default(value: Any) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`"
