"""Changing a catalog that Redis has lost."""

from typing import Any

import pytest

from service.redis_link.replica import CatalogGone
from tests.service.http.conftest import Shop


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [("PATCH", "/catalog", {"content": b'{"id": "a-38", "price": "1.00 EUR"}'}), ("DELETE", "/items/a", {})],
)
def test_some_rows_do_not_become_the_whole_catalog(
    shop: Shop, method: str, path: str, options: dict[str, Any]
) -> None:
    """A shop that goes on patching is told to PUT the feed; its pages keep the last catalog."""
    shop.store.is_down, shop.store.failure = True, CatalogGone("the store has lost the catalog")
    answer = shop.request(method, path, headers=shop.trusted, **options)
    assert answer.status_code == 409
    assert "PUT the whole feed" in answer.json()["detail"]
