"""Every setting of Kabin, declared once: its name, unit, default and help.

A setting ``port`` is read from the environment variable ``KABIN_PORT``; the command line builds its
flag ``--port`` from the same field, and the README's table is :func:`settings_table`.
"""

from service.settings.settings import (
    ENVIRONMENT_PREFIX,
    Settings,
    SettingsError,
    check_servable,
    environment_variable,
    load_settings,
    settings_table,
)

__all__ = [
    "ENVIRONMENT_PREFIX",
    "Settings",
    "SettingsError",
    "check_servable",
    "environment_variable",
    "load_settings",
    "settings_table",
]
