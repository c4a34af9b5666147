"""Who asks, and whether anything may be stored: what both calls with visitors begin with."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from service.consent import GPC_HEADER, may_store
from service.identity import Visitor, VisitorCookie, VisitorTokens
from service.problems import FieldError, Problem
from service.routes.exchange import Request
from service.schemas import Consent


class Reception:
    """Turns a request's body, cookie and headers into a visitor, or into none at all.

    Args:
        tokens: issues and reads visitor tokens.
        cookie: carries them in browsers.
        storage_consent: what a body without ``consent.storage`` means.
        max_events: most events of one body.
    """

    def __init__(
        self,
        tokens: VisitorTokens,
        cookie: VisitorCookie,
        *,
        storage_consent: Literal["assumed", "required"],
        max_events: int,
    ) -> None:
        self._tokens = tokens
        self._cookie = cookie
        self._storage_consent = storage_consent
        self._max_events = max_events

    def visitor(self, request: Request, claimed: str | None, consent: Consent) -> Visitor | None:
        """Return whose request it is, ``None`` if nothing may be stored: then not even the id is looked at."""
        if not may_store(consent, request.headers.get(GPC_HEADER), default=self._storage_consent):
            return None
        cookie = self._cookie.read(request.headers.get(b"cookie"))
        return self._tokens.identify(claimed, cookie, trusted=request.trusted)

    def cookie(self, request: Request, visitor: Visitor | None) -> Sequence[tuple[bytes, bytes]]:
        """Return the header that sets, or renews, the visitor's cookie; a server has no use for one."""
        if visitor is None or request.trusted:
            return ()
        return (self._cookie.header(visitor.token),)

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
