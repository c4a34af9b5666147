"""Whether anything may be stored about a visitor, as the request itself says."""

from typing import Final, Literal

from service.contract.schemas import Consent

GPC_HEADER: Final = b"sec-gpc"
"""Global Privacy Control: a browser's standing objection (https://www.w3.org/TR/gpc/)."""


def may_store(consent: Consent, gpc: bytes | None, *, default: Literal["assumed", "required"]) -> bool:
    """Return whether the visitor's events and state may be read and written.

    Args:
        consent: ``consent`` of the body.
        gpc: value of the ``Sec-GPC`` header; ``1`` objects, whatever the body says.
        default: what a body without ``consent.storage`` means.
    """
    if gpc == b"1":
        return False
    if consent.storage is None:
        return default == "assumed"
    return consent.storage
