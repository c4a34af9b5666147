"""Who asks, and whether anything may be stored: what both calls with visitors begin with."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from service.contract.problems import FieldError, Problem
from service.contract.schemas import Consent
from service.identity.consent import GPC_HEADER, may_store
from service.identity.customers import CustomerIds
from service.identity.tokens import Visitor, VisitorCookie, VisitorTokens
from service.routes.exchange import Request


class Reception:
    """Turns a request's body, cookie and headers into a visitor, or into none at all.

    Args:
        tokens: issues and reads visitor tokens.
        cookie: carries them in browsers.
        customers: knows whom the shop's server means by ``customer:ID``.
        storage_consent: what a body without ``consent.storage`` means.
        max_events: most events of one body.
    """

    def __init__(
        self,
        tokens: VisitorTokens,
        cookie: VisitorCookie,
        customers: CustomerIds,
        *,
        storage_consent: Literal["assumed", "required"],
        max_events: int,
    ) -> None:
        self._tokens = tokens
        self._cookie = cookie
        self._customers = customers
        self._storage_consent = storage_consent
        self._max_events = max_events

    def visitor(self, request: Request, claimed: str | None, consent: Consent) -> Visitor | None:
        """Return whose request it is, ``None`` if nothing may be stored: then not even the id is looked at.

        Raises:
            Problem: 422 if the shop's server names a customer without an id, or an id that no URL can name.
        """
        if not may_store(consent, request.headers.get(GPC_HEADER), default=self._storage_consent):
            return None
        cookie = self._cookie.read(request.headers.get(b"cookie"))
        if request.trusted and claimed is not None:
            claimed = self._named(claimed)
        return self._tokens.identify(claimed, cookie, trusted=request.trusted)

    def cookie(
        self, request: Request, visitor: Visitor | None, consent: Consent, *, signs_out: bool = False
    ) -> Sequence[tuple[bytes, bytes]]:
        """Return the header that sets, or renews, the visitor's cookie; a server has no use for one.

        Where the body says that nothing may be stored, or a customer signs out, the cookie from before is taken back: no
        script of the page could.
        """
        if request.trusted:
            return ()
        if visitor is not None:
            return (self._cookie.header(visitor.token),)
        is_over = consent.storage is False or signs_out
        has_cookie = self._cookie.read(request.headers.get(b"cookie")) is not None
        return (self._cookie.removal,) if is_over and has_cookie else ()

    def _named(self, claimed: str) -> str:
        if "\n" in claimed:  # Paths with parameters match no line break: nobody could read or erase it.
            detail = "an id has no line breaks"
            raise Problem(422, detail, errors=[FieldError("/visitor_id", detail)])
        try:
            return self._customers.named(claimed)
        except ValueError:
            detail = "customer: is followed by the shop's own id of the customer"
            raise Problem(422, detail, errors=[FieldError("/visitor_id", detail)]) from None

    def check_count(self, events: Sequence[msgspec.Raw]) -> None:
        """Refuse a body with more events than one may have.

        Raises:
            Problem: 413.
        """
        if len(events) > self._max_events:
            detail = (
                f"{len(events)} events; at most {self._max_events} go into one body, send the rest in another"
            )
            raise Problem(413, detail, errors=[FieldError("/events", detail)])
