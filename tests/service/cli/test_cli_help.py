"""The command line as a newcomer meets it."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from service.cli import COMMANDS, cli, main
from service.settings import Settings, environment_variable


def commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command below a group with the words that call it."""
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            yield f"{path} {name}", command
            if isinstance(command, click.Group):
                yield from commands(command, f"{path} {name}")


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    """The one-line helps that are printed without loading a command are the commands' own."""
    for name, entry in COMMANDS.items():
        with click.Context(cli) as context:
            command = cli.get_command(context, name)
            assert command is not None
            assert command.get_short_help_str(limit=200) == entry.help


def test_help_loads_nothing_heavy() -> None:
    """``kabin --help`` imports click and itself: no numpy, no pydantic, no Redis client."""
    code = (
        "import sys; from service.cli import main; code = main(['--help']); "
        "heavy = {'numpy', 'scipy', 'pydantic', 'redis', 'pyarrow', 'rich', 'starlette'} & set(sys.modules); "
        "sys.exit(code or repr(heavy) if heavy else 0)"
    )
    outcome = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert outcome.returncode == 0, outcome.stderr
    for name in COMMANDS:
        assert name in outcome.stdout


def test_every_command_and_every_flag_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """Each command has a help text and each of its flags too."""
    for path, command in commands(cli, "kabin"):
        assert command.help, path
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{path} {parameter.name}"
        assert main([*path.split()[1:], "--help"]) == 0
        assert "Usage: kabin" in capsys.readouterr().out


def test_serve_has_a_flag_for_every_setting() -> None:
    """A setting is declared once: its variable and its flag carry the same help."""
    with click.Context(cli) as context:
        serve = cli.get_command(context, "serve")
    assert serve is not None
    options = {option.name: option for option in serve.params if isinstance(option, click.Option)}
    for name, field in Settings.model_fields.items():
        help_ = options[name].help or ""
        assert environment_variable(name) in help_
        assert (field.description or "").replace("`", "") in help_


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["nonsense"], 2, "No such command 'nonsense'"),
        (["serve", "--port", "many"], 2, "--port"),
        (["serve", "--port", "99999"], 1, "KABIN_PORT"),
        (["import", "events", "absent.csv", "--map", "visitor_id=u"], 1, "absent.csv"),
        (["import", "events", "absent.xlsx", "--map", "visitor=u"], 1, "no field 'visitor'"),
        (["model", "show", "no-such-version"], 1, "no-such-version"),
    ],
)
def test_a_failure_is_one_line_and_an_exit_code(
    arguments: list[str], code: int, reason: str, capsys: pytest.CaptureFixture[str], tmp_path: str
) -> None:
    """Wrong usage exits with 2, anything else that fails with 1, and standard error says why."""
    if arguments[0] == "model":
        arguments = [*arguments, "--data-dir", str(tmp_path)]
    assert main(arguments) == code
    error = capsys.readouterr().err
    assert reason in error
    assert "Traceback" not in error
    if code == 1:
        assert len(error.strip().splitlines()) == 1


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """``kabin`` alone is a question, not a command."""
    main([])
    captured = capsys.readouterr()
    assert "Usage: kabin" in captured.out + captured.err
