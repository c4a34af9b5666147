"""Whether the service still gives the same answers: record them, change the code, record again, and compare.

    python -m tests.benchmarks.hot_path.recorded_answers record --out before.jsonl
    python -m tests.benchmarks.hot_path.recorded_answers compare before.jsonl after.jsonl

A recording asks 10,000 times for a page, and between these now and then for something else, over HTTP, of a service on a
fresh Redis whose clock the requests set. It is of the code in the folder where it is started. Ids that are drawn at
random and times that are measured are masked; all else is compared byte for byte. Who is given a random id while
experiments run cannot be compared in what the experiments decide. The models lie beside the recording in ``models``
and are used again where they are, as two trainings on other code need not agree.
"""

import argparse
import base64
import contextlib
import http.client
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any, Final, TextIO

from service.identity.tokens import VisitorTokens
from tests.benchmarks.hot_path.recorded_differences import differences
from tests.benchmarks.hot_path.recorded_requests import Request, RequestStream
from tests.benchmarks.hot_path.recorded_service import CLOCK_HEADER, SIGNING_KEY, RecordedService
from tests.benchmarks.hot_path.recorded_shop import NOW, feed, item_sizes, running_experiments, write_models

PAGES: Final = 10_000
_SHOWN: Final = 20

_SHARES: Final = (
    ("no catalog", 0.01),
    ("no model", 0.02),
    ("trained model", 0.35),
    ("experiments", 0.30),
    ("switches", 0.06),
    ("synthetic model", 0.16),
    ("learning traffic", 0.08),
    ("no Redis", 0.02),
)
"""The phases of a recording, and how many of the pages are asked for in each."""

_SWITCHED: Final = ("size", "homepage", "recommendations")
_OTHER_SETTINGS: Final = {
    "learning_traffic": "true",
    "exposure_at": "decision",
    "storage_consent": "required",
    "recommendation_source": "covisit",
}

_PLACE: Final = re.compile(r"@(?:token|decision):[\w-]+")
_MEASURED: Final = re.compile(r"dur=[\d.]+")
_TICKET_MAC_BYTES: Final = 12
_TICKET_NONCE: Final = slice(5, 12)
_PLAIN_CHARACTERS: Final = 22


def main(arguments: list[str] | None = None) -> None:
    """Record or compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    recording = commands.add_parser("record", help="ask the service in this folder")
    recording.add_argument("--out", type=Path, required=True, metavar="FILE")
    recording.add_argument("--pages", type=int, default=PAGES, help=f"{PAGES:,} by default")
    comparing = commands.add_parser("compare", help="compare two recordings; exit code 1 if they differ")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    options = parser.parse_args(arguments)
    if options.command == "record":
        count = record(options.out, options.pages)
        print(f"{options.out}: {count:,} answers")
        return
    found = list(differences(options.before, options.after))
    for each in found[:_SHOWN]:
        print(each)
    print(f"{len(found):,} answers differ")
    sys.exit(1 if found else 0)


def record(out: Path, pages: int = PAGES) -> int:
    """Write the answers to ``pages`` calls of ``/personalize``, and to those between them; return how many lines."""
    models_dir = out.absolute().parent / "models"
    versions = models_dir / "versions.json"
    if not versions.exists():
        models_dir.mkdir(parents=True, exist_ok=True)
        versions.write_text(json.dumps(write_models(models_dir)))
    trained, synthetic = json.loads(versions.read_text())
    counts = {name: round(pages * share) for name, share in _SHARES}
    with tempfile.TemporaryDirectory() as folder, out.open("w") as file:
        service = RecordedService(Path(folder), models_dir)
        recording = _Recording(
            service, RequestStream(item_sizes(), VisitorTokens([SIGNING_KEY]).sign, NOW), file
        )
        with service.redis():
            with service.running():
                _without_experiments(recording, counts, trained)
                _with_experiments(recording, counts, synthetic)
            with service.running(**_OTHER_SETTINGS):
                recording.ask("learning traffic", counts["learning traffic"], is_assigned=True)
            with service.running():
                service.stop_redis()
                recording.ask("no Redis", counts["no Redis"], is_assigned=True)
    return recording.count


def _without_experiments(recording: "_Recording", counts: dict[str, int], version: str) -> None:
    recording.ask("no catalog", counts["no catalog"])
    recording.service.put("/catalog", feed())
    recording.ask("no model", counts["no model"])
    recording.service.use_model(version)
    recording.ask("trained model", counts["trained model"])


def _with_experiments(recording: "_Recording", counts: dict[str, int], version: str) -> None:
    service = recording.service
    service.put("/experiments", json.dumps(running_experiments()).encode())
    recording.ask("experiments", counts["experiments"], is_assigned=True)
    for decision in _SWITCHED:
        service.switch(decision, is_on=False)
        recording.ask("switches", counts["switches"] // len(_SWITCHED), is_assigned=True)
        service.switch(decision, is_on=True)
    service.change_catalog()
    service.use_model(version)
    recording.ask("synthetic model", counts["synthetic model"], is_assigned=True)


class _Recording:
    """Asks, masks and writes down."""

    def __init__(self, service: RecordedService, stream: RequestStream, file: TextIO) -> None:
        self.service = service
        self.count = 0
        self._stream = stream
        self._file = file
        self._said: dict[str, str] = {}

    def ask(self, phase: str, pages: int, *, is_assigned: bool = False) -> None:
        """Ask for so many pages, one after the other."""
        port = self.service.port
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            for request in self._stream.phase(phase, pages, is_assigned=is_assigned):
                self._one(connection, request)

    def _one(self, connection: http.client.HTTPConnection, request: Request) -> None:
        body = None if request.body is None else self._filled(request.body).encode("utf-8", "surrogatepass")
        headers = {name: self._filled(value) for name, value in request.headers.items()}
        connection.request(request.method, request.path, body, headers | {CLOCK_HEADER: repr(request.at)})
        response = connection.getresponse()
        text = response.read().decode()
        received = sorted((name.lower(), value) for name, value in response.getheaders())
        answer = json.loads(text) if response.status in {200, 202} and text.startswith("{") else {}
        self._remember(request, answer)
        line = {
            "number": self.count,
            "request": request._asdict(),
            "status": response.status,
            "headers": [[name, masked_header(name, value)] for name, value in received],
            "body": masked(text, answer, is_assigned=request.is_assigned),
        }
        self._file.write(json.dumps(line) + "\n")
        self.count += 1

    def _filled(self, text: str) -> str:
        """Return a text with what the service has said in the places that are left for it."""
        return _PLACE.sub(lambda found: self._said.get(found[0], "none-yet"), text) if "@" in text else text

    def _remember(self, request: Request, answer: dict[str, Any]) -> None:
        if request.visitor is not None and "decision_id" in answer:
            self._said[f"@decision:{request.visitor}"] = answer["decision_id"]
            if answer["visitor_id"] is not None:
                self._said[f"@token:{request.visitor}"] = answer["visitor_id"]


def masked(text: str, answer: dict[str, Any], *, is_assigned: bool) -> str:
    """Return a body without what is drawn at random.

    Args:
        text: the body.
        answer: the same, decoded; empty for what is no answer to a page.
        is_assigned: whether experiments run: then of the answer to a new visitor only that is kept which does not
            depend on the id.
    """
    token, decision_id = answer.get("visitor_id") or "", answer.get("decision_id")
    is_page, is_receipt = decision_id is not None, "accepted" in answer
    is_new = (is_page or is_receipt) and token != "" and not token.startswith("recorded-")
    if is_new and is_assigned and is_page:
        kept = ("events", "model_version", "degraded", "discount_affinity")
        return json.dumps({name: answer[name] for name in kept} | {"names": list(answer)})
    if is_new:
        text = text.replace(f'"{token}"', f'"<new, {len(token)} characters>"')
    if decision_id is not None:
        text = text.replace(f'"{decision_id}"', f'"{_masked_decision(decision_id)}"')
    return text


def _masked_decision(decision_id: str) -> str:
    """Return what a decision's id says: that it is random, or which exposures its ticket carries."""
    if len(decision_id) <= _PLAIN_CHARACTERS:
        return f"<random, {len(decision_id)} characters>"
    ticket = bytearray(base64.urlsafe_b64decode(decision_id)[:-_TICKET_MAC_BYTES])
    del ticket[_TICKET_NONCE]
    return f"<ticket {ticket.hex()}>"


def masked_header(name: str, value: str) -> str:
    """Return a header's value without times, lengths and new tokens; the name is in lower case."""
    if name == "server-timing":
        return _MEASURED.sub("dur=#", value)
    if name == "date":
        return "#"
    if name == "content-length":
        return "#"  # the body is compared itself
    if name == "set-cookie" and not value.startswith("kabin=recorded-"):
        return re.sub(r"=[^;]*", "=<new>", value, count=1)
    return value


if __name__ == "__main__":
    main()
