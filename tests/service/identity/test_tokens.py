"""Visitor ids, their signatures, the cookie and the server key."""

import hashlib
import stat
from pathlib import Path
from unittest.mock import patch
from urllib.parse import quote

import itsdangerous
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.identity.tokens import ServerKey, VisitorCookie, VisitorTokens, load_signing_keys

OLD = "an-old-signing-key-of-length"
NEW = "a-new-signing-key-of-length"
TOKENS = VisitorTokens([NEW, OLD])


def test_an_issued_visitor_is_recognised_by_token() -> None:
    """What is issued is read back, with 128 random bits in it."""
    visitor = TOKENS.issue()
    assert visitor.is_new
    assert len(visitor.visitor_id) == 22
    assert TOKENS.identify(visitor.token, None, trusted=False) == visitor._replace(is_new=False)


def test_the_newest_key_signs_and_older_keys_still_verify() -> None:
    """Keys can be changed without forgetting anybody, and dropped when their time has come."""
    old_token = VisitorTokens([OLD]).issue().token
    assert TOKENS.read(old_token) is not None
    assert VisitorTokens([NEW]).read(old_token) is None
    assert VisitorTokens([NEW]).read(TOKENS.issue().token) is not None


def test_whoever_comes_is_signed_by_the_newest_key() -> None:
    """So that a visitor of many years is not forgotten when the key of their first visit is dropped."""
    first = VisitorTokens([OLD]).issue()
    again = TOKENS.identify(first.token, None, trusted=False)
    assert (again.visitor_id, again.is_new) == (first.visitor_id, False)
    assert VisitorTokens([NEW]).read(again.token) == first.visitor_id


@given(st.text(max_size=300))
def test_no_text_is_a_token_unless_it_was_signed(text: str) -> None:
    """Whatever a browser sends, an unsigned id names a new visitor and never the one it claims to be."""
    visitor = TOKENS.identify(text, text, trusted=False)
    assert visitor.is_new
    assert visitor.visitor_id != text


@given(st.text(min_size=1, max_size=100))
def test_tokens_are_those_of_itsdangerous(visitor_id: str) -> None:
    """Kabin only derives the keys earlier: what either signs the other reads."""
    signer = itsdangerous.Signer(
        [OLD, NEW], salt=b"kabin.visitor", key_derivation="hmac", digest_method=hashlib.sha256
    )
    signed = signer.sign(quote(visitor_id, safe="")).decode()
    assert TOKENS.sign(visitor_id) == signed
    assert TOKENS.read(signed) == visitor_id
    assert signer.unsign(TOKENS.sign(visitor_id)).decode() == quote(visitor_id, safe="")


def test_what_is_too_long_for_a_token_is_not_remembered() -> None:
    """A cookie has room for 64 KB, and there are thousands of places."""
    tokens = VisitorTokens([NEW])
    with patch.object(tokens, "_read") as remembering:
        assert tokens.read("x" * 300 + "." + "y" * 43) is None
    remembering.assert_not_called()


def test_a_token_with_anything_added_is_forged() -> None:
    """Base64 decoding skips characters; a token that carries some is refused, since it goes into a header."""
    token = TOKENS.issue().token
    for forged in (
        token + "\r\n",
        token + "é",
        token[:-1],
        "x" + token,
        token.partition(".")[0],
        token + "=",
    ):
        assert TOKENS.read(forged) is None


def test_the_body_comes_before_the_cookie_and_a_forged_body_falls_back_to_it() -> None:
    """A page without cookies sends its token; a page with a broken one still has its cookie."""
    mine, other = TOKENS.issue(), TOKENS.issue()
    assert TOKENS.identify(mine.token, other.token, trusted=False).visitor_id == mine.visitor_id
    assert TOKENS.identify("forged.token", other.token, trusted=False).visitor_id == other.visitor_id


@given(st.text(min_size=1, max_size=128).filter(lambda text: "." not in text))
def test_the_server_key_may_name_any_visitor(visitor_id: str) -> None:
    """The shop's own ids work, and the token in the answer stands for the same visitor in a browser."""
    visitor = TOKENS.identify(visitor_id, None, trusted=True)
    assert visitor.visitor_id == visitor_id
    assert not visitor.is_new
    if visitor.token != visitor_id:
        assert TOKENS.identify(visitor.token, None, trusted=False).visitor_id == visitor_id
        assert visitor.token.isascii()


def test_a_token_in_the_hands_of_the_server_stands_for_its_visitor() -> None:
    """A shop's server that forwards the browser's token speaks of the same visitor."""
    visitor = TOKENS.issue()
    assert TOKENS.identify(visitor.token, None, trusted=True).visitor_id == visitor.visitor_id


def test_the_server_key_is_a_bearer_token() -> None:
    """Only the exact key in the Bearer scheme is valid; without a key nothing is."""
    key = ServerKey("the-right-server-key")
    assert key.check(b"Bearer the-right-server-key") == "valid"
    assert key.check(b"bearer the-right-server-key") == "valid"
    assert key.check(None) == "absent"
    for wrong in (b"Bearer the-wrong-server-key", b"Bearer", b"Basic dGhlOg==", b"", b"Bearer \xff\xfe"):
        assert key.check(wrong) == "wrong"
    assert ServerKey(None).check(b"Bearer None") == "wrong"


def test_the_cookie_is_http_only_and_found_among_others() -> None:
    """What is set is what is read back, whatever other cookies stand around it."""
    cookie = VisitorCookie("kabin", domain="shop.example", secure=True, samesite="lax", max_age_seconds=60)
    name, value = cookie.header("abc.def")
    assert name == b"set-cookie"
    assert value == b"kabin=abc.def; Max-Age=60; Path=/; HttpOnly; SameSite=Lax; Domain=shop.example; Secure"
    assert cookie.read(b"a=1; notkabin=no; kabin=abc.def; b=2") == "abc.def"
    assert cookie.read(b"a=1; notkabin=no") is None
    assert cookie.read(b"\xff=;;;kabin") is None
    assert cookie.read(None) is None


def test_a_cookie_is_taken_back_by_the_attributes_that_it_was_set_with() -> None:
    """A browser forgets it only if name, domain and path are those of the cookie that it has."""
    cookie = VisitorCookie("kabin", domain="shop.example", secure=True, samesite="none", max_age_seconds=60)
    name, value = cookie.removal
    assert name == b"set-cookie"
    assert value == b"kabin=; Max-Age=0; Path=/; HttpOnly; SameSite=None; Domain=shop.example; Secure"
    assert cookie.header("abc")[1] == value.replace(b"=;", b"=abc;", 1).replace(b"Max-Age=0", b"Max-Age=60")


def test_an_id_that_is_too_long_for_a_token_stays_the_servers() -> None:
    """Up to 256 characters of any kind have a token; longer ones can be used with the server key alone."""
    fits, exceeds = "👗" * 256, "👗" * 257
    assert TOKENS.read(TOKENS.identify(fits, None, trusted=True).token) == fits
    assert TOKENS.identify(exceeds, None, trusted=True).token == exceeds
    assert TOKENS.identify(exceeds, None, trusted=False).is_new


def test_a_signing_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    """Visitors survive a restart, and other users of the machine cannot read the key."""
    folder = tmp_path / "new" / "folder"
    first = load_signing_keys((), folder)
    assert load_signing_keys((), folder) == first
    assert len(first[0]) >= 43
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_signing_keys((NEW,), folder) == (NEW,)


def test_an_emptied_key_file_is_reported_not_replaced(tmp_path: Path) -> None:
    """A lost key forgets all visitors, so it is the operator's decision."""
    (tmp_path / "signing.key").write_text("\n")
    with pytest.raises(OSError, match="is empty"):
        load_signing_keys((), tmp_path)
