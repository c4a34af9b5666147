"""Definitions in a file that is edited, replaced, half-written and removed while the service runs."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from service.experiments.last_good import LastGoodCopy
from service.experiments.sources import FileSource, SourceCopy, SourceFailed
from tests.service.experiments.endpoint import BANNER, HOMEPAGE, payload

NOW = 2_000_000_000.0
"""Long after any file of the tests was written."""


def source_of(folder: Path, now: float = NOW) -> FileSource:
    """Return the source of a worker."""
    copy = LastGoodCopy(folder / "copies" / "source.json", SourceCopy)
    return FileSource(folder / "experiments.json", copy, lambda: now, poll_interval_seconds=0.01)


def write(folder: Path, definitions: dict[str, Any], at: float = 1e9) -> None:
    """Write the file in place, as an editor may."""
    path = folder / "experiments.json"
    path.write_text(json.dumps(definitions))
    os.utime(path, (at, at))


def look(source: FileSource) -> bool:
    """Look once."""
    return asyncio.run(source.look())


def failure(source: FileSource) -> str:
    """Look once, in vain, and return why."""
    with pytest.raises(SourceFailed) as raised:
        look(source)
    return str(raised.value)


def test_a_file_is_read_and_then_only_when_it_changes(tmp_path: Path) -> None:
    """A look at an unchanged file is one stat; its definitions count as fresh."""
    write(tmp_path, payload(banner=BANNER))
    source = source_of(tmp_path)
    assert look(source)
    assert source.payload == payload(banner=BANNER)
    assert source.fresh_at == NOW
    assert not look(source)
    write(tmp_path, payload(banner=BANNER, kabin_homepage=HOMEPAGE), at=1e9 + 1)
    assert look(source)
    assert source.payload == payload(banner=BANNER, kabin_homepage=HOMEPAGE)


def test_a_file_that_is_replaced_by_another_of_the_same_size_and_time_is_read(tmp_path: Path) -> None:
    """Deployments rename files into place and keep their times."""
    write(tmp_path, payload(banner={"defaultValue": "red"}))
    source = source_of(tmp_path)
    look(source)
    (tmp_path / "next").mkdir()
    write(tmp_path / "next", payload(banner={"defaultValue": "tan"}))
    (tmp_path / "next" / "experiments.json").replace(tmp_path / "experiments.json")
    assert look(source)
    assert source.payload == payload(banner={"defaultValue": "tan"})


def test_a_file_changed_twice_within_the_resolution_of_its_times_is_read_twice(tmp_path: Path) -> None:
    """Same size, same time, same inode: only its age tells that it may have changed again."""
    write(tmp_path, payload(banner={"defaultValue": "red"}), at=NOW)
    source = source_of(tmp_path, now=NOW + 1)
    assert look(source)
    write(tmp_path, payload(banner={"defaultValue": "tan"}), at=NOW)
    assert look(source)
    assert source.payload == payload(banner={"defaultValue": "tan"})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"features": {"banner": {"default', "holds no JSON"),
        (b"", "holds no JSON"),
        (b"\xff", "holds no JSON"),
        (b"[" * 100_000, "holds no JSON"),
        (b"[]", "no object"),
        (b"{}", "there are no features"),
        (b'{"features": []}', "/features"),
        (b'{"features": {}, "savedGroups": []}', "/savedGroups"),
        (b'{"features": {}, "encryptedFeatures": "abc"}', "switch encryption off"),
        (b" <!DOCTYPE html><title>Sign in</title>", "web page"),
        (b" " * (8 * 1024 * 1024 + 1), "over 8 MiB"),
    ],
)
def test_an_unusable_file_leaves_the_last_good_definitions(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    """The message names the file and the reason; once the file is good again it is used."""
    write(tmp_path, payload(banner=BANNER))
    source = source_of(tmp_path)
    look(source)
    (tmp_path / "experiments.json").write_bytes(content)
    for _ in range(2):
        complaint = failure(source)
        assert reason in complaint
        assert "experiments.json" in complaint
    assert source.payload == payload(banner=BANNER)
    write(tmp_path, payload(kabin_homepage=HOMEPAGE), at=1e9 + 5)
    assert look(source)


def test_a_missing_file_is_looked_for(tmp_path: Path) -> None:
    """A volume that is mounted late keeps nobody from starting."""
    source = source_of(tmp_path)
    assert "does not exist" in failure(source)
    assert source.payload is None
    write(tmp_path, payload(banner=BANNER))
    assert look(source)
    (tmp_path / "experiments.json").unlink()
    assert "does not exist" in failure(source)
    assert source.payload == payload(banner=BANNER)


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    """Docker makes a folder where a bind-mounted file is missing."""
    (tmp_path / "experiments.json").mkdir()
    assert "is no file" in failure(source_of(tmp_path))


def test_the_last_good_definitions_survive_a_restart_with_a_broken_file(tmp_path: Path) -> None:
    """A visitor keeps the variation although somebody saved a slip and the machine rebooted."""
    write(tmp_path, payload(banner=BANNER))
    look(source_of(tmp_path))
    (tmp_path / "experiments.json").write_text("{")
    restarted = source_of(tmp_path)
    asyncio.run(restarted.restore())
    assert restarted.payload == payload(banner=BANNER)
    assert "no JSON" in failure(restarted)


def test_a_file_of_a_windows_editor_is_read(tmp_path: Path) -> None:
    """It begins with a byte order mark, which JSON does not know."""
    content = b"\xef\xbb\xbf" + json.dumps(payload(banner=BANNER)).encode()
    (tmp_path / "experiments.json").write_bytes(content)
    source = source_of(tmp_path)
    assert look(source)
    assert source.payload == payload(banner=BANNER)
