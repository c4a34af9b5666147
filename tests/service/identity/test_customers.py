"""Customers' visitor ids: keyed hashes that nothing leads back from."""

from pathlib import Path

import pytest

from service.identity.customers import KEY_FILE, CustomerIds, is_customer, load_customer_ids
from service.identity.tokens import VisitorTokens


def test_a_customers_visitor_id_rests_on_key_and_id_alone() -> None:
    """The same in every process and release: what is stored under it would be lost otherwise."""
    ids = CustomerIds("a key")
    assert ids.visitor_id_of("4711") == "c.bk4HLKtL_qM_VJm_eFZOZA"
    others = {ids.visitor_id_of(text) for text in ("4711 ", "04711", "4712", "ä", "a\u0308")}
    assert len(others | {ids.visitor_id_of("4711"), CustomerIds("another").visitor_id_of("4711")}) == 7
    with pytest.raises(ValueError, match="empty"):
        ids.visitor_id_of("")


def test_customers_can_be_told_from_visitors() -> None:
    """No id that is drawn at random looks like a customer's, nor one of the shop's own that begins like it."""
    tokens = VisitorTokens(["a signing key"])
    assert is_customer(CustomerIds("a key").visitor_id_of("4711"))
    assert not any(is_customer(tokens.issue().visitor_id) for _ in range(1000))
    assert not is_customer("c.4711")


def test_the_shops_server_names_customers_by_its_own_id() -> None:
    """Any other visitor id stays what it is."""
    ids = CustomerIds("a key")
    assert ids.named("customer:4711") == ids.visitor_id_of("4711")
    assert ids.named("customer:customer:1") == ids.visitor_id_of("customer:1")
    assert [ids.named(name) for name in ("anna", "Customer:4711", " customer:1")] == [
        "anna",
        "Customer:4711",
        " customer:1",
    ]
    with pytest.raises(ValueError, match="empty"):
        ids.named("customer:")


def test_a_key_is_generated_once(tmp_path: Path) -> None:
    """It stays in the data folder, readable by its owner; one that is configured goes before it."""
    first = load_customer_ids(None, tmp_path / "data")
    path = tmp_path / "data" / KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_customer_ids(None, tmp_path / "data").visitor_id_of("1") == first.visitor_id_of("1")
    assert load_customer_ids("configured", tmp_path).visitor_id_of("1") == CustomerIds(
        "configured"
    ).visitor_id_of("1")
    path.write_text("\n")
    with pytest.raises(OSError, match="customers start afresh"):
        load_customer_ids(None, tmp_path / "data")
