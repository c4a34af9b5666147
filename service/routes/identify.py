"""``POST /identify``."""

import time
from collections.abc import Callable, Mapping
from typing import Final

from service.contract.answers import IdentifyAnswer
from service.contract.problems import FieldError, Problem, unauthorized, unavailable
from service.contract.schemas import IdentifyRequest
from service.contract.wire import BodyDecoder
from service.identity.customer_tokens import CustomerProof, CustomerTokenError, CustomerTokens
from service.identity.customers import CustomerIds, is_customer
from service.identity.identification import Identification
from service.identity.tokens import Visitor, VisitorTokens
from service.metrics.metrics import IdentificationOutcome, Metrics
from service.routes.exchange import NO_STORE, Reply, Request
from service.routes.reception import Reception
from service.stores.connection import StoreUnavailable

RETRY_AFTER_SECONDS = 5

_OUTCOME_OF: Final[Mapping[int, IdentificationOutcome]] = {
    401: "refused",
    403: "refused",
    503: "unavailable",
}
_ONE_OF = ("customer_id", "customer_token", "sign_out")


class IdentifyRoutes:
    """The handler of signing in and out.

    Args:
        identification: the use case.
        reception: identity and consent.
        tokens: signs visitor ids.
        customers: makes visitor ids of customers.
        customer_tokens: reads what the shop's backend signed.
        metrics: counts what becomes of the calls.
        clock: Unix seconds now.
        max_body_bytes: larger bodies are refused.
        body_timeout_seconds: slower ones too.
    """

    def __init__(
        self,
        identification: Identification,
        reception: Reception,
        tokens: VisitorTokens,
        *,
        customers: CustomerIds,
        customer_tokens: CustomerTokens,
        metrics: Metrics,
        clock: Callable[[], float],
        max_body_bytes: int,
        body_timeout_seconds: float,
    ) -> None:
        self._identification = identification
        self._reception = reception
        self._tokens = tokens
        self._customers = customers
        self._customer_tokens = customer_tokens
        self._metrics = metrics
        self._clock = clock
        self._max_body_bytes = max_body_bytes
        self._body_timeout_seconds = body_timeout_seconds
        self._decoder = BodyDecoder()

    async def identify(self, request: Request) -> Reply:
        """Answer the token to use from now on: the customer's, or after signing out a new visitor's."""
        started = time.perf_counter()
        body = self._decoder.identify(
            await request.body(max_bytes=self._max_body_bytes, timeout_seconds=self._body_timeout_seconds)
        )
        _check_exactly_one(body)
        try:
            visitor, outcome = await self._changed(request, body)
        except Problem as problem:
            if problem.status in _OUTCOME_OF:
                self._metrics.identification(_OUTCOME_OF[problem.status])
            raise
        self._metrics.identification(outcome)
        answer: IdentifyAnswer = {
            "visitor_id": None if visitor is None else visitor.token,
            "is_customer": visitor is not None and is_customer(visitor.visitor_id),
            "merged": outcome == "merged",
        }
        timing = b"total;dur=%.2f" % ((time.perf_counter() - started) * 1e3)
        cookie = self._reception.cookie(request, visitor, body.consent, signs_out=bool(body.sign_out))
        return Reply.of_json(answer, headers=[NO_STORE, (b"server-timing", timing), *cookie])

    async def _changed(
        self, request: Request, body: IdentifyRequest
    ) -> tuple[Visitor | None, IdentificationOutcome]:
        """Return who the visitor is from now on, ``None`` if nothing may be stored, and what that came to."""
        now = self._clock()
        proof = self._proof(request, body, now)
        visitor = self._reception.visitor(request, body.visitor_id, body.consent)
        if visitor is None:
            return None, "not_stored"
        if proof is None:
            return self._tokens.issue(), "signed_out"
        customer, is_merged = await self._identified(visitor, proof, now)
        return customer, "merged" if is_merged else "known"

    def _proof(self, request: Request, body: IdentifyRequest, now: float) -> CustomerProof | str | None:
        """Return what tells the customer: a token, or the server's word; ``None`` for who signs out.

        Raises:
            Problem: 401 if it tells nothing, 403 if no key is configured to judge by.
        """
        if body.customer_id is not None:
            if not request.trusted:
                raise unauthorized(
                    "customer_id needs the server key: send Authorization: Bearer <KABIN_SERVER_KEY>, or, from a browser, "
                    "a customer_token"
                )
            return body.customer_id
        if body.customer_token is None:
            return None
        if not self._customer_tokens.is_configured:
            raise Problem(
                403,
                "no key of customer tokens is configured: set KABIN_CUSTOMER_TOKEN_KEY to allow this call",
            )
        try:
            return self._customer_tokens.read(body.customer_token, now=now)
        except CustomerTokenError as error:
            raise _refused(str(error)) from None

    async def _identified(
        self, visitor: Visitor, proof: CustomerProof | str, now: float
    ) -> tuple[Visitor, bool]:
        """Return the customer whom a visitor turned out to be, and whether anything was merged."""
        customer_id = proof if isinstance(proof, str) else proof.customer_id
        customer = self._customers.visitor_id_of(customer_id)
        try:
            # A new visitor's id is told by the answer alone: were the token theirs before there is one, whoever asks again
            # after a 503 would be a stranger to it. They have nothing that could be merged by somebody who may not.
            if not visitor.is_new:
                await self._check_use(proof, customer, visitor)
            merged = await self._identification.identify(visitor.visitor_id, customer, now=now)
            if visitor.is_new:
                await self._check_use(proof, customer, visitor)
        except StoreUnavailable:
            raise unavailable(
                "the visitor cannot be identified now: ask again, that does no harm",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            ) from None
        return Visitor(customer, self._tokens.sign(customer), is_new=False), merged

    async def _check_use(self, proof: CustomerProof | str, customer: str, visitor: Visitor) -> None:
        """Refuse a token that another visitor has used; the server's word may be repeated.

        Raises:
            Problem: 401.
            StoreUnavailable: it cannot be told now.
        """
        if isinstance(proof, str):
            return
        if not await self._identification.may_use(proof, customer, visitor.visitor_id):
            raise _refused(
                "another visitor has used this customer token: ask the shop's backend for a new one"
            )


def _check_exactly_one(body: IdentifyRequest) -> None:
    given = [name for name in _ONE_OF if getattr(body, name)]
    if len(given) != 1:
        detail = f"give exactly one of {', '.join(_ONE_OF)}, not {len(given)}"
        raise Problem(
            422,
            detail,
            errors=[FieldError(pointer, detail) for pointer in [f"/{name}" for name in given] or [""]],
        )


def _refused(detail: str) -> Problem:
    """Return the 401 of a customer token that proves nothing."""
    return Problem(
        401,
        detail,
        errors=[FieldError("/customer_token", detail)],
        headers=[(b"www-authenticate", b'Bearer realm="kabin"')],
    )
