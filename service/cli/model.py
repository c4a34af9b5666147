"""`kabin model`: what training has published."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help comes at once

from datetime import UTC, datetime

import click

from service.cli.options import settings_options
from service.cli.output import counted
from service.cli.store import models_dir_of
from service.settings import load_settings


@click.group()
def model() -> None:
    """List, show or publish models."""


@model.command("list")
@settings_options("data_dir")
def list_(**flags: object) -> None:
    """List the models in the data folder, oldest first; the current one is marked."""
    from recommender.model import list_versions

    models_dir = models_dir_of(load_settings(**flags))
    summaries = list_versions(models_dir)
    if not summaries:
        click.echo(f"no models in {models_dir}: run `kabin train`")
    for summary in summaries:
        mark = "*" if summary.current else " "
        created = datetime.fromtimestamp(summary.created_at, UTC).strftime("%Y-%m-%d %H:%M")
        size = f"{summary.size_bytes / 2**20:,.1f} MiB"
        click.echo(
            f"{mark} {summary.version}  {created} UTC  {counted(summary.items, 'item'):>16}  {size:>12}"
        )


@model.command()
@click.argument("version", required=False)
@settings_options("data_dir")
def show(version: str | None, **flags: object) -> None:
    """Show a model as JSON: what it was trained on and with, and what its evaluation measured.

    VERSION is one of `kabin model list`; without it the current one is shown. Its checksums are verified.
    """
    import orjson

    from recommender.model import current_version, load_model

    models_dir = models_dir_of(load_settings(**flags))
    chosen = version or current_version(models_dir)
    if chosen is None:
        raise click.ClickException(f"no models in {models_dir}: run `kabin train`")
    loaded = load_model(models_dir / chosen)
    description = {
        "version": loaded.version,
        "created_at": datetime.fromtimestamp(loaded.created_at, UTC),
        "newest_event": datetime.fromtimestamp(loaded.newest_event, UTC),
        "items": loaded.item_count,
        "sources": list(loaded.neighbours),
        "blend": dict(loaded.blend),
        "size_calibration": loaded.size_calibration,
        "settings": dict(loaded.settings),
        "metrics": dict(loaded.metrics),
    }
    click.echo(orjson.dumps(description, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY).decode())


@model.command()
@click.argument("version")
@settings_options("data_dir")
def publish(version: str, **flags: object) -> None:
    """Make VERSION the current model; running services take it up within seconds. A way back after a bad night."""
    from recommender.model import publish as publish_version

    publish_version(models_dir_of(load_settings(**flags)), version)
    click.echo(f"{version} is current")
