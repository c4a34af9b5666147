"""The storefront script over HTTP: caching, compression, and that any page may load it."""

import gzip
import hashlib
from base64 import b64encode
from typing import Any

import httpx
import pytest

from service.routes.storefront import accepts_gzip
from service.storefront.bundle import load_bundle

BUNDLE = load_bundle()
PINNED = f"/kabin-{BUNDLE.script.hash}.js"
WIDGETS = f"/kabin-widgets-{BUNDLE.widgets.hash}.js"
OTHER_RELEASE = "/kabin-000000000000.js"


def get(shop: Any, path: str, **headers: str) -> httpx.Response:
    """Ask for a path, uncompressed unless told otherwise."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response: httpx.Response = shop.request("GET", path, headers={"accept-encoding": "identity"} | named)
    return response


def test_the_script_has_a_short_lived_url_and_an_immutable_one(shop: Any) -> None:
    """Five minutes for the one that every page can name, a year for the one with the hash."""
    moving, pinned = get(shop, "/kabin.js"), get(shop, PINNED)
    assert moving.content == pinned.content == BUNDLE.script.source
    assert (
        moving.headers["content-type"] == pinned.headers["content-type"] == "text/javascript; charset=utf-8"
    )
    assert moving.headers["cache-control"] == "public, max-age=300"
    assert pinned.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("path", ["/kabin.js", PINNED])
def test_whoever_accepts_gzip_gets_it(shop: Any, path: str) -> None:
    """Compressed and plain copies have tags of their own, and caches are told to keep them apart."""
    plain, packed = get(shop, path), shop.request("GET", path, headers={"accept-encoding": "br, gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["content-length"] == str(len(BUNDLE.script.packed))
    assert packed.content == gzip.decompress(BUNDLE.script.packed) == plain.content
    assert "content-encoding" not in plain.headers
    assert plain.headers["etag"] != packed.headers["etag"]
    assert plain.headers["vary"] == packed.headers["vary"] == "accept-encoding"


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (None, False),
        (b"", False),
        (b"gzip", True),
        (b"deflate, GZip;q=0.5, br", True),
        (b"gzip;q=0", False),
        (b"gzip; q=0.000, *", False),
        (b"*", True),
        (b"*;q=0", False),
        (b"br, identity", False),
        (b"gzip;level=9", True),
    ],
)
def test_accept_encoding_is_read_with_its_weights(header: bytes | None, accepted: bool) -> None:
    """A weight of zero forbids, an asterisk stands for whatever is not named."""
    assert accepts_gzip(header) is accepted


@pytest.mark.parametrize("path", ["/kabin.js", PINNED, WIDGETS, "/kabin.d.ts"])
@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_who_has_it_already_gets_304(shop: Any, path: str, encoding: str) -> None:
    """By strong or weak tag, in a list or as an asterisk; without body, length or type."""
    first = get(shop, path, accept_encoding=encoding)
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        again = get(shop, path, accept_encoding=encoding, if_none_match=known)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["cache-control"] == first.headers["cache-control"]
        assert not {"content-length", "content-type", "content-encoding"} & set(again.headers)
    assert get(shop, path, accept_encoding=encoding, if_none_match='"x"').status_code == 200


def test_head_tells_the_length_without_the_script(shop: Any) -> None:
    """As GET, without its body."""
    head = shop.request("HEAD", "/kabin.js", headers={"accept-encoding": "identity"})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(BUNDLE.script.source))


def test_a_script_of_another_release_leads_to_the_present_one(shop: Any) -> None:
    """A page that was cached before a deployment keeps working; no cache remembers the detour."""
    moved = get(shop, OTHER_RELEASE)
    assert (moved.status_code, moved.headers["location"]) == (302, "kabin.js")
    assert moved.headers["cache-control"] == "no-store"
    followed = httpx.URL(f"http://kabin.example/behind/a/proxy{OTHER_RELEASE}").join(
        moved.headers["location"]
    )
    assert followed.path == "/behind/a/proxy/kabin.js"


def test_the_script_fetches_the_widgets_of_its_own_release_only(shop: Any) -> None:
    """By an immutable address that stands in the script; those of another release are not there."""
    assert WIDGETS.removeprefix("/").encode() in BUNDLE.script.source
    widgets = get(shop, WIDGETS)
    assert widgets.content == BUNDLE.widgets.source
    assert widgets.headers["cache-control"].endswith("immutable")
    assert get(shop, "/kabin-widgets-000000000000.js").status_code == 404


@pytest.mark.parametrize(
    "path", ["/kabin-latest.js", "/kabin-0.js", f"/kabin-{'A' * 12}.js", "/kabin-%2F.js"]
)
def test_what_is_no_hash_is_not_found(shop: Any, path: str) -> None:
    """A mistyped address is told as such."""
    assert get(shop, path).status_code == 404


def test_the_release_names_the_immutable_url_and_its_integrity(shop: Any) -> None:
    """What a shop's build needs to pin the script, in one answer that nobody keeps."""
    answer = get(shop, "/kabin.json")
    assert answer.headers["cache-control"] == "no-store"
    release = answer.json()
    pinned = get(shop, "/" + release["script"])
    assert pinned.headers["cache-control"].endswith("immutable")
    assert release["integrity"] == "sha384-" + b64encode(hashlib.sha384(pinned.content).digest()).decode()
    assert release["loader"] == BUNDLE.loader


def test_types_are_text(shop: Any) -> None:
    """Declarations open in a browser and load into an editor."""
    types = get(shop, "/kabin.d.ts")
    assert (types.content, types.headers["content-type"]) == (BUNDLE.types, "text/plain; charset=utf-8")


@pytest.mark.parametrize("path", ["/kabin.js", PINNED, OTHER_RELEASE, WIDGETS, "/kabin.d.ts", "/kabin.json"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
def test_any_page_may_load_it_and_no_cookie_is_involved(shop: Any, path: str, method: str) -> None:
    """Also with ``crossorigin``, also under cross-origin isolation, also from an origin that may not call."""
    response = shop.request(
        method, path, headers={"origin": "https://elsewhere.example", "cookie": "kabin=x"}
    )
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in response.headers
    assert "access-control-allow-credentials" not in response.headers
    if method == "POST":
        assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    if method == "OPTIONS":
        assert (response.status_code, response.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
        assert "content-length" not in response.headers
