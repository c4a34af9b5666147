"""Log lines of unattended commands: one JSON object a line, or short sentences for a person at a terminal.

JSON rather than logfmt: what collects logs (journald's ``MESSAGE``, Docker, Kubernetes, Loki, CloudWatch) parses it
without being told how, numbers stay numbers, and a reason with spaces, quotes or line breaks stays one field. Every line
has ``time`` (RFC 3339, UTC), ``level`` and ``message``; what else it says is in fields with their units in their names.
"""

import io
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import orjson

_FIELDS: Final = "kabin_fields"
_WARNING: Final = "warning: "


def fields(**values: object) -> dict[str, Any]:
    """Return the ``extra`` of a logging call that gives its line fields: ``_log.info("…", extra=fields(step=…))``."""
    return {_FIELDS: values}


def json_line(
    message: str, values: Mapping[str, object] | None = None, *, time: float, level: str = "info"
) -> str:
    """Return one line, without its line break.

    Args:
        message: what happened, the same words each time it does.
        values: fields beside it; those that are None are left out.
        time: Unix seconds.
        level: ``info``, ``warning`` or ``error``.
    """
    line: dict[str, object] = {
        "time": datetime.fromtimestamp(time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level,
        "message": message,
    }
    line |= {name: value for name, value in (values or {}).items() if value is not None}
    return orjson.dumps(
        line, default=str, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    ).decode()


class JsonLines(logging.Formatter):
    """Formats records as JSON lines; a traceback becomes the field ``traceback``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line."""
        values = dict(_fields_of(record))
        if record.exc_info:
            values["traceback"] = self.formatException(record.exc_info)
        return json_line(record.getMessage(), values, time=record.created, level=record.levelname.lower())


class Sentences(logging.Formatter):
    """Formats records for people: local time, the message, the fields behind it, warnings by name."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line, and a traceback's lines under it."""
        said = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S ")
        if record.levelno >= logging.WARNING:
            said += f"{record.levelname.lower()}: "
        said += record.getMessage()
        facts = [f"{name}={value}" for name, value in _fields_of(record).items() if value is not None]
        if facts:
            said += "  " + " ".join(facts)
        return f"{said}\n{self.formatException(record.exc_info)}" if record.exc_info else said


def logging_of(*, is_terminal: bool) -> dict[str, Any]:
    """Return the configuration for :func:`logging.config.dictConfig`: everything to standard error, INFO and above."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": Sentences if is_terminal else JsonLines}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
    }


class JsonLineStream(io.TextIOBase):
    """A text stream for code that prints plain sentences: each line becomes the message of a JSON line.

    Lines that are JSON objects already pass as they are; what begins with ``warning: `` has that level.

    Args:
        stream: where the lines go.
        clock: Unix seconds.
    """

    encoding = "utf-8"

    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._clock = clock
        self._begun = ""

    def writable(self) -> bool:
        """Return that it is."""
        return True

    def write(self, text: str) -> int:
        """Write the lines that ``text`` completes, and keep the rest for the next call."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            if line.strip():
                self._stream.write(self._as_json(line) + "\n")
        return len(text)

    def flush(self) -> None:
        """Let go of complete lines."""
        self._stream.flush()

    def _as_json(self, line: str) -> str:
        if line.startswith("{"):
            return line
        level = "warning" if line.startswith(_WARNING) else "info"
        return json_line(line.removeprefix(_WARNING), time=self._clock(), level=level)


def _fields_of(record: logging.LogRecord) -> Mapping[str, object]:
    values: Mapping[str, object] = getattr(record, _FIELDS, {})
    return values
