"""Log lines that machines read, and those that people read."""

import io
import json
import logging
import sys
from contextlib import redirect_stderr

import click
import pytest

from service.logs import JsonLines, JsonLineStream, Sentences, fields, json_line

NOW = 1_763_740_800.25


def record(message: str, level: int = logging.INFO, **values: object) -> logging.LogRecord:
    """Return a record as a logging call with fields makes it."""
    made = logging.LogRecord("kabin", level, __file__, 1, message, None, None)
    made.created = NOW
    made.__dict__.update(fields(**values))
    return made


def test_a_record_is_one_json_object_on_one_line() -> None:
    """Time, level and message come first, fields keep their types, what is None is left out."""
    line = JsonLines().format(
        record('refused:\n"quality"', logging.WARNING, step="train", seconds=1.5, version=None)
    )
    assert "\n" not in line
    assert list(json.loads(line).items()) == [
        ("time", "2025-11-21T16:00:00.250Z"),
        ("level", "warning"),
        ("message", 'refused:\n"quality"'),
        ("step", "train"),
        ("seconds", 1.5),
    ]


def test_whatever_a_field_holds_the_line_is_written() -> None:
    """A log line must not be what a night fails of: unknown objects are written as their text."""
    assert json.loads(json_line("odd", {"error": ValueError("no"), "codes": {1: "a"}}, time=NOW)) == {
        "time": "2025-11-21T16:00:00.250Z",
        "level": "info",
        "message": "odd",
        "error": "no",
        "codes": {"1": "a"},
    }


@pytest.mark.parametrize("formatter", [JsonLines(), Sentences()])
def test_a_traceback_is_kept(formatter: logging.Formatter) -> None:
    """What failed unexpectedly can be found: JSON keeps it in a field, people see it under the line."""
    failed = record("training failed", logging.ERROR)
    try:
        assert 1 / 0
    except ZeroDivisionError:
        failed.exc_info = sys.exc_info()
    line = formatter.format(failed)
    assert "ZeroDivisionError: division by zero" in line
    assert ("\n" in line) is isinstance(formatter, Sentences)


def test_people_read_a_sentence_with_its_facts_behind_it() -> None:
    """The level is said only where something is wrong."""
    assert (
        Sentences().format(record("archive done", events=12, files=None)).endswith(" archive done  events=12")
    )
    assert " warning: archive failed" in Sentences().format(record("archive failed", logging.WARNING))


def test_plain_sentences_of_commands_become_lines_too() -> None:
    """Notices and warnings that commands print are messages; what is JSON passes; half a line waits for its end."""
    log = io.StringIO()
    stream = JsonLineStream(log, lambda: NOW)
    with redirect_stderr(stream):
        click.echo("using the embedded Valkey", err=True)
        click.echo("warning: no append-only file", err=True)
        click.echo(json_line("Training", {"done": 0.5}, time=NOW), err=True)
        print("half a", end="", file=sys.stderr)
        assert "half" not in log.getvalue()
        print(" line\n", file=sys.stderr, flush=True)
    said = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [(line["level"], line["message"]) for line in said] == [
        ("info", "using the embedded Valkey"),
        ("warning", "no append-only file"),
        ("info", "Training"),
        ("info", "half a line"),
    ]
