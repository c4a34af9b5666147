"""Visitors and customers as operators name them, and their ids under the service's own keys."""

# ruff: noqa: PLC0415 - a command imports what it needs when it runs, so that help comes at once

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import click

from service.settings import Settings

if TYPE_CHECKING:
    from service.identity.customers import CustomerIds

_TOKEN: Final = re.compile(r".+\.[A-Za-z0-9_-]{43}")
"""What a token looks like: an id and an HMAC-SHA-256 in base64url."""


def customers_of(settings: Settings) -> "CustomerIds":
    """Return the visitor ids of the shop's customers, under the key that the service uses."""
    from service.identity.customers import load_customer_ids

    key = settings.customer_key
    return load_customer_ids(None if key is None else key.get_secret_value(), settings.data_dir)


def visitor_ids_of(settings: Settings, named: Iterable[str]) -> list[str]:
    """Return the visitor ids that arguments name, as they are, by the token of a browser, or as ``customer:ID``.

    Raises:
        click.ClickException: a token is not valid; a customer is named without an id; or the key is missing that the
            service makes the one or the other with.
    """
    from service.identity.customers import CUSTOMER_PREFIX, KEY_FILE

    named = [_id_in_token(settings, name) if _TOKEN.fullmatch(name) else name for name in named]
    if not any(name.startswith(CUSTOMER_PREFIX) for name in named):
        return named
    if settings.customer_key is None and not (settings.data_dir / KEY_FILE).exists():
        # Under a key made now every customer would be a stranger.
        raise click.ClickException(
            f"{settings.data_dir / KEY_FILE} is missing, and customers cannot be told without it: set KABIN_DATA_DIR "
            "to the service's folder, or KABIN_CUSTOMER_KEY to its key"
        )
    customers = customers_of(settings)
    try:
        return [customers.named(visitor_id) for visitor_id in named]
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _id_in_token(settings: Settings, token: str) -> str:
    from service.identity.tokens import KEY_FILE, VisitorTokens, load_signing_keys

    configured = [key.get_secret_value() for key in settings.signing_keys]
    if not configured and not (settings.data_dir / KEY_FILE).exists():
        raise click.ClickException(
            f"{token[:8]}… is a token, and {settings.data_dir / KEY_FILE} is missing that tells whose: set KABIN_DATA_DIR to "
            "the service's folder, or KABIN_SIGNING_KEYS to its keys"
        )
    visitor_id = VisitorTokens(load_signing_keys(configured, settings.data_dir)).read(token)
    if visitor_id is None:
        # As an id it would be nobody's, and "nothing is held" the wrong answer.
        raise click.ClickException(
            f"{token[:8]}… looks like a token, and none of the signing keys has made it"
        )
    return visitor_id
