"""The demo shop's customer accounts: two people who sign in, and what the shop's backend then tells Kabin.

Whoever presses a button is signed in; there are no passwords, for there is nothing to protect.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import jwt
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from service.demo.visit import FormError, form_of, go, local_path, refused
from service.identity.customer_tokens import AUDIENCE

ACCOUNT_COOKIE: Final = "shop_account"
TOKEN_SECONDS: Final = 300
"""How long a page may take to tell Kabin whom it was made for."""

_ACCOUNT_SECONDS: Final = 30 * 86_400


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody's account: the shop's own id of the customer, and their name."""

    customer_id: str
    name: str


ACCOUNTS: Final = {
    account.name.lower(): account for account in (Account("1042", "Ada"), Account("1815", "Ben"))
}


def account_of(request: Request) -> Account | None:
    """Return who is signed in."""
    return ACCOUNTS.get(request.cookies.get(ACCOUNT_COOKIE, ""))


class Accounts:
    """Signs customers in and out, and signs what the shop's pages tell Kabin of them.

    Args:
        key: of customer tokens, which Kabin has too.
        clock: Unix seconds now.
    """

    def __init__(self, key: str, clock: Callable[[], float]) -> None:
        self._key = key
        self._clock = clock

    def routes(self) -> list[BaseRoute]:
        """Return where the panel's buttons lead."""
        return [
            Route("/demo/sign-in", self.sign_in, methods=["POST"]),
            Route("/demo/sign-out", self.sign_out, methods=["POST"]),
        ]

    def token(self, account: Account) -> str:
        """Return a customer token for one page; each may be used by one visitor."""
        now = int(self._clock())
        claims = {
            "sub": account.customer_id,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "jti": secrets.token_urlsafe(12),
        }
        return jwt.encode(claims, self._key, algorithm="HS256")

    async def sign_in(self, request: Request) -> Response:
        """Sign a customer in; the page that follows says so to Kabin."""
        try:
            form = await form_of(request)
        except FormError as error:
            return refused(error)
        name = form.get("account", "")
        if name not in ACCOUNTS:
            return Response(f"account has to be one of {', '.join(ACCOUNTS)}", 422, media_type="text/plain")
        answer = go(local_path(form.get("back")))
        answer.set_cookie(ACCOUNT_COOKIE, name, max_age=_ACCOUNT_SECONDS, httponly=True, samesite="lax")
        return answer

    async def sign_out(self, request: Request) -> Response:
        """Sign whoever it is out of the shop; the page with the button says so to Kabin."""
        try:
            form = await form_of(request)
        except FormError as error:
            return refused(error)
        answer = go(local_path(form.get("back")))
        leave_account(answer)
        return answer


def leave_account(answer: Response) -> None:
    """Let the browser forget who was signed in."""
    answer.delete_cookie(ACCOUNT_COOKIE, httponly=True, samesite="lax")
