"""Customers: visitors whom the shop knows by its own id, which nobody but the shop keeps.

A customer's visitor id is ``c.`` and 128 bits of HMAC-SHA-256 of the shop's id. Nothing that Kabin stores, logs or gives
to a browser tells the shop's id, and without the key nobody can find out whether some id is among them.
"""

import base64
import hmac
from pathlib import Path
from typing import Final

from service.identity.kept_keys import kept_keys

KEY_FILE: Final = "customer.key"
CUSTOMER_PREFIX: Final = "customer:"
"""What the shop's servers put before their own id of a customer where a visitor id is asked for."""

_ID_PREFIX: Final = "c."
"""No id that is drawn at random contains a dot."""
_ID_BYTES: Final = 16
_ID_CHARACTERS: Final = len(_ID_PREFIX) + 22
"""22 of base64url; a shop that names visitors itself may begin some with the same two characters."""


class CustomerIds:
    """The visitor ids of the shop's customers.

    Args:
        key: secret, and the same for as long as anything is held under these ids.
    """

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def visitor_id_of(self, customer_id: str) -> str:
        """Return the visitor id of a customer.

        Args:
            customer_id: the shop's own id of the account, taken exactly as it is written.

        Raises:
            ValueError: it is empty.
        """
        if not customer_id:
            raise ValueError("a customer's id is empty")
        digest = hmac.digest(self._key, customer_id.encode("utf-8", "surrogatepass"), "sha256")[:_ID_BYTES]
        return _ID_PREFIX + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def named(self, visitor_id: str) -> str:
        """Return the visitor id that the shop's server means: ``customer:ID`` is that customer's.

        Raises:
            ValueError: nothing follows ``customer:``.
        """
        if not visitor_id.startswith(CUSTOMER_PREFIX):
            return visitor_id
        return self.visitor_id_of(visitor_id.removeprefix(CUSTOMER_PREFIX))


def is_customer(visitor_id: str) -> bool:
    """Return whether a visitor id is a customer's."""
    return len(visitor_id) == _ID_CHARACTERS and visitor_id.startswith(_ID_PREFIX)


def load_customer_ids(configured: str | None, data_dir: Path) -> CustomerIds:
    """Return the ids under the key that is configured, else under the one kept in the data folder.

    The kept key is generated once. It is never changed: under another key every customer would be a stranger, and what
    is held of them could neither be found nor erased any more.

    Raises:
        OSError: the folder cannot be written, or the file cannot be read.
    """
    if configured is not None:
        return CustomerIds(configured)
    return CustomerIds(kept_keys(data_dir / KEY_FILE, lost="customers start afresh")[0])
