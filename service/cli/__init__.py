"""The command line: what `kabin` can do, each command loaded only when it is called for."""

# ruff: noqa: D301 - click reads \b in a help text as "keep these lines"

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Final, NamedTuple

import click


class _Entry(NamedTuple):
    place: str
    help: str


COMMANDS: Final[dict[str, _Entry]] = {
    "serve": _Entry("service.cli.serve:serve", "Start the HTTP service."),
    "import": _Entry("service.cli.imports:import_", "Bring in order and click histories, and catalog feeds."),
    "train": _Entry("service.cli.train:train", "Train a model on the shop's own events and publish it."),
    "archive": _Entry("service.cli.archive:archive", "Move the event log from Redis into Parquet files."),
    "nightly": _Entry("service.cli.nightly:nightly", "Archive, train and publish once a night."),
    "rebuild": _Entry(
        "service.cli.rebuild:rebuild", "Recompute visitors' states from event log and archive."
    ),
    "evaluate": _Entry(
        "service.cli.evaluate:evaluate", "Measure sizes, recommendations or affinity on history."
    ),
    "experiment": _Entry("service.cli.experiment:experiment", "Run A/B tests and switch decisions off."),
    "model": _Entry(
        "service.cli.model:model", "List, show and compare models, publish one, or go back to the one before."
    ),
    "visitor": _Entry("service.cli.visitor:visitor", "Erase visitors."),
    "demo": _Entry(
        "service.cli.demo:demo", "Run a simulated shop to try in the browser, and print three calls."
    ),
}
"""Every command: where it is defined and what it does. The lists of help are printed without loading any."""


class LazyGroup(click.Group):
    """A group that imports a command when it is run, so that `kabin --help` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import and return a command."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--traceback", is_flag=True, help="Show where an unexpected error came from.")
@click.version_option(package_name="kabin", message="%(prog)s %(version)s")
def cli(*, traceback: bool) -> None:
    """Kabin: onsite personalization that a fashion shop runs itself.

    Every setting is an environment variable (KABIN_PORT) and a flag of the commands that use it (--port); the
    flag wins. Without KABIN_REDIS_URL an embedded Valkey keeps its data in KABIN_DATA_DIR.

    \b
    A first day:
      kabin import catalog feed.tsv
      kabin import events orders.csv --map visitor_id=user,item_id=sku,timestamp=date,event=purchase
      kabin train
      kabin serve
      kabin nightly --at 03:30
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: the command's own, 2 for wrong usage, 130 for Ctrl-C, else 1.

    A failure is one line on standard error; ``--traceback`` adds where an unexpected one came from.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        result = cli.main(args=given, prog_name="kabin", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.UsageError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        return _fail(error.format_message())
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        # The reader of our output (a pager, `head`) has gone; the interpreter must not flush into it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # the last line of defence: a reason instead of a traceback
        if "--traceback" in given:
            raise
        reason = " ".join(str(error).split()) or type(error).__name__
        return _fail(reason)


def _fail(reason: str) -> int:
    click.echo(f"kabin: {reason}", err=True)
    return 1
