"""As many open files as connections need, or no more connections than there may be files."""

import resource

import pytest

from service.serving.server import _with_files_for
from service.settings import Settings


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The system's limits, the last of which are in force; ``setrlimit`` adds to them."""
    limits = [(1024, 524_288)]
    monkeypatch.setattr(resource, "getrlimit", lambda _what: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _what, both: limits.append(both))
    return limits


def test_the_usual_limit_is_raised_to_what_is_needed(limits: list[tuple[int, int]]) -> None:
    """1,024 open files, as most systems allow at first, are not enough for 8,192 connections."""
    assert _with_files_for(Settings(max_connections=8192)).max_connections == 8192
    assert limits[-1] == (8192 + 512, 524_288)
    limits.append((1024, resource.RLIM_INFINITY))
    assert _with_files_for(Settings(max_connections=8192)).max_connections == 8192
    assert limits[-1] == (8192 + 512, resource.RLIM_INFINITY)


def test_what_suffices_is_left_as_it_is(limits: list[tuple[int, int]]) -> None:
    """Also if there is no limit at all."""
    for both in ((100_000, 524_288), (resource.RLIM_INFINITY, resource.RLIM_INFINITY)):
        limits.append(both)
        assert _with_files_for(Settings()).max_connections == 8192
        assert limits[-1] == both


def test_where_the_system_allows_less_there_are_fewer_connections(
    limits: list[tuple[int, int]], caplog: pytest.LogCaptureFixture
) -> None:
    """And a line that says so, with the setting and the limit."""
    limits.append((1024, 4096))
    assert _with_files_for(Settings(max_connections=8192)).max_connections == 4096 - 512
    assert limits[-1] == (4096, 4096)
    assert "KABIN_MAX_CONNECTIONS=8192" in caplog.text
    assert "ulimit -Hn" in caplog.text
