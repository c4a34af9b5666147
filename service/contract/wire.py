"""From bytes to checked bodies and events: every mistake gets a pointer, and a bad event stands alone."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from recommender.events import ACTS, Event
from service.contract.explanation import explain_refusal
from service.contract.problems import FieldError, Problem
from service.contract.schemas import (
    EventsRequest,
    IdentifyRequest,
    PersonalizeRequest,
    WireEvent,
)
from service.contract.wire_events import Source, event_of

_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_NAMES: Final = {name.value: name for name in ACTS}


class _Named(msgspec.Struct):
    name: str


class CheckedEvents(msgspec.Struct, frozen=True):
    """What a body's events came to: good ones in order, the count of unknown names, one line per bad field."""

    events: tuple[Event, ...]
    ignored: int
    rejected: tuple[FieldError, ...]


NO_EVENTS: Final = CheckedEvents((), 0, ())


class BodyDecoder:
    """Decodes the bodies of pages' calls; one instance serves all requests."""

    def __init__(self) -> None:
        self._personalize = msgspec.json.Decoder(PersonalizeRequest)
        self._events = msgspec.json.Decoder(EventsRequest)
        self._identify = msgspec.json.Decoder(IdentifyRequest)
        self._event = msgspec.json.Decoder(WireEvent)
        self._named = msgspec.json.Decoder(_Named)

    def personalize(self, body: bytes) -> PersonalizeRequest:
        """Decode a body of ``POST /personalize``.

        Raises:
            Problem: 400 if it is no JSON, 422 with one line per wrong field otherwise.
        """
        try:
            return self._personalize.decode(body)
        except _UNREADABLE as error:
            raise _refusal(error, PersonalizeRequest, body) from None

    def events(self, body: bytes) -> EventsRequest:
        """Decode a body of ``POST /events``.

        Raises:
            Problem: 400 if it is no JSON, 422 with one line per wrong field otherwise.
        """
        try:
            return self._events.decode(body)
        except _UNREADABLE as error:
            raise _refusal(error, EventsRequest, body) from None

    def identify(self, body: bytes) -> IdentifyRequest:
        """Decode a body of ``POST /identify``.

        Raises:
            Problem: 400 if it is no JSON, 422 with one line per wrong field otherwise.
        """
        try:
            return self._identify.decode(body)
        except _UNREADABLE as error:
            raise _refusal(error, IdentifyRequest, body) from None

    def check(self, raw_events: Sequence[msgspec.Raw], *, now: float, source: Source) -> CheckedEvents:
        """Check each event of a body by itself.

        Args:
            raw_events: the elements of the body's ``events`` array.
            now: time of arrival, Unix seconds.
            source: who sent them; decides which timestamps are believed.
        """
        if not raw_events:
            return NO_EVENTS
        good: list[Event] = []
        rejected: list[FieldError] = []
        ignored = 0
        for index, raw in enumerate(raw_events):
            try:
                wire = self._event.decode(raw)
            except _UNREADABLE as error:
                errors = self._explain_event(raw, error, f"/events/{index}")
                ignored += not errors
                rejected += errors
                continue
            name = _NAMES.get(wire.name)
            if name is None:
                ignored += 1
                continue
            outcome = event_of(wire, name, now=now, source=source)
            if isinstance(outcome, Event):
                good.append(outcome)
            else:
                rejected.append(FieldError(f"/events/{index}{outcome.pointer}", outcome.detail))
        return CheckedEvents(tuple(good), ignored, tuple(rejected))

    def _explain_event(self, raw: msgspec.Raw, refusal: Exception, pointer: str) -> list[FieldError]:
        """Return what is wrong with an event; nothing if its name is unknown, whatever else it holds."""
        try:
            if self._named.decode(raw).name not in _NAMES:
                return []
        except msgspec.ValidationError:
            return [FieldError(pointer, "expected an object with a `name`")]
        except _UNREADABLE as error:
            return [FieldError(pointer, f"unreadable: {error}")]
        try:
            return explain_refusal(refusal, msgspec.json.decode(raw), WireEvent, pointer)
        except _UNREADABLE as error:  # Such as 1e400, which is JSON but no number that a computer holds.
            return [FieldError(pointer, f"unreadable: {str(error).partition(' - at ')[0]}")]


def _refusal(error: Exception, schema: type[msgspec.Struct], body: bytes) -> Problem:
    if not isinstance(error, msgspec.ValidationError):
        return Problem(400, f"the body is not JSON: {error}")
    errors = explain_refusal(error, _plain(body), schema)
    return Problem(422, _summary(errors), errors=errors)


def _plain(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except _UNREADABLE as error:
        raise Problem(400, f"the body is not JSON: {error}") from None


def _summary(errors: Sequence[FieldError]) -> str:
    where = errors[0].pointer or "the body"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return f"{where}: {errors[0].detail}{more}"
