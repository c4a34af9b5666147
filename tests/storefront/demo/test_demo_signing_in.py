"""Customers of the demonstration in a browser: what is known follows them, and stays with them on a shared computer."""

import re

import pytest
from playwright.sync_api import expect

from service.demo.tour import SIZE
from tests.storefront.demo.visitor import SHIRTS, DemoVisitor

pytestmark = pytest.mark.slow


def test_what_is_known_goes_with_the_customer(visitor: DemoVisitor) -> None:
    """It comes along when Ada signs in, is gone when she signs out, is not Ben's, and is there when she returns."""
    visitor.look_at(SHIRTS[1])
    visitor.press("Become a trend seeker")
    for button, account, sizes in (
        ("Sign in as Ada", "Ada is signed in: what was done here came along", f"{SIZE} in women’s tops"),
        ("Sign out", "Nobody is signed in: what is done here is this browser’s own.", "None known yet"),
        ("Sign in as Ben", "Ben is signed in: what was done here came along", "None known yet"),
        ("Sign in as Ada", "Ada is signed in: what was done here came along", f"{SIZE} in women’s tops"),
        ("Start afresh", "Nobody is signed in: what is done here is this browser’s own.", "None known yet"),
    ):
        visitor.press(button)
        expect(visitor.told("account")).to_contain_text(account)
        expect(visitor.told("sizes")).to_have_text(re.compile(sizes))
    assert visitor.page.evaluate("localStorage.getItem('kabin:c')") is None
