"""``openapi.json``: the contract as data."""

from service.openapi.document import build_openapi

__all__ = ["build_openapi"]
