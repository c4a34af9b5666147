"""What people type about an experiment: shares in percent, variations by name, conditions in JSON."""

import math
from collections.abc import Mapping
from typing import Any, Final

import click
import msgspec

from recommender.decisions.treatment import SIZE

_SLACK_PERCENT: Final = 0.15
"""By how much percentages may miss 100: three times 33.3 is meant to be everybody."""

_SIZE_VALUES: Final[Mapping[str, bool]] = {"on": True, "off": False, "true": True, "false": False}


def weights_of(text: str) -> tuple[float, ...]:
    """Return shares from percentages such as ``80,20``.

    Raises:
        click.ClickException: they are no percentages, or do not add up to 100.
    """
    weights = tuple(_percent(part, "--weights") for part in _parts(text, "--weights"))
    total = sum(weights)
    if abs(total - 100) > _SLACK_PERCENT:
        raise click.ClickException(
            f"--weights: {text} adds up to {total:g}, not to 100: give each variation its share in percent"
        )
    return tuple(weight / total for weight in weights)


def coverage_of(text: str) -> float:
    """Return a share from a percentage such as ``20`` or ``20%``.

    Raises:
        click.ClickException: it is none, or looks like a share: half of the visitors is 50, not 0.5.
    """
    percent = _percent(text, "--coverage")
    if 0 < percent < 1 and not text.rstrip().endswith("%"):
        raise click.ClickException(
            f"--coverage: give percent: {percent * 100:g} if you mean {percent * 100:g} of 100 visitors, "
            f"{text.strip()}% if you mean less than one of 100"
        )
    return percent / 100


def variations_of(text: str, feature_id: str) -> tuple[Any, ...]:
    """Return the values of variations from their names, such as ``personalized,promo``.

    Those of ``kabin-size`` are ``on`` and ``off``; of the shop's own features ``true``, ``false`` and numbers are
    what they are in JSON, and anything else is a text.

    Raises:
        click.ClickException: one is empty, or not of ``kabin-size``.
    """
    names = _parts(text, "--variations")
    if feature_id == SIZE:
        if unknown := [name for name in names if name.lower() not in _SIZE_VALUES]:
            raise click.ClickException(f"--variations: {SIZE} is on or off, not {unknown[0]}: give on,off")
        return tuple(_SIZE_VALUES[name.lower()] for name in names)
    return tuple(_scalar(name) for name in names)


def condition_of(text: str) -> dict[str, Any]:
    """Return GrowthBook's condition from its JSON.

    Raises:
        click.ClickException: it is no JSON object.
    """
    hint = 'give JSON such as {"discount_affinity": "high"}'
    try:
        condition = msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, RecursionError) as error:
        raise click.ClickException(f"--condition: {error}: {hint}") from None
    if not isinstance(condition, dict):
        raise click.ClickException(f"--condition: this is no object: {hint}")
    return condition


def _parts(text: str, option: str) -> list[str]:
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise click.ClickException(f"{option}: {text!r} has an empty part")
    return parts


def _percent(text: str, option: str) -> float:
    try:
        percent = float(text.strip().removesuffix("%"))
    except ValueError:
        percent = math.nan
    if not 0 <= percent <= 100:
        raise click.ClickException(f"{option}: {text!r} is no percentage of 0 to 100")
    return percent


def _scalar(name: str) -> Any:
    try:
        value = msgspec.json.decode(name.encode())
    except msgspec.DecodeError:
        return name
    return value if isinstance(value, bool | int | float) else name
