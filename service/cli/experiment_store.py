"""Where the commands about experiments find them: in Redis, and beside it what a file or GrowthBook defines."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help comes at once

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click

from service.cli.reachable_redis import EMBEDDED_FOLDER, redis_of
from service.cli.store import client_of
from service.settings import Settings

if TYPE_CHECKING:
    from service.experiments.base import BaseDefinitions
    from service.experiments.editing import ExperimentEditor

T = TypeVar("T")


def run_editor(
    settings: Settings, act: "Callable[[ExperimentEditor], Awaitable[T]]", *, is_of_many: bool = False
) -> T:
    """Carry out an edit of experiments, or a question about them, on the Redis of the settings.

    Args:
        settings: say which.
        act: what is done.
        is_of_many: a refusal has to say which experiment is meant, and where in the file it stands.

    Raises:
        ClickException: the edit was refused; one line for each reason.
    """
    from service.experiments.edit_checks import EditRefused
    from service.stores.embedded import EmbeddedValkey

    folder = settings.data_dir / EMBEDDED_FOLDER
    is_alone = settings.redis_url is None and EmbeddedValkey.url_of_running(folder) is None
    try:
        with redis_of(settings) as reachable:
            done = asyncio.run(_on_redis(reachable, act))
    except EditRefused as refused:
        lines = [
            str(problem) if is_of_many else f"{problem.reason}: {problem.remedy}"
            for problem in refused.problems
        ]
        raise click.ClickException("\n".join(dict.fromkeys(lines))) from None
    if is_alone:
        click.echo(
            f"warning: no service runs on {settings.data_dir} now: this holds once `kabin serve` does",
            err=True,
        )
    return done


async def _on_redis(settings: Settings, act: "Callable[[ExperimentEditor], Awaitable[T]]") -> T:
    from service.experiments.editing import ExperimentEditor
    from service.stores.experiments import RedisExperimentStore

    base = await _base_of(settings)
    async with client_of(settings) as (client, keyspace):
        store = RedisExperimentStore(client, keyspace)
        editor = ExperimentEditor(store, lambda: base, learning_traffic=settings.learning_traffic)
        return await act(editor)


async def _base_of(settings: Settings) -> "BaseDefinitions | None":
    """Return what the file defines, or what a service has last got from GrowthBook; nothing is asked or written."""
    from service.experiments.base import BaseDefinitions
    from service.experiments.last_good import CopyDamaged
    from service.experiments.live import source_of
    from service.experiments.sources import SourceFailed, parse_payload

    try:
        if settings.experiments_file is not None:
            file = settings.experiments_file
            content = await asyncio.to_thread(file.read_bytes)
            return BaseDefinitions("file", parse_payload(content, str(file)))
        source = source_of(settings, time.time)
        if source is None:
            return None
        await source.restore()
        return None if source.payload is None else BaseDefinitions(source.kind, source.payload)
    except (SourceFailed, CopyDamaged, OSError) as error:
        click.echo(f"warning: {error}", err=True)
        return None
