"""`kabin model`: what training has made, which of it is live, and the way back."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help comes at once

from contextlib import suppress
from pathlib import Path

import click

from service.cli.options import settings_options
from service.cli.store import models_dir_of
from service.settings import load_settings

_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group()
def model() -> None:
    """List, show and compare models, publish one, or go back to the one before."""


@model.command("list")
@_json
@settings_options("data_dir")
def list_(*, as_json: bool, **flags: object) -> None:
    """List the models on disk, oldest first; a star marks the current one."""
    from recommender.model import last_training, list_versions, read_pointer
    from service.cli.model_output import ModelTable, training_sentence
    from service.cli.output import print_report

    models_dir = models_dir_of(load_settings(**flags))
    table = ModelTable(list_versions(models_dir), read_pointer(models_dir).problem, last_training(models_dir))
    if table.models or as_json:
        print_report(table, as_json=as_json)
        return
    click.echo(f"no models in {models_dir}: run `kabin train`")
    if table.last_training is not None:
        click.echo(training_sentence(table.last_training))


@model.command()
@click.argument("version", required=False)
@settings_options("data_dir")
def show(version: str | None, **flags: object) -> None:
    """Show a model as JSON: what it was trained on and with, and what its evaluation measured.

    VERSION is one of `kabin model list`; without it the current one is shown. Its checksums are verified.
    """
    from datetime import UTC, datetime

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
@click.argument("first")
@click.argument("second")
@_json
@settings_options("data_dir")
def diff(first: str, second: str, *, as_json: bool, **flags: object) -> None:
    """Compare two models: items, settings, figures, and how far their recommendations agree.

    FIRST and SECOND are versions of `kabin model list`, usually the older one first.
    """
    from recommender.model import difference, load_model
    from service.cli.model_output import DifferenceTables
    from service.cli.output import print_report

    models_dir = models_dir_of(load_settings(**flags))
    found = difference(load_model(models_dir / first), load_model(models_dir / second))
    print_report(DifferenceTables(found), as_json=as_json)


@model.command()
@click.argument("version", required=False)
@_json
@settings_options("data_dir")
def rollback(version: str | None, *, as_json: bool, **flags: object) -> None:
    """Go back to the model that was live before the current one; running services have it in two seconds.

    VERSION names an earlier one that was live; models that were never live need `kabin model publish`. What it goes
    back to is verified first.
    """
    from recommender.model import roll_back

    models_dir = models_dir_of(load_settings(**flags))
    _warn_of_damage(models_dir)
    if version is None:
        version = _usable_target(models_dir)
    else:
        _verify(models_dir, version)
    _tell(roll_back(models_dir, version).version, as_json=as_json)


@model.command()
@click.argument("version")
@_json
@settings_options("data_dir")
def publish(version: str, *, as_json: bool, **flags: object) -> None:
    """Make VERSION the current model, whatever the gate said of it; running services have it in two seconds."""
    from recommender.model import ModelError, trainings
    from recommender.model import publish as publish_version

    models_dir = models_dir_of(load_settings(**flags))
    _warn_of_damage(models_dir)
    _verify(models_dir, version)
    with suppress(ModelError):  # records that cannot be read keep nobody from publishing
        for record in trainings(models_dir):
            if record.version == version and record.result == "refused":
                click.echo(f"warning: it was refused: {' '.join(record.reasons)}", err=True)
    _tell(publish_version(models_dir, version, by="publish").version, as_json=as_json)


def _warn_of_damage(models_dir: Path) -> None:
    from recommender.model import read_pointer

    problem = read_pointer(models_dir).problem
    if problem is not None:
        click.echo(f"warning: {problem}; mended by this", err=True)


def _usable_target(models_dir: Path) -> str | None:
    """Return the newest version to go back to that services could use, None where there is none to go back to."""
    from recommender.model import ModelError, roll_back_targets

    targets = roll_back_targets(models_dir)
    for target in targets:
        try:
            _verify(models_dir, target)
        except ModelError as error:
            click.echo(f"warning: passed over: {error}", err=True)
        else:
            return target
    if targets:
        raise click.ClickException(f"{models_dir}: no earlier model can be used; the current one stays")
    return None


def _verify(models_dir: Path, version: str) -> None:
    """Load a version as services will: one that they could not use must not become the current one.

    Raises:
        ModelError: it is missing or damaged.
    """
    from recommender.decisions.served import ServedModel
    from recommender.model import load_model

    ServedModel(load_model(models_dir / version), source="blend")


def _tell(version: str, *, as_json: bool) -> None:
    if as_json:
        import json

        click.echo(json.dumps({"version": version}))
    else:
        click.echo(f"{version} is current")
