"""The built storefront script, read once from the installation."""

import base64
import gzip
import hashlib
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

import msgspec

_PACKAGE: Final = "service.storefront"
_FOLDER: Final = "built"
_HASH_DIGITS: Final = 12
"""48 bits of SHA-256: no two releases of one shop's script will share them."""


class BundleError(Exception):
    """The installation lacks the built script; the message says what to do."""


class Script(msgspec.Struct, frozen=True):
    """A built script.

    Attributes:
        source: as it is.
        packed: compressed with gzip, once, so that no request has to.
        hash: the first 12 hexadecimal digits of its SHA-256, which name its immutable URL.
    """

    source: bytes
    packed: bytes
    hash: str

    @property
    def integrity(self) -> str:
        """The subresource integrity, such as ``sha384-…``."""
        return "sha384-" + base64.b64encode(hashlib.sha384(self.source).digest()).decode()


class Bundle(msgspec.Struct, frozen=True):
    """What pages load, and what a shop's developers need to know of it.

    Attributes:
        script: ``kabin.js``, which every page loads.
        widgets: what it fetches by its hash where a page has widgets or GA4 tags.
        loader: the few lines that a page carries in its head before the script, as HTML.
        types: ``kabin.d.ts``.
    """

    script: Script
    widgets: Script
    loader: str
    types: bytes


def load_bundle(folder: Traversable | None = None) -> Bundle:
    """Return what was built.

    Args:
        folder: where it lies, if not in this installation.

    Raises:
        BundleError: a built file is missing.
    """
    folder = folder or resources.files(_PACKAGE) / _FOLDER
    return Bundle(
        script=_script(_built(folder, "kabin.js")),
        widgets=_script(_built(folder, "kabin-widgets.js")),
        loader=_built(folder, "loader.html").decode(),
        types=_built(folder, "kabin.d.ts"),
    )


def _script(source: bytes) -> Script:
    return Script(
        source=source,
        packed=gzip.compress(source, compresslevel=9, mtime=0),
        hash=hashlib.sha256(source).hexdigest()[:_HASH_DIGITS],
    )


def _built(folder: Traversable, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise BundleError(
            f"the storefront script's {name} is missing from this installation ({error}): "
            "install Kabin again, or run `make storefront` in a checkout"
        ) from error
