"""``POST /personalize`` and ``POST /events``."""

import time
from collections.abc import Callable

import orjson

from recommender.decisions.question import Question
from service.contract.answers import EventsReceipt
from service.contract.problems import Problem, too_many_requests, unavailable
from service.contract.schemas import PersonalizeRequest
from service.contract.wire import BodyDecoder
from service.identity.crawlers import Caller, Crawlers
from service.identity.tokens import Visitor
from service.personalization import Answer, Circumstances, Personalization
from service.redis_link.log_pressure import EventsRefused
from service.routes.answers import WrittenExperiments, personalize_answer
from service.routes.exchange import NO_STORE, Reply, Request
from service.routes.reception import Reception
from service.stores.connection import StoreUnavailable
from service.stores.visitors import RateLimited

RETRY_AFTER_SECONDS = 5
REFUSED_RETRY_AFTER_SECONDS = 60
"""The archiver makes room once a minute."""


class PersonalizeRoutes:
    """The handlers of a page's calls.

    Args:
        personalization: the use case.
        reception: identity, consent and limits.
        crawlers: tells bots from shoppers.
        clock: Unix seconds now.
        max_body_bytes: larger bodies are refused.
        body_timeout_seconds: slower ones too.
    """

    def __init__(
        self,
        personalization: Personalization,
        reception: Reception,
        crawlers: Crawlers,
        clock: Callable[[], float],
        *,
        max_body_bytes: int,
        body_timeout_seconds: float,
    ) -> None:
        self._personalization = personalization
        self._reception = reception
        self._crawlers = crawlers
        self._clock = clock
        self._max_body_bytes = max_body_bytes
        self._body_timeout_seconds = body_timeout_seconds
        self._decoder = BodyDecoder()
        self._written = WrittenExperiments()

    async def personalize(self, request: Request) -> Reply:
        """Apply a page's events and answer what it shows."""
        started = time.perf_counter()
        body = self._decoder.personalize(
            await request.body(max_bytes=self._max_body_bytes, timeout_seconds=self._body_timeout_seconds)
        )
        reception, trusted = self._reception, request.trusted
        reception.check_count(body.events)
        now = self._clock()
        caller = self._caller(request)
        visitor = (
            None if caller is Caller.CRAWLER else reception.visitor(request, body.visitor_id, body.consent)
        )
        try:
            answer = await self._personalization.answer(
                None if visitor is None else visitor.visitor_id,
                _question_of(body),
                self._decoder.check(body.events, now=now, source="server" if trusted else "browser"),
                _circumstances(body, request, caller, visitor),
                now=now,
            )
        except RateLimited as limited:
            raise _too_many(limited) from None
        token = None if visitor is None else visitor.token
        content = personalize_answer(answer, token, self._written, now=now)
        headers = [NO_STORE, _timing(started, answer), *reception.cookie(request, visitor, body.consent)]
        return Reply(orjson.dumps(content), 200, headers)

    async def events(self, request: Request) -> Reply:
        """Keep a batch of one visitor's events; 202 says that they are in the log."""
        started = time.perf_counter()
        body = self._decoder.events(
            await request.body(max_bytes=self._max_body_bytes, timeout_seconds=self._body_timeout_seconds)
        )
        self._reception.check_count(body.events)
        now = self._clock()
        # What the shop's server reports of an order is kept, whatever program it reports it with.
        is_crawler = not request.trusted and self._caller(request) is Caller.CRAWLER
        visitor = None if is_crawler else self._reception.visitor(request, body.visitor_id, body.consent)
        try:
            kept = await self._personalization.keep(
                None if visitor is None else visitor.visitor_id,
                self._decoder.check(body.events, now=now, source="server" if request.trusted else "browser"),
                is_server=request.trusted,
                is_first_visit=visitor is not None and visitor.is_new,
                now=now,
            )
        except RateLimited as limited:
            raise _too_many(limited) from None
        except EventsRefused:
            raise unavailable(
                "there is no room for events now, none of these was kept: send them again later",
                retry_after_seconds=REFUSED_RETRY_AFTER_SECONDS,
            ) from None
        except StoreUnavailable:
            raise unavailable(
                "the events cannot be kept now: send them again, repetitions are recognised",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            ) from None
        receipt: EventsReceipt = {**kept, "visitor_id": None if visitor is None else visitor.token}
        return Reply.of_json(
            receipt,
            status=202,
            headers=[
                NO_STORE,
                _timing(started, None),
                *self._reception.cookie(request, visitor, body.consent),
            ],
        )

    def _caller(self, request: Request) -> Caller:
        return self._crawlers.caller(request.headers.get(b"user-agent"), trusted=request.trusted)


def _circumstances(
    body: PersonalizeRequest, request: Request, caller: Caller, visitor: Visitor | None
) -> Circumstances:
    preview = body.preview
    forced = preview.experiments
    return Circumstances(
        body.attributes,
        {name: int(number) for name, number in forced.items()} if forced else {},
        preview.is_wanted,
        caller is Caller.SHOPPER,
        request.trusted,
        visitor is not None and visitor.is_new,
    )


def _too_many(limited: RateLimited) -> Problem:
    return too_many_requests(
        "this visitor asks too often: send this again after Retry-After seconds, none of its events was kept",
        retry_after_seconds=limited.retry_after_seconds,
    )


def _question_of(body: PersonalizeRequest) -> Question:
    page = body.page
    return Question(page.type, page.item_id, page.sku, page.category, int(body.limit), body.preview.homepage)


def _timing(started: float, answer: Answer | None) -> tuple[bytes, bytes]:
    total = (time.perf_counter() - started) * 1e3
    if answer is None:
        return b"server-timing", b"total;dur=%.2f" % total
    return b"server-timing", b"redis;dur=%.2f, total;dur=%.2f" % (answer.redis_seconds * 1e3, total)
