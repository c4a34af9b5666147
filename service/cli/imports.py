"""`kabin import`: a shop's past and its feed."""

# ruff: noqa: D301, PLC0415 - click reads \b as "keep the lines"; a command imports what it needs when it runs, so that help comes at once

import time
from pathlib import Path
from typing import IO
from zoneinfo import ZoneInfo

import click

from service.cli.options import STORE, settings_options
from service.cli.reachable_redis import redis_of
from service.cli.visitor_names import customers_of
from service.settings import load_settings


@click.group("import")
def import_() -> None:
    """Bring in order and click histories, and catalog feeds."""


@import_.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--map",
    "mapping",
    multiple=True,
    metavar="FIELD=COLUMN,...",
    help="Which column fills which field. Fields left out come from columns of the same name. A constant is "
    "written FIELD==TEXT; a known event name needs one equals sign only.",
)
@click.option(
    "--timestamp-format",
    metavar="FORMAT",
    help="How the file writes times: a strptime format such as %d/%m/%Y, or s, ms, us, ns for Unix times. "
    "ISO 8601 and Unix times are understood without.",
)
@click.option(
    "--timezone",
    default="UTC",
    show_default=True,
    metavar="ZONE",
    help="Zone of times that name none, such as Europe/Istanbul.",
)
@click.option(
    "--rename",
    multiple=True,
    metavar="THEIRS=EVENT",
    help="The file's word for an event, such as addtocart=add_to_cart; repeat for more.",
)
@click.option(
    "--encoding",
    default="utf-8-sig",
    show_default=True,
    metavar="NAME",
    help="Encoding of a CSV file, such as cp1254.",
)
@click.option(
    "--rejected",
    type=click.File("w"),
    metavar="FILE",
    help="Write every rejected row's line, field and reason here, as JSON Lines.",
)
@settings_options(*STORE, "visitor_ttl_days", "first_visit_ttl_minutes", "session_gap_minutes")
def events(
    file: Path,
    *,
    mapping: tuple[str, ...],
    timestamp_format: str | None,
    timezone: str,
    rename: tuple[str, ...],
    encoding: str,
    rejected: IO[str] | None,
    **flags: object,
) -> None:
    """Import an order or click history: CSV, TSV, JSON Lines (also .gz) or Parquet.

    Every row becomes the event that a page would have sent; rows with one transaction_id become one purchase. The
    events go into the event log, and the states of their visitors are rebuilt. Import the catalog first: sizes
    and discounts of items that it lacks leave no trace.

    Importing a file twice, or one that overlaps an earlier one, counts every row once: rows without an event_id
    get one from what they say. Equal rows within one file are events of their own.

    Histories by customer rather than by browser map customer_id; they are kept as what
    `POST /identify` makes of the id, and named "customer:ID".

    \b
    Fields: visitor_id or customer_id, item_id, timestamp, event; optional: event_id, item_variant,
    size, quantity, price, discount, currency, coupon, transaction_id, fit.

    \b
    Examples:
      kabin import events orders.csv --map visitor_id=user_id,item_id=sku,timestamp=date,event=purchase
      kabin import events clicks.jsonl --map visitor_id=session,timestamp=ts --rename addtocart=add_to_cart
      kabin import events orders.csv --map customer_id=customer,event=purchase,currency==EUR \\
          --timestamp-format %d.%m.%Y --timezone Europe/Istanbul
    """
    from service.cli.event_import import import_table
    from service.imports.history import HistoryForm, HistoryReader
    from service.imports.mapping import bind_mapping, parse_mapping
    from service.imports.tables import open_table

    sources = parse_mapping(mapping)
    settings = load_settings(**flags)
    form = HistoryForm(timestamp_format, _zone(timezone), _renames(rename))
    with open_table(file, encoding=encoding) as table:
        reader = HistoryReader(
            bind_mapping(sources, table.columns), form, time.time(), customers=customers_of(settings)
        )
        with redis_of(settings) as reachable:
            import_table(reachable, table, reader, rejected)


@import_.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace the catalog even if over 30 % of its SKUs would go.")
@settings_options(*STORE, "default_currency", "feed_timezone")
def catalog(file: Path, *, force: bool, **flags: object) -> None:
    """Import a product feed: Google Merchant Center's, as TSV, CSV or JSON Lines (also .gz).

    The feed becomes the catalog: rows are added and changed, SKUs that it does not list are gone. Rows with missing or
    odd values are reported by line; the others are taken. Every worker of a running service shows the change
    within a second.
    """
    from service.cli.feed_import import check_readable, import_feed

    settings = load_settings(**flags)
    check_readable(file)
    with redis_of(settings) as reachable:
        import_feed(reachable, file, force=force)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise click.ClickException(f"--timezone: no zone {name!r}; names look like Europe/Istanbul") from None


def _renames(renames: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for rename in renames:
        theirs, equals, ours = rename.rpartition("=")
        if not equals or not theirs or not ours:
            raise click.ClickException(f"--rename: {rename!r} is no THEIRS=EVENT pair")
        pairs[theirs] = ours
    return pairs
