"""Customer tokens: the shop's backend tells, through the customer's own browser, who has signed in.

A token is a JWT (RFC 7519), signed with HS256 and a key that only the shop's backend and Kabin have. Its claims: ``sub``
the shop's id of the customer, ``aud`` ``"kabin"``, ``iat`` and ``exp`` at most ten minutes apart, ``jti`` unique, so that
a token which was seen on its way is of no use to anybody else.
"""

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import jwt

from service.contract.schemas import MAX_ID_CHARACTERS

AUDIENCE: Final = "kabin"
LONGEST_LIFE_SECONDS: Final = 600
CLOCK_SKEW_SECONDS: Final = 60
"""How far the clocks of the shop's backend and of Kabin may be apart."""

NOTE_SECONDS: Final = 900
"""How long it is remembered who used a token: longer than any worker takes it for valid, though their clocks differ."""

_NO_MOMENT: Final = 1e15
"""Unix seconds far beyond any clock; neither infinities nor integers too large for a float are less."""
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")

_CLAIMS: Final = ("sub", "aud", "iat", "exp", "jti")
_OPTIONS: Final[Any] = {
    "require": list(_CLAIMS),
    "verify_signature": True,
    "verify_aud": True,
    "strict_aud": False,
    # Against the clock that the application was given, below.
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
}


class CustomerTokenError(Exception):
    """A customer token proves nothing; the message says why and what to do."""


class CustomerProof(NamedTuple):
    """What a token proves: the shop's id of the customer, and the token's own id."""

    customer_id: str
    token_id: str


class CustomerTokens:
    """Reads the tokens that the shop's backend signed.

    Args:
        keys: any of them may have signed, so that they can be changed without refusing anybody.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = tuple(keys)

    @property
    def is_configured(self) -> bool:
        """Whether there is a key at all."""
        return bool(self._keys)

    def read(self, token: str, *, now: float) -> CustomerProof:
        """Return what a token proves now (Unix seconds).

        Raises:
            CustomerTokenError: it is forged, expired, or for somebody else.
        """
        claims = self._verified(token)
        issued_at, expires_at = (_moment(claims, name) for name in ("iat", "exp"))
        not_before = _moment(claims, "nbf") if "nbf" in claims else issued_at
        if not 0 < expires_at - issued_at <= LONGEST_LIFE_SECONDS:
            raise CustomerTokenError(
                f"the customer token's exp must follow its iat by at most {LONGEST_LIFE_SECONDS} seconds"
            )
        if expires_at + CLOCK_SKEW_SECONDS <= now:
            raise CustomerTokenError("the customer token has expired: ask the shop's backend for a new one")
        if max(issued_at, not_before) > now + CLOCK_SKEW_SECONDS:
            raise CustomerTokenError(
                "the customer token is not valid yet: the clock of the shop's backend is ahead"
            )
        return CustomerProof(_text(claims, "sub"), _text(claims, "jti"))

    def _verified(self, token: str) -> dict[str, Any]:
        for key in self._keys:
            try:
                return jwt.decode(token, key, algorithms=["HS256"], audience=AUDIENCE, options=_OPTIONS)
            except jwt.InvalidSignatureError:
                continue
            except jwt.InvalidAudienceError:
                raise CustomerTokenError(
                    f'the customer token is for another audience: aud is "{AUDIENCE}"'
                ) from None
            except jwt.MissingRequiredClaimError as error:
                raise CustomerTokenError(
                    f"the customer token has no {error.claim}: it needs {', '.join(_CLAIMS)}"
                ) from None
            except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
                # Not the library's words: they may repeat what the caller sent.
                raise CustomerTokenError("the customer token is no JWT signed with HS256") from None
        raise CustomerTokenError(
            "the customer token's signature is wrong: sign it with KABIN_CUSTOMER_TOKEN_KEY, on the shop's backend"
        )


def _moment(claims: dict[str, Any], name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < _NO_MOMENT:
        raise CustomerTokenError(f"the customer token's {name} is no number of Unix seconds")
    return float(value)


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims[name]
    # JSON can spell half a surrogate pair, which is no character and cannot be encoded.
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID_CHARACTERS or _SURROGATE.search(value):
        raise CustomerTokenError(
            f"the customer token's {name} is no text of 1 to {MAX_ID_CHARACTERS} characters"
        )
    return value
