"""The types of settings that need more than a bound: keys, and lists separated by commas."""

import ipaddress
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

_MIN_KEY_CHARACTERS: Final = 16
_MIN_TOKEN_KEY_BYTES: Final = 32


def _split(value: object) -> object:
    """Split a comma-separated environment variable; leave a sequence from Python code as it is."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _checked_key(key: SecretStr) -> SecretStr:
    if len(key.get_secret_value()) < _MIN_KEY_CHARACTERS:
        raise ValueError(f"must have at least {_MIN_KEY_CHARACTERS} characters")
    return key


def _checked_token_key(key: SecretStr) -> SecretStr:
    if len(key.get_secret_value().encode()) < _MIN_TOKEN_KEY_BYTES:
        raise ValueError(
            f"must have at least {_MIN_TOKEN_KEY_BYTES} characters, as HS256 asks for (RFC 7518)"
        )
    return key


def _checked_origin(origin: str) -> str:
    scheme, separator, authority = origin.partition("://")
    if scheme not in {"http", "https"} or not separator or not authority or set(authority) & set("/*?#@ "):
        raise ValueError(f"{origin!r} is no exact origin such as https://www.shop.example")
    return origin.lower()


def _checked_network(network: str) -> str:
    try:
        return str(ipaddress.ip_network(network, strict=False))
    except ValueError:
        raise ValueError(f"{network!r} is no address or network such as 10.0.0.0/8") from None


Key = Annotated[SecretStr, AfterValidator(_checked_key)]
Keys = Annotated[tuple[Key, ...], NoDecode, BeforeValidator(_split)]
TokenKeys = Annotated[
    tuple[Annotated[SecretStr, AfterValidator(_checked_token_key)], ...], NoDecode, BeforeValidator(_split)
]
Origins = Annotated[
    tuple[Annotated[str, AfterValidator(_checked_origin)], ...], NoDecode, BeforeValidator(_split)
]
Networks = Annotated[
    tuple[Annotated[str, AfterValidator(_checked_network)], ...], NoDecode, BeforeValidator(_split)
]
