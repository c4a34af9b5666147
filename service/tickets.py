"""Tickets: decision ids that carry, signed, what the decision exposes its visitor to.

A ticket is base64url of this, big-endian, 44 to 128 characters:

====== ======================================================================================================
bytes  meaning
====== ======================================================================================================
1      format, level of the discount affinity, homepage that personalization would have shown
4      Unix second of the decision
7      random, so that no two decisions share an id
9 each 1 to 8 exposures: key of experiment and bucket version (4), variation (1), propensity in billionths (4)
12     first 96 bits of HMAC-SHA-256 over the length and bytes of all that and the visitor's id
====== ======================================================================================================

Truncating to 96 bits follows RFC 2104 §5 and RFC 4868: a forger would need 2⁹⁵ requests on average.
"""

import binascii
import hmac
import os
import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from recommender.decisions.policy import AssignedExperiment
from recommender.homepage import HomepageVariant
from recommender.visitor.state import experiment_key_of, second_of

MAX_EXPOSURES: Final = 8
"""As many as 128 characters hold; the rest comes with the visitor's next decision."""

TICKET_SECONDS: Final = 172_800
"""A page reports what it showed within two days, as long as the store recognises a repeated event."""

MAX_AHEAD_SECONDS: Final = 300
"""How far the clock of the host that decided may run ahead of ours."""

AffinityLevel = Literal["high", "medium", "low"]

_SALT: Final = b"kabin.decision"
_FORMAT: Final = 0x10
_HEADER: Final = struct.Struct(">BI7s")
_EXPOSURE: Final = struct.Struct(">IBI")
_MAC_BYTES: Final = 12
_NONCE_BYTES: Final = 7
_PLAIN_BYTES: Final = 16
_REMEMBERED_EXPOSURES: Final = 4096

_PROPENSITY_STEPS: Final = 1_000_000_000
"""Shares that a person wrote down come back exactly."""
MAX_VARIATION: Final = 0xFF
"""A visitor's state, too, has eight bits for the variation."""

_LEVELS: Final[tuple[AffinityLevel | None, ...]] = (None, "high", "medium", "low")
_HOMEPAGES: Final[tuple[HomepageVariant | None, ...]] = (None, "promo", "full_price", None)
_LENGTHS: Final[Mapping[int, int]] = MappingProxyType(
    {
        4 * size // 3: size
        for size in (
            _HEADER.size + count * _EXPOSURE.size + _MAC_BYTES for count in range(1, MAX_EXPOSURES + 1)
        )
    }
)
"""Bytes by characters: whole groups of three, so that no two texts decode to the same bytes."""
_STANDARD: Final = bytes.maketrans(b"-_+/", b"+/!!")
"""From base64url to what the decoder knows; the two characters that only plain base64 has become invalid."""
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


class TicketExposure(NamedTuple):
    """One exposure; ``experiment_key`` names experiment and bucket version as a visitor's state does."""

    experiment_key: int
    variation_id: int
    propensity: float


class Ticket(NamedTuple):
    """What Kabin signed: when it decided, to what exposures that led if shown, and by what it decided.

    Attributes:
        issued_at: Unix second of the decision.
        exposures: that the visitor's state did not hold then.
        discount_affinity: level at that time.
        personalized_homepage: what affinity alone would have shown.
    """

    issued_at: int
    exposures: tuple[TicketExposure, ...]
    discount_affinity: AffinityLevel | None
    personalized_homepage: HomepageVariant | None


class ExposureTickets:
    """Signs what a decision would expose its visitor to, and reads it back when it is reported as shown.

    Args:
        signing_keys: those of visitors' tokens, newest first: the first one signs, all of them verify.

    Raises:
        ValueError: no key is given.
    """

    def __init__(self, signing_keys: Sequence[str]) -> None:
        if not signing_keys:
            raise ValueError("at least one signing key is needed")
        # Packed once for all visitors of a variation: to round and to pack anew takes 3 µs for each exposure.
        self._packed = lru_cache(_REMEMBERED_EXPOSURES)(_packed)
        self._keys = tuple(hmac.digest(key.encode(), _SALT, "sha256") for key in signing_keys)

    def issue(
        self,
        visitor_id: str,
        experiments: Sequence[AssignedExperiment],
        *,
        discount_affinity: AffinityLevel | None = None,
        personalized_homepage: HomepageVariant | None = None,
        now: float,
    ) -> str:
        """Return the id of a decision; one without exposures is only random.

        Args:
            visitor_id: whom it is for; nobody else's report of it will count.
            experiments: that the decision exposes the visitor to, at most 255 variations each.
            discount_affinity: the visitor's level.
            personalized_homepage: what affinity alone would show.
            now: Unix seconds.
        """
        if not experiments:
            return plain_decision_id()
        nonce = os.urandom(_NONCE_BYTES)
        if len(experiments) > MAX_EXPOSURES:
            # Another start each time, so that no experiment waits for others that are never shown.
            start = nonce[0] % len(experiments)
            experiments = [*experiments[start:], *experiments[:start]][:MAX_EXPOSURES]
        context = _LEVELS.index(discount_affinity) << 2 | _HOMEPAGES.index(personalized_homepage)
        payload = _HEADER.pack(_FORMAT | context, second_of(now), nonce)
        for one in experiments:
            payload += self._packed(one.experiment_id, one.bucket_version, one.variation_id, one.propensity)
        signed = payload + _mac(self._keys[0], payload, visitor_id)
        return binascii.b2a_base64(signed, newline=False).translate(_URL_SAFE).decode()

    def read(self, decision_id: str, visitor_id: str, *, now: float) -> Ticket | None:
        """Return the ticket in a decision's id.

        ``None`` for any other text, for another visitor's ticket and for one that is out of time.

        Args:
            decision_id: as reported; may be anything.
            visitor_id: who reports it.
            now: Unix seconds.
        """
        size = _LENGTHS.get(len(decision_id))
        if size is None or not decision_id.isascii():
            return None
        try:
            signed = binascii.a2b_base64(decision_id.encode().translate(_STANDARD), strict_mode=True)
        except binascii.Error:
            return None
        payload, mac = signed[:-_MAC_BYTES], signed[-_MAC_BYTES:]
        if len(signed) != size or not any(
            hmac.compare_digest(mac, _mac(key, payload, visitor_id)) for key in self._keys
        ):
            return None
        head, issued_at, _ = _HEADER.unpack_from(payload)
        if head & 0xF0 != _FORMAT or not now - TICKET_SECONDS <= issued_at <= now + MAX_AHEAD_SECONDS:
            return None
        exposures = tuple(map(_unpacked, _EXPOSURE.iter_unpack(payload[_HEADER.size :])))
        return Ticket(issued_at, exposures, _LEVELS[head >> 2 & 3], _HOMEPAGES[head & 3])


def plain_decision_id() -> str:
    """Return the id of a decision that exposes nobody to anything: 128 random bits, too short for a ticket."""
    encoded = binascii.b2a_base64(os.urandom(_PLAIN_BYTES), newline=False)
    return encoded.rstrip(b"=").translate(_URL_SAFE).decode()


def _packed(experiment_id: str, bucket_version: int, variation_id: int, propensity: float) -> bytes:
    steps = round(min(max(propensity, 0.0), 1.0) * _PROPENSITY_STEPS)
    return _EXPOSURE.pack(experiment_key_of(experiment_id, bucket_version), variation_id, steps)


def _unpacked(fields: tuple[int, int, int]) -> TicketExposure:
    experiment_key, variation_id, steps = fields
    return TicketExposure(experiment_key, variation_id, steps / _PROPENSITY_STEPS)


def _mac(key: bytes, payload: bytes, visitor_id: str) -> bytes:
    # The length keeps a byte from moving between payload and id; any text may be an id with the server key.
    message = bytes((len(payload),)) + payload + visitor_id.encode("utf-8", "surrogatepass")
    return hmac.digest(key, message, "sha256")[:_MAC_BYTES]
