"""The shop's department table: the built-in one, or what a file overrides of it."""

import json
import tomllib
from pathlib import Path

from recommender.departments import DepartmentTable
from service.settings import SettingsError


def load_departments(path: Path | None) -> DepartmentTable:
    """Return the department table of a TOML or JSON file, the built-in one without a file.

    Raises:
        SettingsError: the file cannot be read, or names what does not exist.
    """
    if path is None:
        return DepartmentTable.default()
    try:
        text = path.read_text(encoding="utf-8")
        mapping = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
        if not isinstance(mapping, dict):
            raise SettingsError(f"KABIN_DEPARTMENTS_FILE: {path} must hold a table (an object)")
        return DepartmentTable.from_mapping(mapping)
    except OSError as error:
        raise SettingsError(f"KABIN_DEPARTMENTS_FILE: {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise SettingsError(f"KABIN_DEPARTMENTS_FILE: {path}: {error}") from error
