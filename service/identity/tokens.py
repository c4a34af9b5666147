"""Who asks: ids of visitors that only this service can issue, and the key of the shop's own servers."""

import base64
import hashlib
import hmac
import os
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal, NamedTuple
from urllib.parse import quote, unquote

import itsdangerous
from itsdangerous.encoding import want_bytes
from itsdangerous.signer import SigningAlgorithm

from service.contract.schemas import MAX_TOKEN_CHARACTERS
from service.identity.kept_keys import kept_keys

VISITOR_ID_BYTES: Final = 16
KEY_FILE: Final = "signing.key"

REMEMBERED_TOKENS: Final = 16_384
"""Of the visitors who asked last, 5 MB a worker."""
REMEMBERED_CHARACTERS: Final = 256
"""A cookie has room for 64 KB of what is no token of ours, so that longer ones are verified each time."""

_SALT: Final = b"kabin.visitor"
_TOKEN: Final = re.compile(r"[A-Za-z0-9_.~%-]+")
"""What a token may consist of: it goes into a header, and base64 decoding would skip over anything else."""


class Visitor(NamedTuple):
    """The visitor of one request.

    ``token`` is what a page may hold and send back. ``is_new`` says that the id was issued just now,
    so that nothing can be stored under it yet.
    """

    visitor_id: str
    token: str
    is_new: bool


class _Sha256(SigningAlgorithm):
    """HMAC-SHA-256 in one call, 1 µs cheaper than an object for each message."""

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        """Return the signature of ``value``."""
        return hmac.digest(key, value, "sha256")


class _Signer(itsdangerous.Signer):
    """Derives each key once; itsdangerous does it anew for each token, which is half of what reading one costs."""

    def __init__(self, keys: list[str]) -> None:
        super().__init__(
            keys, salt=_SALT, key_derivation="hmac", digest_method=hashlib.sha256, algorithm=_Sha256()
        )
        self._derived = {key: super(_Signer, self).derive_key(key) for key in self.secret_keys}

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        """Return the key derived from ``secret_key``, one of those given; by default the newest."""
        return self._derived[want_bytes(secret_key or self.secret_key)]


class VisitorTokens:
    """Issues visitor ids and signs them, so that nobody can read another visitor by guessing an id.

    A token is ``id.signature`` (HMAC-SHA-256), with the id percent-encoded where the shop chose one that is not
    plain. Several keys may be valid at a time, so that they can be changed without forgetting anybody: put the new key
    first, by which whoever comes is signed anew, and drop the old one after the visitors' TTL.

    Args:
        keys: signing keys, newest first.

    Raises:
        ValueError: no key is given.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ValueError("at least one signing key is needed")
        self._signer = _Signer(list(reversed(keys)))  # itsdangerous signs with the last one
        # The pages of a visit come minutes apart, and verifying their token each time takes 5 µs.
        self._read = lru_cache(REMEMBERED_TOKENS)(self._verify)

    def issue(self) -> Visitor:
        """Return a new visitor: 128 random bits, base64url."""
        visitor_id = base64.urlsafe_b64encode(os.urandom(VISITOR_ID_BYTES)).rstrip(b"=").decode()
        return Visitor(visitor_id, self.sign(visitor_id), is_new=True)

    def sign(self, visitor_id: str) -> str:
        """Return the token of ``visitor_id``."""
        return self._signer.sign(quote(visitor_id, safe="")).decode()

    def read(self, token: str) -> str | None:
        """Return the id in ``token``, or ``None`` if no valid key signed it."""
        visitor = self._read(token) if len(token) <= REMEMBERED_CHARACTERS else self._verify(token)
        return None if visitor is None else visitor.visitor_id

    def identify(self, claimed: str | None, cookie: str | None, *, trusted: bool) -> Visitor:
        """Return the visitor of a request.

        The id of the body comes first, then the cookie, then a new one. A forged or unsigned id is no
        error but a new visitor: nothing of whoever it names is read or written.

        Args:
            claimed: ``visitor_id`` of the body.
            cookie: value of the visitor cookie.
            trusted: whether the request brought the server key; then any id is taken, and a token of ours
                still stands for the id that it signs.
        """
        for token in (claimed, cookie):
            if token:
                visitor = self._read(token) if len(token) <= REMEMBERED_CHARACTERS else self._verify(token)
                if visitor is not None:
                    return visitor
                if trusted and token is claimed:
                    signed = self.sign(claimed)
                    # An id that is too long for a token stays what only servers can use.
                    usable = signed if len(signed) <= MAX_TOKEN_CHARACTERS else claimed
                    return Visitor(claimed, usable, is_new=False)
        return self.issue()

    def _verify(self, token: str) -> Visitor | None:
        if _TOKEN.fullmatch(token) is None:
            return None
        try:
            signed = self._signer.unsign(token).decode()
        except itsdangerous.BadSignature:
            return None
        visitor_id = unquote(signed) if "%" in signed else signed
        # Signed by the newest key from now on: who comes often would else be forgotten with the key of their first visit.
        return Visitor(visitor_id, self._signer.sign(signed).decode(), is_new=False) if visitor_id else None


class ServerKey:
    """The bearer key of the shop's own servers, compared in constant time."""

    def __init__(self, key: str | None) -> None:
        self._digest = None if key is None else hashlib.sha256(key.encode()).digest()

    @property
    def is_set(self) -> bool:
        """Whether a key is configured at all."""
        return self._digest is not None

    def check(self, authorization: bytes | None) -> Literal["absent", "valid", "wrong"]:
        """Judge the ``Authorization`` header of a request.

        Both sides are hashed first, so that not even the key's length shows in the time taken.
        """
        if authorization is None:
            return "absent"
        scheme, _, credentials = authorization.partition(b" ")
        if scheme.lower() != b"bearer" or self._digest is None:
            return "wrong"
        given = hashlib.sha256(credentials.strip()).digest()
        return "valid" if hmac.compare_digest(given, self._digest) else "wrong"


class VisitorCookie:
    """The cookie that carries a visitor's token: HttpOnly, so that no script of the shop can leak it."""

    def __init__(
        self, name: str, *, domain: str | None, secure: bool, samesite: str, max_age_seconds: int
    ) -> None:
        self._start = f"{name}=".encode()
        attributes = ["Path=/", "HttpOnly", f"SameSite={samesite.capitalize()}"]
        attributes += [f"Domain={domain}"] if domain else []
        attributes += ["Secure"] if secure else []
        common = "; ".join(attributes)
        self._attributes = f"; Max-Age={max_age_seconds}; {common}".encode()
        self.removal = (b"set-cookie", f"{name}=; Max-Age=0; {common}".encode())
        """The header that makes a browser forget the cookie."""

    def header(self, token: str) -> tuple[bytes, bytes]:
        """Return the ``Set-Cookie`` header for ``token``."""
        return b"set-cookie", self._start + token.encode() + self._attributes

    def read(self, header: bytes | None) -> str | None:
        """Return the token in a ``Cookie`` header; of several with our name the first."""
        if header is None:
            return None
        for part in header.split(b";"):
            pair = part.strip()
            if pair.startswith(self._start):
                return pair[len(self._start) :].strip(b'"').decode("latin-1")
        return None


def load_signing_keys(configured: Sequence[str], data_dir: Path) -> tuple[str, ...]:
    """Return the signing keys, newest first: those configured, else the one kept in the data folder.

    The kept key is generated on the first start, readable by its owner only. Processes that start at the same
    time agree on one: whoever links its file first wins.

    Raises:
        OSError: the folder cannot be written, or the file cannot be read.
    """
    if configured:
        return tuple(configured)
    return kept_keys(data_dir / KEY_FILE, lost="visitors start afresh")
