"""The names of everything that Kabin keeps in Redis: ``prefix:{pNNN}:…``.

A visitor's state, ring and orders and the visitor's part of the event log share the hash tag ``{pNNN}``, so on a
Cluster one script reaches all four, and the keys of :class:`IdentityKeys`. The number of partitions is fixed at
installation. The catalog's keys share a tag of their own.
"""

import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import blake2b
from string import ascii_letters, digits
from typing import Final, NamedTuple

PARTITIONS: Final = 256

_PREFIX: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_PLAIN_ID: Final = frozenset(ascii_letters + digits + "_.:-")
"""Of what ids consist that stand in a key as they are; every other is hashed, whatever it contains."""
_PLAIN_ID_LENGTH: Final = 40
_LEASE_NAME: Final = re.compile(r"[a-z-]{1,40}")


class VisitorKeys(NamedTuple):
    """The keys of one visitor, in the order that the scripts take them; ``log`` is the partition's."""

    state: str
    ring: str
    orders: str
    log: str


class IdentityKeys(NamedTuple):
    """The keys of a visitor's signing in.

    Attributes:
        transfer: of a visitor: what was taken out and has not arrived at a customer yet.
        merged: of a customer: the visitors merged, and until which millisecond of their log.
        announced: of a customer: the visitors of whom something is about to be transferred, and since which second.
    """

    transfer: str
    merged: str
    announced: str


class LeaseKeys(NamedTuple):
    """The keys of one lease, in the order that the scripts take them; ``token`` outlives every holder."""

    lease: str
    token: str


@dataclass(frozen=True, slots=True)
class Keyspace:
    """Names keys under one prefix; shops that share a Redis take a prefix each.

    Raises:
        ValueError: a prefix that could change a key's hash tag or is empty.
    """

    prefix: str = "kabin"
    partitions: int = PARTITIONS
    _tags: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            raise ValueError(
                f"key prefix {self.prefix!r} must be 1 to 64 letters, digits, dots, dashes or underscores"
            )
        if not 1 <= self.partitions <= 1000:
            raise ValueError(f"{self.partitions} partitions: must be 1 to 1000")
        tags = tuple(f"{self.prefix}:{{p{partition:03d}}}:" for partition in range(self.partitions))
        object.__setattr__(self, "_tags", tags)

    @property
    def installation(self) -> str:
        """Hash of what was fixed when this prefix was first used."""
        return f"{self.prefix}:{{meta}}:installation"

    @property
    def nights(self) -> str:
        """Hash: when a night was first waited for, and the last one completed."""
        return f"{self.prefix}:{{meta}}:nights"

    def partition_of(self, visitor_id: str) -> int:
        """Return the partition in which a visitor lives."""
        digest = blake2b(visitor_id.encode(), digest_size=4).digest()
        return int.from_bytes(digest, "big") % self.partitions

    def log(self, partition: int) -> str:
        """Return the stream of a partition's events."""
        return f"{self.prefix}:{{p{partition:03d}}}:log"

    def archived(self, partition: int) -> str:
        """Return the id of a partition's last entry that was archived and trimmed."""
        return f"{self.prefix}:{{p{partition:03d}}}:archived"

    @property
    def archive_id(self) -> str:
        """The id of the archive that the log is drained into."""
        return f"{self.prefix}:{{archive}}:id"

    def erasures(self, partition: int) -> str:
        """Return the hash of a partition's erasures: a visitor's hash and the millisecond of it."""
        return f"{self.prefix}:{{p{partition:03d}}}:erasures"

    def of_lease(self, name: str) -> LeaseKeys:
        """Return the keys of a lease.

        Raises:
            ValueError: a name that is no word of small letters.
        """
        if not _LEASE_NAME.fullmatch(name):
            raise ValueError(f"lease name {name!r} must be 1 to 40 small letters and dashes")
        tag = f"{self.prefix}:{{leases}}:"
        return LeaseKeys(f"{tag}{name}", f"{tag}{name}:token")

    def of_visitor(self, visitor_id: str) -> VisitorKeys:
        """Return the keys of a visitor.

        An id may be any text: one that is not plainly a short word appears as ``~`` and its hash, which no
        plain id can equal, so ids can neither collide nor reach into another key.
        """
        tag = self._tags[self.partition_of(visitor_id)]
        # Tags made beforehand, and a set for a pattern: 6 µs with cold caches, which took 14.
        is_plain = len(visitor_id) <= _PLAIN_ID_LENGTH and _PLAIN_ID.issuperset(visitor_id)
        name = visitor_id if is_plain and visitor_id else _hashed(visitor_id)
        return VisitorKeys(f"{tag}v:{name}", f"{tag}d:{name}", f"{tag}o:{name}", f"{tag}log")

    def of_identity(self, visitor_id: str) -> IdentityKeys:
        """Return the keys of what is known of a visitor's signing in; see :meth:`of_visitor` for ids."""
        tag, _, name = self.of_visitor(visitor_id).state.partition("}:v:")
        return IdentityKeys(f"{tag}}}:t:{name}", f"{tag}}}:m:{name}", f"{tag}}}:a:{name}")

    def customer_token(self, customer: str, token_id: str) -> str:
        """Return the key of the note of who used a customer's token, in the customer's partition."""
        return f"{self._tags[self.partition_of(customer)]}j:{_hashed(token_id)}"


class CatalogKeys:
    """The catalog's keys: all of them share the hash tag ``{catalog}``."""

    def __init__(self, keyspace: Keyspace) -> None:
        tag = f"{keyspace.prefix}:{{catalog}}:"
        self._tag = tag
        self.meta = f"{tag}meta"
        """Hash: generation, version, items, skus, updated_at."""
        self.writer = f"{tag}writer"
        """The token of the writer whose turn it is."""
        self.changes = f"{tag}changes"
        """Stream of the last steps; an entry's id is the version it leads to."""
        self.memory = f"{tag}memory"
        """Hash by bucket: when items that left had first been listed."""

    def items(self, generation: str) -> str:
        """Return the hash of a generation's tables of items, by bucket."""
        return f"{self._tag}{generation}:items"

    def index(self, generation: str) -> str:
        """Return the hash of a generation's index from SKU to item, by bucket."""
        return f"{self._tag}{generation}:index"


class ExperimentKeys:
    """The experiments' keys: all of them share the hash tag ``{experiments}``."""

    def __init__(self, keyspace: Keyspace) -> None:
        tag = f"{keyspace.prefix}:{{experiments}}:"
        self.definitions = f"{tag}definitions"
        """Hash: version, document (JSON), updated_at, noted (version of the document that the last phases came from)."""
        self.phases = f"{tag}phases"
        """Hash by experiment id: its phases, one a line."""


def _hashed(visitor_id: str) -> str:
    digest = blake2b(visitor_id.encode(), digest_size=16).digest()
    return "~" + urlsafe_b64encode(digest).rstrip(b"=").decode()
