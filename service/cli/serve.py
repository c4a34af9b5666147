"""`kabin serve`: the HTTP service."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help comes at once

import logging.config

import click

from service.cli.archiver_process import archiver_beside
from service.cli.options import settings_options
from service.cli.reachable_redis import redis_of
from service.settings import check_servable, load_settings


@click.command()
@settings_options()
def serve(**flags: object) -> None:
    """Start the HTTP service.

    Answers POST /personalize and the rest of the contract, which it serves as /openapi.json. Without a published
    model it answers all the same, with popular items, and takes up a model as soon as one is published. Beside it
    runs `kabin archive --follow`, unless --archive-interval-seconds is 0. Ctrl-C or SIGTERM lets running requests finish.
    """
    from service.app import build
    from service.serving.server import LOGGING
    from service.serving.server import serve as serve_app

    settings = load_settings(**flags)
    check_servable(settings)
    logging.config.dictConfig(LOGGING)
    with redis_of(settings) as reachable, archiver_beside(reachable):
        serve_app(reachable, build)
