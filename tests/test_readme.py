"""The README says what is so."""

import json
import re
from pathlib import Path

from recommender.sizes.decision import SizeReasonCode
from service.cli import COMMANDS
from service.settings import settings_table

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def test_the_table_of_settings_is_the_declared_one() -> None:
    """Names, defaults and help stand in the README exactly as the settings declare them."""
    assert settings_table() in README


def test_every_size_reason_is_explained() -> None:
    """A page's developer finds each code that an answer may carry."""
    assert [code for code in SizeReasonCode if f"`{code.value}`" not in README] == []


def test_every_command_is_listed() -> None:
    """No command of `kabin --help` is missing."""
    assert [name for name in COMMANDS if f"`kabin {name}" not in README] == []


def test_links_lead_to_files_of_the_project() -> None:
    """A relative link that goes nowhere wastes a reader's time."""
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_snippet_and_the_sizes_of_the_script_are_those_that_are_built() -> None:
    """What a shop pastes is the loader of this release, and the script weighs what is said of it."""
    built = ROOT / "service" / "storefront" / "built"
    assert (built / "loader.html").read_text() in README
    manifest = json.loads((built / "manifest.json").read_text())
    for name in ("kabin.js", "kabin-widgets.js"):
        assert f"{manifest[name]['gzip_bytes']:,} bytes" in README, f"{name}: say its size in the README"


def test_the_tree_names_every_room() -> None:
    """Whoever looks for something finds its package in "How it is built", and no package that is no more."""
    tree = README.partition("## How it is built")[2]
    for package in ("recommender", "service", "tests"):
        part = re.search(rf"^{package}/(.*?)^(?:\w+/|```)", tree, re.MULTILINE | re.DOTALL)
        assert part is not None
        rooms = {folder.name for folder in (ROOT / package).iterdir() if any(folder.glob("*.py"))}
        named = set(re.findall(r"(?<![\w/])(\w+)/(?=[ ;,]|$)", part[1], re.MULTILINE))
        assert rooms - named == set(), f"{package}: not in the tree"
        gone = [
            name
            for name in named
            if not any((*(ROOT / package).glob(name), *(ROOT / package).glob(f"*/{name}")))
        ]
        assert gone == [], f"{package}: no folder any more"
