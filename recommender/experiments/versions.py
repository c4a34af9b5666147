"""Version numbers as sortable texts, after GrowthBook's reference."""

import re
from typing import Any, Final

from recommender.experiments.values import number_text

_LEADING_V_OR_BUILD: Final = re.compile(r"(^v|\+.*$)")
_SEPARATORS: Final = re.compile(r"[-.]")
_DIGITS: Final = re.compile(r"[0-9]+")
_PAD_WIDTH: Final = 5
_RELEASE: Final = "~"
"""Sorts after every letter, so that ``1.0.0`` is newer than ``1.0.0-beta``."""


def sortable_version(version: Any) -> str:
    """Return a text that sorts as the version does; ``"0"`` stands for what is no version.

    Args:
        version: ``"1.2.3"``, ``"v1.2.3-rc.1+build"`` or a number.
    """
    if isinstance(version, int | float) and not isinstance(version, bool):
        version = number_text(version)
    text = version if version and isinstance(version, str) else "0"
    parts = _SEPARATORS.split(_LEADING_V_OR_BUILD.sub("", text))
    if len(parts) == 3:
        parts.append(_RELEASE)
    return "-".join(part.rjust(_PAD_WIDTH) if _DIGITS.fullmatch(part) else part for part in parts)
