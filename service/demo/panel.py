"""The side panel's calls: what Kabin knows of this browser's visitor, becoming another one, and the next visit."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypedDict

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from recommender.departments import name_of
from service.contract.answers import VisitorAnswer
from service.demo.accounts import leave_account
from service.demo.clock import NEXT_VISIT_SECONDS, DemoClock
from service.demo.personas import PERSONAS, Impostor
from service.demo.shop import DemoItem, product_path
from service.demo.visit import CART_COOKIE, ORDER_COOKIE, FormError, form_of, go, local_path, refused
from service.demo.words import (
    EvidenceWords,
    affinity_words,
    department_words,
    evidence_words,
    homepage_words,
    kinds_words,
)
from service.history.visitor_report import VisitorReport, VisitorReports
from service.identity.customers import is_customer
from service.identity.tokens import VisitorCookie, VisitorTokens
from service.knowledge import Knowledge
from service.routes.answers import visitor_answer
from service.stores.connection import StoreUnavailable

UNREACHABLE: Final = "Kabin’s memory cannot be reached right now; the shop goes on without."


class ItemWords(TypedDict):
    """How the panel names an item."""

    title: str
    link: str


class SizeWords(TypedDict):
    """A size that would be preselected."""

    department: str
    size: str


class PanelWords(TypedDict):
    """What is known, in plain words; ``kinds`` is what the evidence for the page's item was on, such as ``shirts``.

    ``seen`` are the experiments whose exposure is on record, ``switched_off`` the decisions that nobody gets.
    """

    affinity: str
    homepage: str
    kinds: str | None
    sizes: list[SizeWords]
    evidence: list[EvidenceWords]
    seen: list[str]
    switched_off: list[str]


class PanelAnswer(TypedDict):
    """Answer of ``GET /demo/visitor``: the content of ``GET /visitors/{id}`` if anything is held, and words for it."""

    at: float
    skipped_seconds: float
    is_customer: bool
    visitor: VisitorAnswer | None
    words: PanelWords | None
    items: dict[str, ItemWords]


class PanelRoutes:
    """The handlers.

    Args:
        items: of the shop.
        reports: on visitors.
        knowledge: tells an item's department, and what is switched off.
        impostor: makes up visitors with a past.
        tokens: reads and issues visitors' ids.
        cookie: carries them.
        clock: of the shop; "next visit" moves it.
    """

    def __init__(
        self,
        items: Sequence[DemoItem],
        *,
        reports: VisitorReports,
        knowledge: Knowledge,
        impostor: Impostor,
        tokens: VisitorTokens,
        cookie: VisitorCookie,
        clock: DemoClock,
    ) -> None:
        self._items = {item.item_id: item for item in items}
        self._reports = reports
        self._knowledge = knowledge
        self._impostor = impostor
        self._tokens = tokens
        self._cookie = cookie
        self._clock = clock

    def routes(self) -> list[BaseRoute]:
        """Return where they are served."""
        return [
            Route("/demo/visitor", self.visitor),
            Route("/demo/persona", self.persona, methods=["POST"]),
            Route("/demo/next-visit", self.next_visit, methods=["POST"]),
        ]

    async def visitor(self, request: Request) -> Response:
        """Answer what is held about the visitor of the request's own cookie, and nobody else."""
        started = time.perf_counter()
        token = self._cookie.read(request.headers.get("cookie", "").encode("latin-1"))
        visitor_id = self._tokens.read(token) if token else None
        try:
            report = None if visitor_id is None else await self._reports.of(visitor_id)
        except StoreUnavailable:
            return _json({"detail": UNREACHABLE}, status=503)
        answer: PanelAnswer = {
            "at": self._clock(),
            "skipped_seconds": self._clock.ahead_seconds,
            "is_customer": visitor_id is not None and is_customer(visitor_id),
            "visitor": None,
            "words": None,
            "items": {},
        }
        if report is not None and visitor_id is not None:
            answer["visitor"] = visitor_answer(visitor_id, report, {})
            answer["words"] = self._words(report, request.query_params.get("item_id"))
            answer["items"] = dict(self._named(report))
        return _json(answer, timing_ms=(time.perf_counter() - started) * 1e3)

    async def persona(self, request: Request) -> Response:
        """Turn the browser into somebody else, or into nobody known, who is not signed in and has nothing in the bag."""
        try:
            form = await form_of(request)
        except FormError as error:
            return refused(error)
        wanted = form.get("persona", "")
        back = local_path(form.get("back"))
        if wanted == "new":
            visitor = self._tokens.issue()
        elif wanted in ("trend", "deal"):
            try:
                visitor = await self._impostor.become("trend" if wanted == "trend" else "deal")
            except StoreUnavailable:
                return Response(UNREACHABLE, 503, media_type="text/plain", headers={"Retry-After": "5"})
        else:
            known = ", ".join([*PERSONAS, "new"])
            return Response(f"persona has to be one of {known}", 422, media_type="text/plain")
        answer = go(back)
        name, value = self._cookie.header(visitor.token)
        answer.headers.append(name.decode(), value.decode())
        for cookie in (CART_COOKIE, ORDER_COOKIE):
            answer.delete_cookie(cookie, httponly=True, samesite="lax")
        leave_account(answer)
        return answer

    async def next_visit(self, request: Request) -> Response:
        """Let a bit more than a day pass, for everybody in the shop."""
        try:
            form = await form_of(request)
        except FormError as error:
            return refused(error)
        self._clock.jump(NEXT_VISIT_SECONDS)
        return go(local_path(form.get("back")))

    def _words(self, report: VisitorReport, item_id: str | None) -> PanelWords:
        affinity = report.decision.affinity
        switched_off = self._knowledge.policy.switched_off
        resolved = self._knowledge.catalog.resolve(item_id) if item_id else None
        department = None if resolved is None else name_of(resolved.item.department)
        return {
            "affinity": affinity_words(affinity),
            "homepage": homepage_words(
                report.decision.homepage,
                affinity,
                experiment_id=_experiment_of_homepage(report),
                is_on="homepage" not in switched_off,
            ),
            "kinds": None if department is None else kinds_words(report.evidence, department, self._items),
            "sizes": [
                {
                    "department": department_words(one["department"]),
                    "size": " ".join(part for part in (one["size_system"], one["size"]) if part),
                }
                for one in report.sizes
            ],
            "evidence": evidence_words(report.evidence),
            "seen": [shown.experiment_id for shown in report.exposures if shown.experiment_id is not None],
            "switched_off": sorted(switched_off),
        }

    def _named(self, report: VisitorReport) -> Iterator[tuple[str, ItemWords]]:
        named = [one["item_id"] for one in report.evidence]
        named += [one["item_id"] for one in report.cart]
        named += [one["item_id"] for one in report.recently_viewed]
        for item_id in dict.fromkeys(named):
            item = self._items.get(item_id or "")
            if item is not None:
                yield item.item_id, {"title": item.title, "link": product_path(item.item_id)}


def _experiment_of_homepage(report: VisitorReport) -> str | None:
    """Return the experiment that chose the home page, if one did."""
    if report.decision.homepage.reason != "experiment":
        return None
    # The holdout comes first in the list; whoever is held out is in no other.
    of_homepage = [one.experiment_id for one in report.experiments if one.slot in ("homepage", None)]
    return of_homepage[-1] if of_homepage else None


def _json(content: Mapping[str, object], *, status: int = 200, timing_ms: float | None = None) -> Response:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    if timing_ms is not None:
        headers["Server-Timing"] = f"total;dur={timing_ms:.2f}"
    return Response(orjson.dumps(content), status, media_type="application/json", headers=headers)
