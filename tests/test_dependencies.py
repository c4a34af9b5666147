"""What the installation brings along: each package for a reason, under a licence that fits, without known holes."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PYPROJECT: Final = Path(__file__).parent.parent / "pyproject.toml"

SOUND_FROM: Final = {
    "certifi": "2024.7.4",  # CVE-2024-39689
    "h11": "0.16.0",  # CVE-2025-43859
    "httpx": "0.23.0",  # CVE-2021-41945
    "idna": "3.7",  # CVE-2024-3651
    "jinja2": "3.1.6",  # CVE-2025-27516
    "markdown-it-py": "2.2.0",  # CVE-2023-26303
    "orjson": "3.9.15",  # CVE-2024-27454
    "pyarrow": "14.0.1",  # CVE-2023-47248
    "pydantic": "2.4.0",  # CVE-2024-3772
    "pygments": "2.15.1",  # CVE-2022-40896
    "pyjwt": "2.10.1",  # CVE-2024-53861
    "redis": "4.5.4",  # CVE-2023-28859
    "scipy": "1.10.0",  # CVE-2023-25399
    "starlette": "0.49.1",  # CVE-2025-62727
    "tqdm": "4.66.3",  # CVE-2024-34062
    "uvicorn": "0.11.7",  # CVE-2020-7694
}
"""The first version without the newest advisory known when this was written: where there is no network nobody can be
asked, so whoever raises a version looks them up."""

FREE: Final = re.compile(r"\b(MIT|BSD|0BSD|Apache|MPL|Mozilla|PSF|ISC|Zlib)\b", re.IGNORECASE)
BINDING: Final = re.compile(r"GPL|SSPL|Commons Clause|Business Source|Proprietary", re.IGNORECASE)
UNSAID: Final = frozenset({"crawler-user-agents"})
"""Whose metadata name no licence: MIT, by the file in its repository."""


def _declared() -> list[Requirement]:
    return [Requirement(each) for each in tomllib.loads(PYPROJECT.read_text())["project"]["dependencies"]]


@cache
def _installed() -> dict[str, Distribution]:
    """Return what runs together with Kabin: its dependencies and theirs, by name."""
    found: dict[str, Distribution] = {}
    waiting = _declared()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found[name] = distribution(name)
        waiting += [Requirement(each) for each in found[name].requires or ()]
    return found


def _needed() -> Iterator[tuple[str, Requirement]]:
    yield from (("kabin", each) for each in _declared())
    for name, package in _installed().items():
        yield from ((name, Requirement(each)) for each in package.requires or ())


def test_every_dependency_has_a_reason_and_a_lowest_version() -> None:
    """One line each; without a lowest version an installer may take one that was never tried."""
    table = PYPROJECT.read_text().partition("[project.scripts]")[0].partition("\ndependencies = [")[2]
    lines = [line.strip() for line in table.splitlines() if line.strip().startswith('"')]
    assert len(lines) > len(_declared())
    reasons = table.partition("dev = [")[0]
    assert [line for line in reasons.splitlines() if line.strip().startswith('"') and "#" not in line] == []
    assert [str(each) for each in _declared() if ">=" not in str(each.specifier)] == []


def test_the_installed_packages_fit_together() -> None:
    """As `pip check` would say, of all that runs together with Kabin."""
    missing = []
    for name, requirement in _needed():
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = distribution(requirement.name).version
        except PackageNotFoundError:
            installed = "0"
        if not requirement.specifier.contains(installed, prereleases=True):
            missing.append(f"{name} needs {requirement}, not {installed}")
    assert missing == []


def test_no_version_with_a_known_hole_can_be_installed() -> None:
    """Neither is one installed now, nor do the lowest versions let one in."""
    for name, package in _installed().items():
        assert Version(package.version) >= Version(SOUND_FROM.get(name, "0")), name
    for requirement in _declared():
        sound = Version(SOUND_FROM.get(canonicalize_name(requirement.name), "0"))
        lowest = [Version(each.version) for each in requirement.specifier if each.operator == ">="]
        assert not lowest or max(lowest) >= sound, requirement


def test_every_licence_lets_a_shop_run_it() -> None:
    """Each is a free licence that asks nothing of the code beside it."""
    for name, package in _installed().items():
        said = str([package.metadata.json.get(field) for field in ("license_expression", "classifier")])
        said += str(package.metadata.json.get("license"))[:80]
        assert FREE.search(said) or name in UNSAID, (name, said)
        assert not BINDING.search(said), (name, said)
