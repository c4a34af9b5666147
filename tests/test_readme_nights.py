"""What the README tells a shop to paste into cron, systemd and Kubernetes works as it stands there."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml  # type: ignore[import-untyped]  # it comes with schemathesis, without types

from service.cli import cli
from service.nights.watch import NightExit

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
EXECUTABLE = "/opt/kabin/bin/kabin"


def blocks(language: str, containing: str) -> list[str]:
    """Return the README's code blocks of a language that contain a text."""
    found = re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    return [block for block in found if containing in block]


def command_of(arguments: list[str]) -> dict[str, Any]:
    """Return what the command line makes of a call of `kabin`."""
    assert arguments[0] == "nightly"
    command = cli.get_command(click.Context(cli), "nightly")
    assert command is not None
    with command.make_context("nightly", arguments[1:]) as context:
        return context.params


def cron_job() -> dict[str, Any]:
    """Return the Kubernetes object."""
    (text,) = blocks("yaml", "kind: CronJob")
    job: dict[str, Any] = yaml.safe_load(text)
    return job


def test_the_crontab_line_calls_one_night() -> None:
    """Five fields, settings, and a command line that `kabin nightly` understands."""
    (line,) = blocks("crontab", "kabin")
    *_, call = line.split(EXECUTABLE)
    assert re.match(r"(\S+ ){5}KABIN_DATA_DIR=\S+ ", line)
    assert command_of(shlex.split(call.split("2>>")[0]))["now"]


def test_the_systemd_units_are_sound(tmp_path: Path) -> None:
    """The verifier of systemd finds nothing wrong with them; exit codes are those that the command has."""
    (service,) = blocks("ini", "[Service]")
    (timer,) = blocks("ini", "[Timer]")
    (call,) = re.findall(rf"^ExecStart={EXECUTABLE} (.*)$", service, re.MULTILINE)
    assert command_of(shlex.split(call))["now"]
    assert f"\nSuccessExitStatus={NightExit.TAKEN:d}\n" in service
    assert f"\nRestartPreventExitStatus={NightExit.REFUSED:d}\n" in service
    verifier = shutil.which("systemd-analyze")
    if verifier is None:
        pytest.skip("systemd-analyze is not installed")
    units = [tmp_path / "kabin-nightly.service", tmp_path / "kabin-nightly.timer"]
    # It also looks for the executable, which is not where a shop has it.
    units[0].write_text(service.replace(EXECUTABLE, "/bin/true"))
    units[1].write_text(timer)
    outcome = subprocess.run(  # noqa: S603 - found by name
        [verifier, "verify", *map(str, units)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (outcome.returncode, outcome.stderr) == (0, "")


def test_the_cron_job_calls_one_night_and_knows_its_exit_codes() -> None:
    """YAML that parses; what trying again would not change ends the job."""
    job = cron_job()
    assert (job["apiVersion"], job["spec"]["concurrencyPolicy"]) == ("batch/v1", "Forbid")
    task = job["spec"]["jobTemplate"]["spec"]
    (rule,) = task["podFailurePolicy"]["rules"]
    assert rule["onExitCodes"]["values"] == [NightExit.REFUSED]
    pod = task["template"]["spec"]
    assert pod["restartPolicy"] == "Never", "a pod failure policy needs it"
    (container,) = pod["containers"]
    assert command_of(container["args"])["now"]
    assert {mount["name"] for mount in container["volumeMounts"]} == {one["name"] for one in pod["volumes"]}


def test_everything_is_due_at_the_same_time() -> None:
    """The three ways, and the command that waits by itself, name one time and one zone."""
    assert "`kabin nightly --at 03:30 --timezone Europe/Berlin`" in README
    job = cron_job()
    assert (job["spec"]["schedule"], job["spec"]["timeZone"]) == ("30 3 * * *", "Europe/Berlin")
    (timer,) = blocks("ini", "[Timer]")
    assert "\nOnCalendar=*-*-* 03:30:00 Europe/Berlin\n" in timer
