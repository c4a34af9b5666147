"""The built script: loaded once, complete, small, and made from the sources beside it."""

import gzip
import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from service.storefront.bundle import BundleError, load_bundle

STOREFRONT = Path(__file__).parents[3] / "service" / "storefront"
BUILT = STOREFRONT / "built"
MOST_BYTES = 3072
"""What may travel to every page."""
MOST_WIDGETS_BYTES = 3328
"""What may travel to a page that has something for it besides."""

STALE = "the built storefront script is stale: run `make storefront` and commit what it writes"


@pytest.fixture
def manifest() -> dict[str, Any]:
    """What the build says it built, and of what."""
    content: dict[str, Any] = json.loads((BUILT / "manifest.json").read_text())
    return content


def sha256(path: Path) -> str:
    """Return a file's hash."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sources() -> set[Path]:
    """Return every file that decides what is built."""
    named = ("build.mjs", "package.json", "package-lock.json", "tsconfig.json")
    return {*(STOREFRONT / name for name in named), *(STOREFRONT / "src").rglob("*.ts")}


def test_a_bundle_is_what_was_built() -> None:
    """Each script plain and packed, the same way every time; names come from the bytes."""
    bundle, again = load_bundle(), load_bundle()
    assert bundle == again
    for script, name in ((bundle.script, "kabin.js"), (bundle.widgets, "kabin-widgets.js")):
        assert script.source == gzip.decompress(script.packed) == (BUILT / name).read_bytes()
        assert sha256(BUILT / name).startswith(script.hash)
    assert bundle.types == (BUILT / "kabin.d.ts").read_bytes()
    assert bundle.loader == (BUILT / "loader.html").read_text()


def test_an_installation_without_the_script_says_what_to_do(tmp_path: Path) -> None:
    """Which file is missing, and how it comes back."""
    for name in ("kabin.js", "kabin-widgets.js"):
        (tmp_path / name).write_text("")
    with pytest.raises(BundleError, match=r"loader\.html is missing .* `make storefront`"):
        load_bundle(tmp_path)


def test_no_source_has_changed_since_the_script_was_built(manifest: dict[str, Any]) -> None:
    """Neither edited, nor added, nor removed."""
    present = {path.relative_to(STOREFRONT).as_posix(): sha256(path) for path in sources()}
    assert manifest["sources"] == present, STALE


def test_the_script_is_the_one_that_was_built(manifest: dict[str, Any]) -> None:
    """Nobody edits what a tool writes."""
    for name in ("kabin.js", "kabin-widgets.js"):
        script, built = (BUILT / name).read_bytes(), manifest[name]
        assert (built["sha256"], built["bytes"]) == (hashlib.sha256(script).hexdigest(), len(script)), STALE


def test_the_script_is_small() -> None:
    """At most 3 KB travel to every page, and a little more than as much again to one with widgets."""
    bundle = load_bundle()
    assert len(bundle.script.packed) <= MOST_BYTES
    assert len(bundle.widgets.packed) <= MOST_WIDGETS_BYTES


@pytest.mark.slow
def test_building_again_gives_the_same_bytes(tmp_path: Path) -> None:
    """The sources pass TypeScript's strict check, and what is committed is what they build to."""
    npm, modules = shutil.which("npm"), STOREFRONT / "node_modules"
    if npm is None or not modules.is_dir():
        pytest.skip(
            "Node.js or service/storefront/node_modules is absent: `make storefront` installs the latter"
        )
    copy = tmp_path / "storefront"
    shutil.copytree(STOREFRONT, copy, ignore=shutil.ignore_patterns("node_modules", "built"))
    (copy / "node_modules").symlink_to(modules)
    outcome = subprocess.run(  # noqa: S603 - npm as found on this machine
        [npm, "run", "build"], cwd=copy, capture_output=True, text=True, timeout=300, check=False
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    built = {path.name: path.read_bytes() for path in (copy / "built").iterdir()}
    assert built == {path.name: path.read_bytes() for path in BUILT.iterdir()}, STALE
