"""Which user agents are a shopper's, which a program's, and which a crawler's."""

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from service.identity.crawlers import MAX_CHARACTERS, Caller, Crawlers

_ANDROID = "Mozilla/5.0 (Linux; Android 15; SM-S931B) AppleWebKit/537.36 (KHTML, like Gecko)"
_IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
BROWSERS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
    f"{_ANDROID} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
    f"{_IPHONE} Version/17.5 Mobile/15E148 Safari/604.1",
    f"{_IPHONE} Mobile/22A3354 Instagram 350.0.0.28.90 (iPhone15,3; iOS 18_0; de_DE; de; scale=3.00; 1290x2796)",
]


@pytest.fixture(scope="module")
def crawlers() -> Crawlers:
    """The patterns, compiled once."""
    return Crawlers(cached_verdicts=16)


@pytest.mark.parametrize("user_agent", BROWSERS)
def test_browsers_are_shoppers(crawlers: Crawlers, user_agent: str) -> None:
    """Those of phones and of apps that open pages as well."""
    assert crawlers.caller(user_agent.encode(), trusted=False) is Caller.SHOPPER


def test_every_crawler_of_the_package_is_known(crawlers: Crawlers) -> None:
    """By the user agents that it gives as examples, except the few whose name stands too far behind."""
    tools = {"http-library", "browser-automation"}
    examples = [
        (one, not tools.intersection(entry["tags"]))
        for entry in CRAWLER_USER_AGENTS_DATA
        for one in entry.get("instances", ())
        if len(one) <= MAX_CHARACTERS
    ]
    assert len(examples) > 1000
    for user_agent, is_crawler in examples:
        caller = crawlers.caller(user_agent.encode("latin-1", "replace"), trusted=False)
        assert caller is Caller.CRAWLER if is_crawler else caller is not Caller.SHOPPER


@pytest.mark.parametrize(
    "library", ["python-httpx/0.28.1", "curl/8.5.0", "Go-http-client/2.0", "okhttp/4.12.0"]
)
def test_the_library_of_a_server_says_nothing_of_its_visitor(crawlers: Crawlers, library: str) -> None:
    """With the server key it is the shop's own program; without, nobody's browser: perhaps an app, perhaps a scraper."""
    assert crawlers.caller(library.encode(), trusted=False) is Caller.PROGRAM
    assert crawlers.caller(library.encode(), trusted=True) is Caller.SHOPPER


@pytest.mark.parametrize("trusted", [False, True])
def test_a_headless_browser_is_a_program(crawlers: Crawlers, trusted: bool) -> None:
    """It may be a test of the shop's own, which wants to see what is remembered; of experiments it is kept out."""
    headless = BROWSERS[0].replace("Chrome/", "HeadlessChrome/").encode()
    assert crawlers.caller(headless, trusted=trusted) is Caller.PROGRAM


def test_a_server_may_hand_on_its_visitors_header(crawlers: Crawlers) -> None:
    """Then it is the visitor who is judged."""
    assert crawlers.caller(b"Mozilla/5.0 (compatible; Googlebot/2.1)", trusted=True) is Caller.CRAWLER
    assert crawlers.caller(BROWSERS[0].encode(), trusted=True) is Caller.SHOPPER


def test_without_a_user_agent_it_is_no_browser(crawlers: Crawlers) -> None:
    """Every browser sends one; a server need not."""
    for missing in (None, b""):
        assert crawlers.caller(missing, trusted=False) is Caller.PROGRAM
        assert crawlers.caller(missing, trusted=True) is Caller.SHOPPER


def test_verdicts_are_remembered_for_few_at_a_time(crawlers: Crawlers) -> None:
    """However many user agents somebody makes up, and whatever bytes they are of."""
    for number in range(100):
        crawlers.caller(b"\xff\x00 agent %d" % number + b"a" * 5000, trusted=False)
    remembered = crawlers._verdict_of.cache_info()
    assert remembered.currsize == 16
    crawlers.caller(b"\xff\x00 agent 99" + b"a" * 6000, trusted=False)
    assert crawlers._verdict_of.cache_info().hits == remembered.hits + 1
