"""Who asks: tokens, tickets, cookies, keys and addresses, none of which anybody may forge."""

import base64
import hmac
import json
from pathlib import Path
from typing import Final

from recommender.decisions.assigned import AssignedExperiment
from service.contract.problems import Problem
from service.identity.customer_tokens import CustomerTokenError, CustomerTokens
from service.identity.tokens import ServerKey, VisitorCookie, VisitorTokens
from service.rate_limits import AddressRates
from service.routes.origins import OriginPolicy
from service.stores.rates import Rate
from service.tickets import ExposureTickets
from tests.fuzz.target import Attempt, Target, check_problem, check_told, cut
from tests.fuzz.targets.shop import NOW

_KEYS: Final = ("newest-signing-key", "older-signing-key")
_OURS: Final = ("v1", "kim@example.org", "\u0130\U0001f457", "~")
_TOKENS: Final = tuple(VisitorTokens([key]).sign(visitor_id) for key in _KEYS for visitor_id in _OURS)
_SERVER_KEY: Final = "a-server-key-for-fuzzing"
_ORIGIN: Final = b"https://www.shop.example"


def token(_folder: Path) -> Attempt:
    """Read tokens: of those that were not signed here none may be taken, and no other id come out of one that was."""
    tokens = VisitorTokens(_KEYS)

    def attempt(data: bytes) -> None:
        text = data.decode("latin-1")
        visitor_id = tokens.read(text)
        assert visitor_id is None or visitor_id in _OURS
        claimed = tokens.identify(text, text, trusted=False)
        assert claimed.is_new == (visitor_id is None)
        assert claimed.token.isascii()
        named = data.decode("utf-8", "replace")
        trusted = tokens.identify(named, None, trusted=True)
        assert not named or not trusted.is_new
        VisitorCookie("v", domain=None, secure=True, samesite="lax", max_age_seconds=1).header(claimed.token)

    return attempt


def _experiment(number: int) -> AssignedExperiment:
    return AssignedExperiment(f"x{number}", number, f"v{number}", None, None, 0.5, 0, None, is_recorded=False)


def ticket(_folder: Path) -> Attempt:
    """Read decision ids: only those that were issued, to their visitor and in time, may tell of exposures."""
    tickets = ExposureTickets(_KEYS)
    issued = {text.decode() for text in _TICKETS}

    def attempt(data: bytes) -> None:
        decision_id = data.decode("utf-8", "replace")
        read = tickets.read(decision_id, "v1", now=NOW)
        assert read is None or decision_id in issued
        assert tickets.read(decision_id, "v2", now=NOW) is None
        assert tickets.read(decision_id, "v1", now=NOW + 999_999) is None

    return attempt


def header(_folder: Path) -> Attempt:
    """Read the headers of a request: cookie, key, origin and host, separated by NUL."""
    cookie = VisitorCookie("kabin_visitor", domain=None, secure=False, samesite="lax", max_age_seconds=1)
    key = ServerKey(_SERVER_KEY)
    origins = OriginPolicy([_ORIGIN.decode()])
    tokens = VisitorTokens(_KEYS)

    def attempt(data: bytes) -> None:
        cookies, authorization, origin, host = cut(data, 4)
        found = cookie.read(cookies)
        if found is not None:
            visitor_id = tokens.read(found)
            assert visitor_id is None or visitor_id in _OURS
        judged = key.check(authorization)
        assert judged != "valid" or authorization.split(maxsplit=1)[1].strip() == _SERVER_KEY.encode()
        try:
            answered = dict(origins.check(origin, host))
        except Problem as problem:
            check_problem(problem, 403)
            return
        allowed = answered.get(b"access-control-allow-origin")
        assert allowed is None or allowed.lower() == _ORIGIN

    return attempt


def forwarded(_folder: Path) -> Attempt:
    """Read ``X-Forwarded-For`` and the peer's address, separated by NUL."""
    rates = AddressRates(Rate(10, 20), ["10.0.0.0/8", "2001:db8::/32", "fe80::/10"], capacity=64)

    def attempt(data: bytes) -> None:
        chain, peer = cut(data, 2)
        wait = rates.admit(peer.decode("latin-1") or "10.0.0.1", chain, NOW)
        assert 0 <= wait <= 60
        assert rates.remembered <= 64

    return attempt


def _part(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _signed(header: bytes, claims: bytes, key: str) -> bytes:
    """Return a JWT as it should be made (RFC 7515), whatever its parts say."""
    message = _part(header) + b"." + _part(claims)
    return message + b"." + _part(hmac.digest(key.encode(), message, "sha256"))


def customer_token(_folder: Path) -> Attempt:
    """Read customer tokens: as they come, and header and claims (separated by NUL) signed with the right key.

    None that was not signed here may be taken; one that was counts only with the right algorithm, audience and times.
    """
    tokens = CustomerTokens(CUSTOMER_KEYS)

    def attempt(data: bytes) -> None:
        try:
            proof = tokens.read(data.decode("utf-8", "replace"), now=NOW)
            assert (proof.customer_id, proof.token_id) == ("kim", "j1")
        except CustomerTokenError as error:
            check_told(error)
        header, claims = cut(data, 2)
        try:
            proof = tokens.read(_signed(header, claims, CUSTOMER_KEYS[1]).decode(), now=NOW)
        except CustomerTokenError as error:
            check_told(error)
            return
        said = json.loads(claims)
        assert json.loads(header)["alg"] == "HS256"
        assert said["aud"] == "kabin" or "kabin" in said["aud"]
        assert 0 < said["exp"] - said["iat"] <= 600
        assert said["iat"] - 60 <= NOW < said["exp"] + 60
        assert 0 < len(proof.customer_id) <= 128
        assert 0 < len(proof.token_id) <= 128

    return attempt


CUSTOMER_KEYS: Final = ("newest-key-of-customer-tokens-of-32-b", "older-key-of-customer-tokens-of-32-by")
_HEADER: Final = b'{"alg":"HS256","typ":"JWT"}'
_CLAIMS: Final = b'{"sub":"kim","aud":"kabin","iat":%d,"exp":%d,"jti":"j1"}' % (NOW - 5, NOW + 500)
CUSTOMER_TOKEN: Final = _signed(_HEADER, _CLAIMS, CUSTOMER_KEYS[0])
"""As the shop's backend would make it."""

_TICKETS: Final = tuple(
    ExposureTickets([key])
    .issue(
        "v1",
        [_experiment(number) for number in range(1, count + 1)],
        discount_affinity="high",
        personalized_homepage="promo",
        now=NOW - 60,
    )
    .encode()
    for key in _KEYS
    for count in (1, 3, 8)
)

TARGETS: Final = (
    Target("token", "tokens of visitors", token, tuple(each.encode() for each in _TOKENS), (b".", b"%", b"%2E", b"==", b"-", b"_")),
    Target(
        "customer-token",
        "tokens of customers",
        customer_token,
        (CUSTOMER_TOKEN, _HEADER + b"\0" + _CLAIMS, b'{"alg":"none"}\0' + _CLAIMS),
        (b'"none"', b'"HS512"', b'"RS256"', b'"crit":["b64"]', b'"b64":false', b'"nbf"', b'"kid"', b'["kabin"]', b"1e999", b"NaN", b"true", b"null"),
    ),
    Target("ticket", "ids of decisions", ticket, _TICKETS, (b"=", b"-", b"_", b"+", b"/")),
    Target(
        "headers", "Cookie, Authorization, Origin, Host", header,
        (b"a=b; kabin_visitor=%b; kabin_visitor=x\0Bearer %b\0https://www.shop.example\0kabin.example" % (_TOKENS[0].encode(), _SERVER_KEY.encode()),),
        (b"kabin_visitor=", b"Bearer ", b"bearer\t", b"; ", b"null", b"https://www.shop.example.evil.example", b"\r\nSet-Cookie: a=b"),
    ),
    Target(
        "forwarded", "X-Forwarded-For", forwarded,
        (b"8.8.8.8, 10.0.0.2", b"2a00:1450::1%eth0, [2001:db8::7]:443\x002001:db8::1", b"::ffff:8.8.4.4\0::ffff:10.1.2.3"),
        (b"::", b"%", b"[", b"]:", b", ", b"/32", b"unknown", b"0x7f.1", b"08.8.8.8"),
    ),
)  # fmt: skip
