"""What ``KABIN_REDIS_URL`` may say."""

import pytest
from redis.asyncio.connection import parse_url

from service.stores.redis_url import Address, RedisUrl

PLAIN, ODD = "plain", "a@b"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://10.0.0.5:6380/2", Address("10.0.0.5", 6380, database=2)),
        ("redis://10.0.0.5", Address("10.0.0.5")),
        ("redis://anna:a%40b@host", Address("host", username="anna", password=ODD)),
        ("redis://:plain@[::1]:7000", Address("::1", 7000, password=PLAIN)),
        ("redis://host?db=4", Address("host", database=4)),
        ("unix:///run/my%20redis.sock?db=1", Address(path="/run/my redis.sock", database=1)),
    ],
)
def test_a_url_names_a_server(url: str, address: Address) -> None:
    """Host, port, socket, login and database, as redis-py understands them."""
    assert RedisUrl.parse(url).address() == address


def test_tls_checks_certificates_unless_told_otherwise() -> None:
    """``rediss://`` is TLS with redis-py's own options."""
    checked = RedisUrl.parse("rediss://host").address().tls
    trusting = RedisUrl.parse("rediss://host?ssl_cert_reqs=none&ssl_check_hostname=false").address().tls
    assert checked is not None
    assert trusting is not None
    assert checked.verify_mode.name == "CERT_REQUIRED"
    assert trusting.verify_mode.name == "CERT_NONE"


def test_a_url_names_sentinels() -> None:
    """Hosts of Sentinels, the service they watch, and logins of both kinds of server."""
    url = RedisUrl.parse(
        "redis+sentinel://anna:plain@s1,s2:26380,[::1]:5/mymaster/3?sentinel_password=x&health_check_interval=9"
    )
    assert url.sentinels == (("s1", 26_379), ("s2", 26_380), ("::1", 5))
    assert url.service == "mymaster"
    assert dict(url.sentinel_options) == {"password": "x"}
    primary = url.address().at("10.0.0.9", 6379)
    assert primary == Address("10.0.0.9", username="anna", password=PLAIN, database=3)
    assert parse_url(url.plain).get("health_check_interval") == 9
    assert RedisUrl.parse("rediss+sentinel://s1/m").address().tls is not None


@pytest.mark.parametrize(
    "url",
    [
        "http://host",
        "redis+sentinel://host",
        "redis+sentinel:///mymaster",
        "redis+sentinel://a:b/m",
        "host:6379",
        "redis://u:hid/den@host:6379/0",
        "redis://host:hidden/0",
        "redis+sentinel://s1:hidden/m",
        "redis+sentinel://[hidden]/m",
    ],
)
def test_what_makes_no_sense_is_refused_without_telling_passwords(url: str) -> None:
    """The message may be logged: also with a password that cuts the URL in the wrong place."""
    with pytest.raises(ValueError, match=r".") as refused:
        RedisUrl.parse(url if "hid" in url else url.replace("//", "//u:hidden@")).address()
    assert "hid" not in str(refused.value)
    assert refused.value.__context__ is None or refused.value.__suppress_context__


def test_an_address_is_told_without_its_password() -> None:
    """For messages."""
    assert str(Address("h", 1, password=PLAIN)) == "h:1"
    assert str(Address("::1", 1)) == "[::1]:1"
    assert str(Address(path="/s")) == "/s"
    assert PLAIN not in repr(Address(password=PLAIN))
