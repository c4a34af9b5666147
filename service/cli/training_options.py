"""How a training can be changed from the command line: the same options for `kabin train` and `kabin nightly`."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help comes at once

from collections.abc import Callable
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from recommender.training import TrainingSettings

Command = TypeVar("Command", bound=Callable[..., Any])


class _Finite(click.FloatRange):
    """A range that NaN, which every comparison lets pass, is not in: as a margin it would open the gate."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if not isfinite(number):
            self.fail(f"{value} is no finite number", param, ctx)
        return number


_POSITIVE: Final = _Finite(0, min_open=True)
_NOT_NEGATIVE: Final = _Finite(0)
_PERCENT: Final = _Finite(0, 100)

_OPTIONS: Final = (
    click.option(
        "--keep",
        type=click.IntRange(1),
        default=5,
        show_default=True,
        help="Model versions that stay on disk.",
    ),
    click.option(
        "--half-life-days",
        type=_POSITIVE,
        help="Age at which an event counts half; by default its place in time order decides.",
    ),
    click.option(
        "--holdout-days",
        type=_POSITIVE,
        default=1.0,
        show_default=True,
        help="Newest days that the new and the current model are tested on.",
    ),
    click.option(
        "--tune-seconds",
        type=_NOT_NEGATIVE,
        default=300.0,
        show_default=True,
        help="Time for trying other ALS settings on held-out sessions.",
    ),
    click.option(
        "--margin-percent",
        type=_PERCENT,
        default=5.0,
        show_default=True,
        help="Share of the current model's HR@20 and MRR@20 that a new one may lose.",
    ),
    click.option(
        "--volume-percent",
        type=(_NOT_NEGATIVE, _POSITIVE),
        default=(50.0, 300.0),
        show_default=True,
        metavar="LEAST MOST",
        help="Bounds of what is there now of the time that the current model learned from, in percent of what was there then.",
    ),
    click.option(
        "--day-percent",
        type=(_NOT_NEGATIVE, _POSITIVE),
        default=(20.0, 500.0),
        show_default=True,
        metavar="LEAST MOST",
        help="Bounds of the newest whole day's interactions, in percent of the median day of the week before.",
    ),
    click.option("--no-gate", is_flag=True, help="Publish whatever can be read, however bad it is."),
    click.option(
        "--engine",
        type=click.Choice(["implicit", "spark"]),
        default="implicit",
        show_default=True,
        help='What fits the items\' vectors: this machine, or Apache Spark (pip install "kabin[spark]").',
    ),
    click.option(
        "--spark-conf",
        multiple=True,
        metavar="NAME=VALUE",
        help="One of Spark's own properties, such as spark.driver.memory=8g; may be repeated.",
    ),
)


def training_options(command: Command) -> Command:
    """Add the options to a command.

    :func:`training_settings` takes their values from its keywords, but for ``engine`` and ``spark_conf``, which
    :func:`service.cli.training_engine.training_engine` takes.
    """
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def training_settings(flags: dict[str, Any], *, publish: bool = True) -> "TrainingSettings":
    """Return the settings that the options mean, which are taken out of ``flags``.

    Raises:
        click.BadParameter: a least is above its most.
    """
    from recommender.training import GateSettings, TrainingSettings

    least_volume, most_volume = _bounds("--volume-percent", flags.pop("volume_percent"))
    least_day, most_day = _bounds("--day-percent", flags.pop("day_percent"))
    gate = GateSettings(
        margin=flags.pop("margin_percent") / 100,
        least_volume=least_volume,
        most_volume=most_volume,
        least_day=least_day,
        most_day=most_day,
    )
    return TrainingSettings(
        half_life_days=flags.pop("half_life_days"),
        holdout_days=flags.pop("holdout_days"),
        tune_seconds=flags.pop("tune_seconds"),
        keep_versions=flags.pop("keep"),
        publish=publish,
        gate=None if flags.pop("no_gate") else gate,
    )


def _bounds(name: str, percent: tuple[float, float]) -> tuple[float, float]:
    """Return bounds as shares."""
    least, most = percent
    if least > most:
        raise click.BadParameter(f"the least, {least:g}, is above the most, {most:g}", param_hint=name)
    return least / 100, most / 100
