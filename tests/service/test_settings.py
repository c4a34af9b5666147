"""Settings: declared once, read late, refused with a reason."""

import pytest

from service.settings import Settings, SettingsError, check_servable, load_settings, settings_table


def test_a_setting_is_read_from_its_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """KABIN_PORT sets port, and lists are separated by commas."""
    monkeypatch.setenv("KABIN_PORT", "9001")
    monkeypatch.setenv("KABIN_ALLOWED_ORIGINS", "https://a.example, https://B.example:8443")
    settings = load_settings()
    assert settings.port == 9001
    assert settings.allowed_origins == ("https://a.example", "https://b.example:8443")


def test_a_flag_wins_over_the_environment_and_an_absent_flag_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Flags that were not given arrive as None and leave the environment's word."""
    monkeypatch.setenv("KABIN_PORT", "9001")
    monkeypatch.setenv("KABIN_WORKERS", "3")
    settings = load_settings(port="9002", workers=None)
    assert (settings.port, settings.workers) == (9002, 3)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("KABIN_PORT", "many"),
        ("KABIN_SERVER_KEY", "short"),
        ("KABIN_ALLOWED_ORIGINS", "*"),
        ("KABIN_ALLOWED_ORIGINS", "https://shop.example/path"),
        ("KABIN_SIGNING_KEYS", "short"),
        ("KABIN_COOKIE_SAMESITE", "sometimes"),
        ("KABIN_DEFAULT_CURRENCY", "euro"),
    ],
)
def test_a_wrong_value_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    """The error names the variable, and never repeats a secret."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=variable) as caught:
        load_settings()
    if "KEY" in variable:
        assert value not in str(caught.value)


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    """A settings object may end up in a log."""
    settings = Settings(server_key="correct-horse-battery", redis_url="redis://:secret-word@host/0")  # type: ignore[arg-type]
    assert "horse" not in repr(settings)
    assert "secret-word" not in repr(settings)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "shop.example"])  # noqa: S104 - what is refused
def test_a_public_address_without_server_key_is_refused(host: str) -> None:
    """Nobody exposes the catalog and the visitors of a shop by forgetting a key."""
    with pytest.raises(SettingsError, match="KABIN_SERVER_KEY"):
        check_servable(Settings(host=host))
    check_servable(Settings(host=host, server_key="a-key-of-some-length"))  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.9.1"])
def test_a_loopback_address_needs_no_server_key(host: str) -> None:
    """Trying Kabin out takes no settings at all."""
    check_servable(Settings(host=host))


def test_a_cookie_for_all_sites_must_be_secure() -> None:
    """Browsers silently drop SameSite=None without Secure, so the settings say it."""
    with pytest.raises(SettingsError, match="KABIN_COOKIE_SECURE"):
        load_settings(cookie_samesite="none", cookie_secure=False)


@pytest.mark.parametrize(
    ("name", "others", "variable"),
    [
        ("__Host-kabin", {"cookie_domain": "shop.example"}, "KABIN_COOKIE_DOMAIN"),
        ("__Host-kabin", {"cookie_secure": False}, "KABIN_COOKIE_SECURE"),
        ("__Secure-kabin", {"cookie_secure": False}, "KABIN_COOKIE_SECURE"),
    ],
)
def test_a_cookie_name_that_promises_something_must_keep_it(
    name: str, others: dict[str, object], variable: str
) -> None:
    """Browsers silently drop cookies whose prefix and attributes disagree, so the settings say it."""
    with pytest.raises(SettingsError, match=variable):
        load_settings(cookie_name=name, **others)
    assert load_settings(cookie_name=name).cookie_name == name


def test_every_setting_is_in_the_table_with_help() -> None:
    """The README's table has one line for each setting, and no setting lacks its meaning."""
    table = settings_table().splitlines()
    assert len(table) == len(Settings.model_fields) + 2
    for name, field in Settings.model_fields.items():
        line = next(row for row in table if row.startswith(f"| `KABIN_{name.upper()}` |"))
        assert field.description
        assert line.count("|") == 4


def test_what_follows_a_pages_first_call_to_redis_has_what_is_left_of_its_budget() -> None:
    """30 and 20 ms make the 50 that a page may take; a budget that leaves nothing is refused."""
    assert Settings().follow_up_timeout_ms == 20
    assert Settings(redis_timeout_ms=300).follow_up_timeout_ms == 200
    assert Settings(redis_timeout_ms=40, request_budget_ms=45).follow_up_timeout_ms == 5
    with pytest.raises(SettingsError, match="KABIN_REQUEST_BUDGET_MS=30 leaves nothing"):
        load_settings(request_budget_ms=30)
