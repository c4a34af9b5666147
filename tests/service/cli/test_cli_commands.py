"""The commands on a small shop's files, one after the other as an operator would run them."""

import json
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from service.cli import main
from service.cli.reachable_redis import redis_of
from service.demo.crowd import crowd_rows, simulate_crowd
from service.demo.shop import feed_rows, simulate_shop
from service.settings import load_settings
from service.stores.embedded import EmbeddedValkey

NOW = 1_763_740_800.0


class Shop:
    """A data folder, a feed and an event file of a simulated shop."""

    def __init__(self, folder: Path, visitors: int) -> None:
        self.folder = folder
        self.data = ["--data-dir", str(folder / "data")]
        self.feed = folder / "feed.jsonl"
        self.events = folder / "events.jsonl"
        items = simulate_shop(7)
        crowd = simulate_crowd(7, visitors)
        self.feed.write_bytes(
            b"".join(
                orjson.dumps(row) + b"\n"
                for row in feed_rows(items, base_url="https://shop.example", now=NOW)
            )
        )
        self.rows = list(crowd_rows(crowd, items, seed=7, now=NOW))
        self.events.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in self.rows))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop with a hundred visitors and an empty data folder."""
    return Shop(tmp_path, visitors=100)


def test_a_history_is_imported_once_however_often(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Feed, then events: every row read; a second import finds every event known and changes nothing."""
    assert main(["import", "catalog", str(shop.feed), *shop.data]) == 0
    said = capsys.readouterr()
    assert "the catalog has 480 items" in said.out
    assert "embedded Valkey" in said.err
    assert main(["import", "events", str(shop.events), *shop.data]) == 0
    said = capsys.readouterr()
    assert f"{len(shop.rows):,} rows: {len(shop.rows):,} rows read, 0 ignored, 0 rejected" in said.out
    assert " 0 known already" in said.out
    assert "catalog lacks" not in said.err
    assert main(["import", "events", str(shop.events), *shop.data]) == 0
    assert ": 0 new, " in capsys.readouterr().out


def test_bad_rows_are_reported_counted_and_written(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """A file with good and bad rows: the good ones go in, the bad ones are told by line, on screen and in a file."""
    path, rejected = shop.folder / "orders.csv", shop.folder / "rejected.jsonl"
    path.write_text(
        "user,item,at\nu1,K0001,2025-11-01\nu1,K0001,01/11/2025\n,K0001,2025-11-01\nu2,nothing,2025-11-02\n"
    )
    mapping = ["--map", "visitor_id=user,item_id=item,timestamp=at,event=purchase"]
    assert main(["import", "events", str(path), *mapping, "--rejected", str(rejected), *shop.data]) == 0
    said = capsys.readouterr()
    assert "4 rows: 2 rows read, 0 ignored, 2 rejected" in said.out
    assert "rejected: line 3, timestamp: '01/11/2025' is neither ISO 8601" in said.err
    assert "that the catalog lacks" in said.err
    assert [json.loads(line)["line"] for line in rejected.read_text().splitlines()] == [3, 4]


def test_a_file_without_one_good_row_fails(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """An import that brought nothing exits with 1."""
    path = shop.folder / "orders.csv"
    path.write_text("visitor_id,item_id,timestamp,event\nu1,K0001,yesterday,purchase\n")
    assert main(["import", "events", str(path), *shop.data]) == 1
    assert "no row became an event" in capsys.readouterr().err


def test_a_feed_cut_short_needs_force(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """A feed with a third of the rows is refused and changes nothing; with --force it is taken."""
    assert main(["import", "catalog", str(shop.feed), *shop.data]) == 0
    short = shop.folder / "short.jsonl"
    short.write_bytes(b"".join(shop.feed.read_bytes().splitlines(keepends=True)[:1000]))
    capsys.readouterr()
    assert main(["import", "catalog", str(short), *shop.data]) == 1
    assert "--force" in capsys.readouterr().err
    assert main(["import", "catalog", str(short), "--force", *shop.data]) == 0
    assert "the catalog has" in capsys.readouterr().out


def test_commands_on_an_empty_shop_say_what_is_missing(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """No event, no model, no feed: one line each, and an exit code of 1."""
    empty = shop.folder / "empty.jsonl"
    empty.write_text("")
    for arguments, reason in (
        (["train"], "no event to learn from"),
        (["evaluate", "sizes"], "event log is empty"),
        (["model", "show"], "run `kabin train`"),
        (["import", "catalog", str(empty)], "empty"),
        (["import", "catalog", "absent.tsv"], "kabin: absent.tsv: No such file or directory"),
        (["evaluate", "recommendations", "netflix"], "no data set 'netflix'"),
        (["evaluate", "affinity", "absent.parquet"], "no file absent.parquet"),
        (["import", "events", str(shop.events), "--timezone", "Mars/Phobos"], "no zone 'Mars/Phobos'"),
        (["import", "events", str(shop.events), "--rename", "buy"], "no THEIRS=EVENT pair"),
    ):
        assert main([*arguments, *([] if arguments[1:2] == ["affinity"] else shop.data)]) == 1, arguments
        assert reason in capsys.readouterr().err
    assert main(["model", "list", *shop.data]) == 0
    assert "no models" in capsys.readouterr().out


@pytest.mark.slow
def test_from_files_to_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Import, train, look at the model, rebuild, evaluate: each works on what the one before left."""
    shop = Shop(tmp_path, visitors=800)
    assert main(["import", "catalog", str(shop.feed), *shop.data]) == 0
    assert main(["import", "events", str(shop.events), *shop.data]) == 0
    assert main(["train", *shop.data]) == 0
    trained = capsys.readouterr().out
    assert "published" in trained
    assert main(["model", "list", "--json", *shop.data]) == 0
    listed = json.loads(capsys.readouterr().out)
    version = listed["current"]
    assert [each["version"] for each in listed["models"]] == [version]
    assert main(["model", "show", *shop.data]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["version"] == version
    assert 400 < shown["items"] <= 480
    assert main(["train", "--no-publish", *shop.data]) == 0
    capsys.readouterr()
    assert main(["model", "list", "--json", *shop.data]) == 0
    assert [each["current"] for each in json.loads(capsys.readouterr().out)["models"]] == [True, False]
    assert main(["rebuild", *shop.data]) == 0
    assert "visitors rebuilt from" in capsys.readouterr().out
    for question in ("sizes", "recommendations"):
        assert main(["evaluate", question, "--json", *shop.data]) == 0
        figures = json.loads(capsys.readouterr().out)
        assert figures
    orders = tmp_path / "orders.csv"
    lines = [f"{row['visitor_id']},{row['item_id']},{row['timestamp']}\n" for row in shop.rows]
    orders.write_text("".join(["user,item_id,at\n", *lines]))
    mapping = ["--map", "customer_id=user,timestamp=at,event=view_item"]
    assert main(["train", str(orders), *mapping, *shop.data]) == 0
    assert "published" in capsys.readouterr().out


def test_a_command_joins_the_embedded_server_of_a_running_service(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `kabin serve` has started in the data folder is used, not fought over: nightly jobs run beside it."""
    with EmbeddedValkey(shop.folder / "data" / "valkey") as running:
        assert main(["import", "catalog", str(shop.feed), *shop.data]) == 0
        assert "using the embedded Valkey that runs in" in capsys.readouterr().err
        assert running.pid is not None


def test_an_embedded_server_runs_until_the_last_command_that_joined_it_is_done(tmp_path: Path) -> None:
    """The command that started the server waits at its end, so that one that came later does not lose it midway."""
    settings = load_settings(data_dir=tmp_path)
    said = tmp_path / "said"
    owner = (
        "import sys; from pathlib import Path; from service.cli.reachable_redis import redis_of;"
        "from service.settings import load_settings;\n"
        "with redis_of(load_settings(data_dir=Path(sys.argv[1]))): print('up', flush=True); sys.stdin.read()"
    )
    with (
        said.open("w") as errors,
        subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", owner, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        with redis_of(settings):
            process.stdin.close()
            deadline = time.monotonic() + 30
            while "waiting for another command" not in said.read_text():
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.01)
            assert EmbeddedValkey.url_of_running(tmp_path / "valkey") is not None
        assert process.wait(30) == 0
    assert EmbeddedValkey.url_of_running(tmp_path / "valkey") is None


def test_a_configured_redis_that_is_not_there_is_named(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """No embedded server steps in for a Redis that was asked for."""
    assert main(["rebuild", "--redis-url", "redis://127.0.0.1:9/0", *shop.data]) == 1
    said = capsys.readouterr().err
    assert said.startswith("kabin: Redis: ")
    assert len(said.splitlines()) == 1
