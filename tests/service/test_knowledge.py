"""What decisions rest on: kept ready behind the requests' backs."""

import asyncio
import time

import pytest

from recommender.catalog.catalog import Catalog
from recommender.decisions.served import ServedModel
from service.knowledge import Knowledge
from tests.recommender.decisions.shop import catalog_of, model_of

pytestmark = pytest.mark.anyio

PATIENCE_SECONDS = 20.0


async def test_a_new_model_is_joined_with_the_catalog_and_with_the_next_one() -> None:
    """Whichever of the two is replaced, requests soon find the model's items without looking them up."""
    catalogs: list[Catalog] = [catalog_of()]
    models: list[ServedModel | None] = [None]
    knowledge = Knowledge(lambda: catalogs[-1], lambda: models[-1])
    joining = asyncio.create_task(knowledge.keep_joined())
    try:
        model = model_of({1: [2]})
        models.append(model)
        await _joined(model, catalogs[-1])
        catalogs.append(catalog_of())
        assert not model.is_joined(catalogs[-1])
        await _joined(model, catalogs[-1])
        assert model.catalog_rows(catalogs[-1]).of(2) == catalogs[-1].row("d2")
    finally:
        joining.cancel()


async def _joined(model: ServedModel, catalog: Catalog) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not model.is_joined(catalog):
        assert time.monotonic() < deadline, "the model is not joined with the catalog"
        await asyncio.sleep(0.01)
