"""`kabin experiment`: A/B tests and switches, in effect within a second in every worker of a running service."""

# ruff: noqa: D301, PLC0415 - click reads \b as "keep the lines"; a command imports what it needs when it runs, so that help comes at once

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from service.cli.experiment_report import report
from service.cli.experiment_store import run_editor
from service.cli.options import settings_options
from service.settings import Settings, load_settings

if TYPE_CHECKING:
    from service.experiments.editing import Edited, ExperimentEditor
    from service.experiments.listing import ExperimentListAnswer

PLACE: Final = (
    "data_dir",
    "redis_url",
    "redis_prefix",
    "allow_eviction",
    "experiments_file",
    "growthbook_url",
    "learning_traffic",
)
"""Settings that say where experiments are defined."""

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a table.")
weights_option = click.option(
    "--weights", metavar="PERCENT,...", help="Share of each variation in percent, 100 in all; default equal."
)
coverage_option = click.option(
    "--coverage", metavar="PERCENT", help="Share of the visitors who take part, in percent; default 100."
)


@click.group()
def experiment() -> None:
    """Run A/B tests and switch decisions off.

    An experiment gives each visitor one of several values of a feature, and the same one ever after. Kabin's features
    are kabin-homepage (personalized, full_price, promo), kabin-size (on, off) and kabin-recommendations (blend, als,
    covisit); any other name is a feature of the shop's own, whose value its pages are told.

    What is started, stopped or changed here takes effect within a second in every worker, without a restart.

    \b
    Half of the visitors get the promo page; a week later:
      kabin experiment start promo-page --feature kabin-homepage --variations personalized,promo
      kabin experiment report promo-page
      kabin experiment stop promo-page
    """


@experiment.command("list")
@as_json
@settings_options(*PLACE)
def list_(*, as_json: bool, **flags: object) -> None:
    """List all experiments, wherever they are defined.

    Those started here come first, then those of the file or GrowthBook, then Kabin's own of KABIN_LEARNING_TRAFFIC.
    """
    from service.cli.experiment_output import ExperimentTable
    from service.cli.output import print_report

    listed = run_editor(load_settings(**flags), lambda editor: editor.list())
    if not (as_json or listed["experiments"] or listed["problems"]):
        click.echo("no experiments yet: kabin experiment start --help")
        return
    print_report(ExperimentTable(listed), as_json=as_json, is_text=True)


@experiment.command()
@click.argument("name")
@click.option("--feature", metavar="FEATURE", help="The feature whose value differs; for a new experiment.")
@click.option(
    "--variations",
    metavar="VALUE,...",
    help="The values that are compared, the control first; for a new experiment.",
)
@weights_option
@coverage_option
@click.option(
    "--condition",
    metavar="JSON",
    help='Only visitors who meet it, in GrowthBook\'s words: {"discount_affinity": "high"}.',
)
@click.option(
    "--hash-attribute",
    metavar="ATTRIBUTE",
    help="Attribute that visitors are divided by; default id, the visitor.",
)
@settings_options(*PLACE)
def start(
    name: str,
    *,
    feature: str | None,
    variations: str | None,
    weights: str | None,
    coverage: str | None,
    condition: str | None,
    hash_attribute: str | None,
    **flags: object,
) -> None:
    """Start a new experiment, or a stopped one again.

    With --feature and --variations a new one is made. Without them NAME is one that was stopped, wherever it is
    defined: its visitors get the variations that they had.

    \b
    Examples:
      kabin experiment start promo-page --feature kabin-homepage --variations personalized,promo
      kabin experiment start no-size --feature kabin-size --variations on,off --weights 90,10
      kabin experiment start banner --feature banner --variations summer,none --coverage 20
      kabin experiment start promo-page
    """
    from service.cli.experiment_arguments import condition_of, coverage_of, variations_of, weights_of
    from service.experiments.definition import ExperimentDefinition

    options = (variations, weights, coverage, condition, hash_attribute)
    if feature is None:
        if any(option is not None for option in options):
            raise click.UsageError(
                "a new experiment needs --feature and --variations; `kabin experiment set` changes one that exists"
            )
        _change(load_settings(**flags), name, lambda editor: editor.change(name, status="running"))
        return
    if variations is None:
        raise click.UsageError("a new experiment needs --variations, such as --variations personalized,promo")
    definition = ExperimentDefinition(
        feature,
        variations_of(variations, feature),
        None if weights is None else weights_of(weights),
        1.0 if coverage is None else coverage_of(coverage),
        None if condition is None else condition_of(condition),
        hash_attribute,
    )
    _change(load_settings(**flags), name, lambda editor: editor.add(name, definition))


@experiment.command()
@click.argument("name")
@settings_options(*PLACE)
def stop(name: str, **flags: object) -> None:
    """Stop an experiment, wherever it is defined.

    From now on nobody is assigned. Its visitors get what everybody gets. Its definition stays, and so do its results; `kabin experiment start NAME` goes
    on with it.
    """
    _change(load_settings(**flags), name, lambda editor: editor.change(name, status="stopped"))


@experiment.command()
@click.argument("name")
@settings_options(*PLACE)
def remove(name: str, **flags: object) -> None:
    """Remove an experiment that was started here.

    Its feature goes with its last experiment. Results stay, and the report can still be read; to end an experiment,
    `kabin experiment stop` is enough.
    """
    run_editor(load_settings(**flags), lambda editor: editor.remove(name))
    click.echo(f"{name} is removed")


@experiment.command("set")
@click.argument("name", required=False)
@weights_option
@coverage_option
@click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Replace everything started here by GrowthBook's feature JSON.",
)
@click.option("--force", is_flag=True, help="With --file: also if what Redis holds now cannot be read.")
@settings_options(*PLACE)
def set_(
    name: str | None,
    *,
    weights: str | None,
    coverage: str | None,
    file: Path | None,
    force: bool,
    **flags: object,
) -> None:
    """Change shares, or replace all definitions.

    Visitors keep their buckets: more coverage only adds visitors, and whoever has been shown a variation keeps it.
    A file replaces all that was started here; what was stopped stays stopped.

    \b
    Examples:
      kabin experiment set promo-page --weights 80,20
      kabin experiment set promo-page --coverage 50
      kabin experiment set --file growthbook.json
    """
    from service.cli.experiment_arguments import coverage_of, weights_of

    if file is not None:
        if name is not None or weights is not None or coverage is not None:
            raise click.UsageError("--file replaces all definitions: give it alone")
        _replace(load_settings(**flags), file, force=force)
        return
    if name is None or (weights is None and coverage is None):
        raise click.UsageError("give NAME with --weights or --coverage, or --file")
    shares = None if weights is None else weights_of(weights)
    share = None if coverage is None else coverage_of(coverage)
    settings = load_settings(**flags)
    if _change(settings, name, lambda editor: editor.change(name, weights=shares, coverage=share)):
        click.echo("Visitors who have been shown a variation keep it; the change holds for the others.")


@experiment.command()
@click.argument("decision", required=False, type=click.Choice(["size", "homepage", "recommendations"]))
@click.argument("state", required=False, type=click.Choice(["on", "off"]))
@as_json
@settings_options(*PLACE)
def switch(decision: Any, state: str | None, *, as_json: bool, **flags: object) -> None:
    """Switch a decision off for everybody, or on.

    Without arguments, the switches are listed.

    Off means: no size is preselected or proposed, everybody sees the full-price homepage, nothing is recommended.
    Experiments of the decision have no effect meanwhile.

    \b
    Examples:
      kabin experiment switch
      kabin experiment switch size off
    """
    from service.cli.experiment_output import SwitchTable
    from service.cli.output import print_report
    from service.experiments.editing import switches_of

    if decision is None:
        switches = run_editor(load_settings(**flags), lambda editor: editor.switches())
    elif state is None:
        raise click.UsageError(f"say on or off: kabin experiment switch {decision} off")
    else:
        edited = run_editor(load_settings(**flags), lambda editor: editor.switch({decision: state == "on"}))
        switches = switches_of(edited.after.document)
    print_report(SwitchTable(switches), as_json=as_json, is_text=True)


def _replace(settings: Settings, file: Path, *, force: bool) -> None:
    from service.cli.output import counted
    from service.experiments.document import located
    from service.experiments.sources import SourceFailed, parse_payload

    try:
        payload = parse_payload(file.read_bytes(), str(file))
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror or error}") from None
    except SourceFailed as error:
        raise click.ClickException(str(error)) from None
    edited = run_editor(
        settings, lambda editor: editor.replace(payload, replace_damaged=force), is_of_many=True
    )
    now, before = located(edited.after.document), located(edited.before.document)
    features = counted(len(edited.after.document.features), "feature")
    click.echo(f"Redis defines {features} with {counted(len(now), 'experiment')}: {_names(now)}")
    if gone := before.keys() - now.keys():
        click.echo(f"no longer defined: {_names(gone)}")
    if stopped := now.keys() & {*edited.after.document.stopped}:
        click.echo(f"still stopped: {_names(stopped)}")


def _change(settings: Settings, name: str, act: "Callable[[ExperimentEditor], Awaitable[Edited]]") -> bool:
    """Carry out an edit of one experiment, print what it is like now, and return whether anything changed."""
    from service.cli.experiment_output import sentence

    async def edit_and_look(editor: "ExperimentEditor") -> "tuple[Edited, ExperimentListAnswer]":
        edited = await act(editor)
        return edited, await editor.listed(edited.after)

    edited, listed = run_editor(settings, edit_and_look)
    found = [each for each in listed["experiments"] if each["experiment_id"] == name]
    for each in found:
        click.echo(sentence(each))
    concerned = {each["feature"] for each in found}
    for each in listed["experiments"]:
        for problem in each["problems"] if each["feature"] in concerned else ():
            click.echo(f"warning: {each['experiment_id']}: {problem['detail']}", err=True)
    if not found:
        click.echo(f"{name} is {'stopped' if name in edited.after.document.stopped else 'running'}")
    if not edited.changed:
        click.echo("nothing had to be changed")
    return edited.changed


def _names(ids: Any) -> str:
    return ", ".join(sorted(ids)) or "none"


experiment.add_command(report)
