"""The script's TypeScript declarations say what the service says."""

from typing import Any

import pytest

from recommender.events import ACTS
from service.contract import answers, schemas
from service.storefront.bundle import load_bundle
from tests.service.storefront.declarations import Declarations, Shape, fields_of


@pytest.fixture(scope="module")
def declared() -> Declarations:
    """The declarations that are served."""
    return Declarations(load_bundle().types.decode())


def names(fields: dict[str, Shape]) -> set[str]:
    """Return fields' names, whether they may be left out or not."""
    return {name.removesuffix("?") for name in fields}


def test_a_decision_is_what_personalize_answers(declared: Declarations) -> None:
    """Field by field, nested ones too; the script adds two things: no decision's id, and that it was late."""
    fields = declared.fields("KabinDecision")
    answered = fields_of(answers.PersonalizeAnswer)
    assert fields.pop("late?") == {"true"}
    assert fields.pop("decision_id") == answered.pop("decision_id") | {"null"}
    assert fields == answered


def test_event_names_are_those_the_service_understands(declared: Declarations) -> None:
    """None is missing, none is unknown."""
    assert declared.shape("KabinEventName") == {f'"{name.value}"' for name in ACTS}


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("KabinPage", schemas.Page),
        ("KabinRequest", schemas.PersonalizeRequest),
        ("KabinItem", schemas.ItemOfEvent),
        ("KabinEventParams", schemas.EventParams),
    ],
)
def test_what_a_page_may_say_is_understood(declared: Declarations, name: str, schema: Any) -> None:
    """A field that the service would skip is not offered to anybody."""
    assert names(declared.fields(name)) - {"[…]"} <= set(schema.__struct_fields__)


def test_closed_sets_of_words_agree(declared: Declarations) -> None:
    """Types of pages, and how something fitted."""
    page = {f'"{word}"' for word in schemas.PageType.__args__}  # type: ignore[attr-defined]
    assert declared.fields("KabinPage")["type?"] == page
    assert declared.fields("KabinEventParams")["fit?"] == {'"small"', '"true"', '"large"'}
