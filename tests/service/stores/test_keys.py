"""Names of keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from service.stores.keys import Keyspace


@given(st.text(max_size=128, alphabet=st.characters(codec="utf-8")))
def test_a_visitors_keys_share_a_slot_with_their_log(visitor_id: str) -> None:
    """Whatever the id, its four keys lie in one slot of a Cluster and hold nothing but printable words."""
    keyspace = Keyspace("shop")
    keys = keyspace.of_visitor(visitor_id)
    assert len({key_slot(key.encode()) for key in keys}) == 1
    assert keys.log == keyspace.log(keyspace.partition_of(visitor_id))
    assert all(key.isascii() and key.isprintable() and " " not in key and len(key) < 70 for key in keys)


@given(st.lists(st.text(max_size=30, alphabet=st.characters(codec="utf-8")), unique=True))
def test_no_two_visitors_share_a_key(visitor_ids: list[str]) -> None:
    """Different ids have different states, also where one looks like another's encoding."""
    keyspace = Keyspace()
    hashed = [keyspace.of_visitor(visitor_id).state.rpartition(":")[2] for visitor_id in visitor_ids]
    everyone = set(visitor_ids) | set(hashed)
    assert len({keyspace.of_visitor(visitor_id).state for visitor_id in everyone}) == len(everyone)


def test_partitions_spread_over_slots() -> None:
    """The 256 partitions lie in about as many slots, so a Cluster shares the load."""
    assert len({key_slot(Keyspace().log(partition).encode()) for partition in range(256)}) > 240


@pytest.mark.parametrize("prefix", ["", "a{b", "a b", "ä", "x" * 65])
def test_a_prefix_that_could_move_a_key_is_refused(prefix: str) -> None:
    """Braces would change the hash tag; so would nothing at all."""
    with pytest.raises(ValueError, match="key prefix"):
        Keyspace(prefix)


@pytest.mark.parametrize(
    ("visitor_id", "is_plain"),
    [
        ("a-Z_0.9:", True),
        ("x" * 40, True),
        ("x" * 41, False),
        ("", False),
        ("x\n", False),
        ("x}", False),
        ("é", False),
        ("٣", False),
    ],
)
def test_short_words_stand_in_keys_as_they_are(visitor_id: str, is_plain: bool) -> None:
    """Which ids are hashed never changes: what is stored would not be found again."""
    assert Keyspace().of_visitor(visitor_id).state.endswith(f":v:{visitor_id}") == is_plain
