"""The grammar of ``--map``: columns, constants, and no guessing between them."""

import pytest

from service.imports.mapping import FIELDS, MappingError, bind_mapping, parse_mapping

COLUMNS = ["user_id", "item_id", "size", "review_date", "Item, no."]


def test_a_shops_columns_and_a_constant_event_are_told_apart() -> None:
    """The documented example binds four columns and takes ``purchase`` as the event's name."""
    sources = parse_mapping(
        ["visitor_id=user_id,item_id=item_id,size=size,timestamp=review_date,event=purchase"]
    )
    mapping = bind_mapping(sources, COLUMNS)
    assert mapping.columns == {
        "visitor_id": "user_id",
        "item_id": "item_id",
        "size": "size",
        "timestamp": "review_date",
    }
    assert mapping.constants == {"event": "purchase"}


def test_a_word_that_is_also_a_column_is_refused_until_one_is_chosen() -> None:
    """``event=purchase`` beside a column ``purchase`` says how to write either."""
    columns = [*COLUMNS, "purchase"]
    base = ["visitor_id=user_id,timestamp=review_date"]
    with pytest.raises(MappingError, match=r"ambiguous.*event==purchase.*event=@purchase"):
        bind_mapping(parse_mapping([*base, "event=purchase"]), columns)
    assert bind_mapping(parse_mapping([*base, "event==purchase"]), columns).constants == {"event": "purchase"}
    assert bind_mapping(parse_mapping([*base, "event=@purchase"]), columns).columns["event"] == "purchase"


def test_fields_left_out_come_from_columns_of_the_same_name() -> None:
    """``item_id`` and ``size`` need no mapping when the file calls them so."""
    mapping = bind_mapping(
        parse_mapping(["visitor_id=user_id,timestamp=review_date,event=purchase"]), COLUMNS
    )
    assert mapping.columns["item_id"] == "item_id"
    assert mapping.columns["size"] == "size"


def test_quotes_keep_a_comma_in_a_columns_name() -> None:
    """A column called ``Item, no.`` can be mapped."""
    mapping = bind_mapping(
        parse_mapping(['"item_id=Item, no.",visitor_id=user_id,timestamp=review_date,event=purchase']),
        COLUMNS,
    )
    assert mapping.columns["item_id"] == "Item, no."


def test_constants_fill_fields_without_a_vocabulary() -> None:
    """A double equals sign makes any text a constant."""
    mapping = bind_mapping(
        parse_mapping(["visitor_id=user_id,timestamp=review_date,event=purchase", "currency==EUR"]), COLUMNS
    )
    assert mapping.constants["currency"] == "EUR"


def test_a_customers_column_replaces_the_visitors() -> None:
    """A file with a ``visitor_id`` column can still be imported by customer."""
    columns = ["visitor_id", "customer", "item_id", "at"]
    mapping = bind_mapping(parse_mapping(["customer_id=customer,timestamp=at,event=purchase"]), columns)
    assert mapping.columns["customer_id"] == "customer"
    assert "visitor_id" not in mapping.columns


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("visitor_id", "is no field=column pair"),
        ("=user_id", "is no field=column pair"),
        ("user=user_id", r"no field 'user'; the fields are visitor_id"),
        ("visitor_id=a,visitor_id=b", "given twice"),
        ('visitor_id="a', "do not close|no column"),
        ('"visitor_id=a', "do not close"),
        (
            "visitor_id=nobody,timestamp=review_date,event=purchase",
            "no column 'nobody'; the file's columns are",
        ),
        ("visitor_id=user_id,timestamp=review_date,event==bought", "event cannot be 'bought'"),
        ("visitor_id=user_id,timestamp=review_date,event=@x", "no column 'x'"),
        ("visitor_id=user_id,timestamp=review_date", "event is missing"),
        ("timestamp=review_date,event=purchase", "neither visitor_id nor customer_id"),
        (
            "visitor_id=user_id,customer_id=user_id,timestamp=review_date,event=purchase",
            "are both mapped",
        ),
    ],
)
def test_a_mapping_that_does_not_fit_says_why(text: str, reason: str) -> None:
    """Every mistake names the field or the column, and what would do."""
    with pytest.raises(MappingError, match=reason):
        bind_mapping(parse_mapping([text]), COLUMNS)


def test_every_field_is_explained() -> None:
    """The help of ``--map`` has a line for each field."""
    assert all(FIELDS.values())
