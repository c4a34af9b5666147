"""Key spaces for the tests of the stores."""

from itertools import count

import pytest

from service.stores.keys import Keyspace

_numbers = count()


@pytest.fixture
def keyspace() -> Keyspace:
    """A prefix that no other test uses."""
    return Keyspace(f"stores-{next(_numbers)}")
