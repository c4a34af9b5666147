"""Moving what is held of a visitor to the customer they turned out to be: once, whoever asks how often, and crash or not.

Visitor and customer may live on two nodes of a Cluster, so no single script can do it. It takes steps, each of which is
one script on one partition, may be repeated, and leaves something from which anybody can go on:

1. *announce* notes with the customer from whom something is about to come;
2. *claim* takes state, ring and orders of the visitor into a transfer, logs ``identified`` among the visitor's events and
   ends the millisecond, so that what the visitor does afterwards is told from what now belongs to the customer;
3. *adopt* writes what :func:`recommender.visitor.merging.merge` made of the transfer and of the customer's own, if the
   customer's is still what it was made of and the transfer is not in there yet, and logs ``merged`` among the customer's
   (a customer who was erased after the claim gets nothing of it);
4. *release* drops the transfer, and *withdraw* the announcement.

Whoever finds a transfer, from either side, takes it from step 3 on; :class:`service.identity.identification.Identification` does.
"""

import hashlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import msgspec

from recommender.events import Event, EventName
from recommender.visitor.codec import (
    StateFormatError,
    decode_orders,
    decode_ring,
    decode_state,
    encode_orders,
    encode_ring,
    encode_state,
)
from recommender.visitor.holdings import NOTHING, Holdings
from recommender.visitor.state import EMPTY_STATE
from service.stores.connection import Script, StoreUnavailable
from service.stores.erasures import visitor_hash
from service.stores.keys import Keyspace
from service.stores.script_runners import ScriptRunner
from service.stores.visitors import Lifetimes

UNDER_WAY_SECONDS: Final = 60
"""Steps follow each other within a second; a transfer announced so long ago was broken off."""


class Transfer(NamedTuple):
    """What was taken from a visitor and belongs to a customer.

    Attributes:
        visitor_id: whose it was.
        customer: visitor id of whom it belongs to.
        at_ms: Unix milliseconds by the visitor's log: what the visitor did until then is in it. A later transfer of
            the same visitor has a greater one.
        holdings: what was taken.
        is_new: whether it was taken just now, and not found.
    """

    visitor_id: str
    customer: str
    at_ms: int
    holdings: Holdings
    is_new: bool


@dataclass(frozen=True, slots=True)
class Kept:
    """What a customer holds; ``stored`` recognises it when it is to be replaced."""

    holdings: Holdings
    stored: tuple[bytes, bytes, bytes]


KEPT_NOTHING: Final = Kept(NOTHING, (b"", b"", b""))
"""A customer who was never seen."""


class Identifications(Protocol):
    """The steps; every method raises StoreUnavailable if it cannot be done, and then may have been done all the same."""

    async def use_token(self, customer: str, token_id: str, user: str, *, life_seconds: float) -> bool:
        """Return whether a customer token may be used: by the ``user`` who did so first, and nobody else."""
        ...

    async def announce(self, customer: str, visitor_id: str, *, now: float) -> Sequence[str]:
        """Note that a visitor's transfer may begin; return the visitors whose transfer may have been broken off."""
        ...

    async def claim(self, visitor_id: str, customer: str) -> Transfer | None:
        """Take what is held of a visitor for a customer; ``None`` if that is nothing.

        A transfer that has not arrived yet is returned instead, whoever it belongs to.
        """
        ...

    async def find(self, visitor_id: str, customer: str) -> Transfer | None:
        """Return a visitor's transfer to a customer that has not arrived yet, if there is one."""
        ...

    async def adopt(self, transfer: Transfer, merged: Holdings, replaces: Kept) -> Kept | None:
        """Put ``merged`` in the place of what the customer holds; ``None`` if the transfer has arrived now or before.

        Nothing arrives at a customer who has been erased since it was taken.

        Returns:
            what the customer holds, if that is not what ``merged`` was made of.
        """
        ...

    async def release(self, transfer: Transfer) -> None:
        """Drop a transfer that has arrived."""
        ...

    async def withdraw(self, customer: str, visitor_id: str) -> None:
        """Drop an announcement."""
        ...

    async def merged_visitors(self, customer: str) -> Mapping[str, float]:
        """Return the visitors who became a customer, and the Unix second until which their events are the customer's.

        Those whose transfer is under way are among them.
        """
        ...


class RedisIdentifications:
    """:class:`Identifications` in Redis or a Cluster.

    Args:
        scripts: with the patience of those who can wait.
        keyspace: where the visitors are.
        lifetimes: of what is written; a transfer lives as long as the state it was.
    """

    def __init__(self, scripts: ScriptRunner, keyspace: Keyspace, lifetimes: Lifetimes | None = None) -> None:
        self._scripts = scripts
        self._keyspace = keyspace
        lifetimes = lifetimes or Lifetimes()
        self._state_ms = lifetimes.state_seconds * 1000
        self._lives_ms = (self._state_ms, lifetimes.ring_seconds * 1000, lifetimes.orders_seconds * 1000)
        self._use_token = Script("token_use")
        self._announce = Script("transfer_announce")
        self._claim = Script("transfer_claim")
        self._find = Script("transfer_find")
        self._adopt = Script("transfer_adopt")
        self._release = Script("transfer_release")
        self._withdraw = Script("transfer_withdraw")
        self._merged = Script("transfers_merged")
        self._note = Script("transfers_note")

    async def use_token(self, customer: str, token_id: str, user: str, *, life_seconds: float) -> bool:
        """See :meth:`Identifications.use_token`."""
        key = self._keyspace.customer_token(customer, token_id)
        return bool(await self._scripts.run(self._use_token, [key], [user, round(life_seconds * 1000)]))

    async def announce(self, customer: str, visitor_id: str, *, now: float) -> Sequence[str]:
        """See :meth:`Identifications.announce`."""
        arguments: list[str | bytes | int] = [visitor_id, int(now), self._state_ms, UNDER_WAY_SECONDS]
        key = self._keyspace.of_identity(customer).announced
        return [other.decode() for other in await self._scripts.run(self._announce, [key], arguments)]

    async def claim(self, visitor_id: str, customer: str) -> Transfer | None:
        """See :meth:`Identifications.claim`."""
        keys = [*self._keyspace.of_visitor(visitor_id), self._keyspace.of_identity(visitor_id).transfer]
        before, after = identified_entry(customer)
        arguments: list[str | bytes | int] = [visitor_id, customer, self._state_ms, before, after]
        reply = await self._scripts.run(self._claim, keys, arguments)
        return None if reply is None else _transfer(visitor_id, reply[1:], is_new=bool(reply[0]))

    async def find(self, visitor_id: str, customer: str) -> Transfer | None:
        """See :meth:`Identifications.find`."""
        key = self._keyspace.of_identity(visitor_id).transfer
        reply = await self._scripts.run(self._find, [key], [customer])
        return None if reply is None else _transfer(visitor_id, reply, is_new=False)

    async def adopt(self, transfer: Transfer, merged: Holdings, replaces: Kept) -> Kept | None:
        """See :meth:`Identifications.adopt`."""
        customer = transfer.customer
        keys = [
            *self._keyspace.of_visitor(customer),
            self._keyspace.of_identity(customer).merged,
            self._erasures_with(customer),
        ]
        arguments: list[str | bytes | int] = [
            customer,
            transfer.visitor_id,
            transfer.at_ms,
            *(_sha1(part) for part in replaces.stored),
            encode_state(merged.state) + _arrival(replaces),
            encode_ring(merged.ring),
            encode_orders(merged.orders),
            *self._lives_ms,
            merged_entry(transfer),
            visitor_hash(customer),
        ]
        reply = await self._scripts.run(self._adopt, keys, arguments)
        return None if isinstance(reply, int) else _kept(*[part or b"" for part in reply])

    async def release(self, transfer: Transfer) -> None:
        """See :meth:`Identifications.release`."""
        key = self._keyspace.of_identity(transfer.visitor_id).transfer
        await self._scripts.run(self._release, [key], [transfer.at_ms])

    async def withdraw(self, customer: str, visitor_id: str) -> None:
        """See :meth:`Identifications.withdraw`."""
        key = self._keyspace.of_identity(customer).announced
        await self._scripts.run(self._withdraw, [key], [visitor_id])

    async def merged_visitors(self, customer: str) -> Mapping[str, float]:
        """See :meth:`Identifications.merged_visitors`."""
        keys = self._keyspace.of_identity(customer)
        merged, announced = await self._scripts.run(self._merged, [keys.merged, keys.announced], [])
        until = {name.decode(): int(at) / 1000 for name, at in zip(merged[::2], merged[1::2], strict=True)}
        for name in announced:
            transfer = await self.find(name.decode(), customer)
            if transfer is not None:
                until[transfer.visitor_id] = transfer.at_ms / 1000
        return until

    async def note_merged(self, customer: str, merged: Collection[tuple[str, int]]) -> None:
        """Note visitors who became a customer, and until when (Unix ms), as log and archive tell it."""
        keys = [self._keyspace.of_identity(customer).merged, self._erasures_with(customer)]
        arguments = [str(part) for pair in merged for part in pair]
        await self._scripts.run(self._note, keys, [self._state_ms, visitor_hash(customer), *arguments])

    def _erasures_with(self, visitor_id: str) -> str:
        """Return the key of the erasures among which a visitor's is."""
        return self._keyspace.erasures(self._keyspace.partition_of(visitor_id))


def identified_entry(customer: str) -> tuple[bytes, bytes]:
    """Return the log's entry of a visitor who was recognised, without the time that belongs between its two parts."""
    event_id = f"identified-{secrets.token_hex(8)}"
    entry = msgspec.json.encode(Event(EventName.IDENTIFIED, event_id, 0.0, "server", link=customer))
    before, name, after = entry.partition(b'"timestamp":')
    return before + name, after.removeprefix(b"0.0")


def merged_entry(transfer: Transfer) -> bytes:
    """Return the log's entry of a customer who took in a transfer."""
    event_id = f"merged-{transfer.at_ms}-{visitor_hash(transfer.visitor_id)[:16]}"
    event = Event(EventName.MERGED, event_id, transfer.at_ms / 1000, "server", link=transfer.visitor_id)
    return msgspec.json.encode(event)


def _transfer(visitor_id: str, reply: Sequence[bytes], *, is_new: bool) -> Transfer:
    at, customer, *stored = reply
    return Transfer(visitor_id, customer.decode(), int(at), _kept(*stored).holdings, is_new)


def _kept(state: bytes, ring: bytes, orders: bytes) -> Kept:
    try:
        held = Holdings(
            decode_state(state) if state else EMPTY_STATE, decode_ring(ring), decode_orders(orders)
        )
    except StateFormatError as error:
        raise StoreUnavailable(str(error)) from error
    return Kept(held, (state, ring, orders))


def _arrival(kept: Kept) -> bytes:
    """Return what follows a stored state: the customer's arrival at the rate that they may ask at."""
    state = kept.stored[0]
    return state[len(encode_state(kept.holdings.state)) :] if state else b""


def _sha1(stored: bytes) -> str:
    """Return the name that Redis has for a value; nothing rests on its strength."""
    return hashlib.sha1(stored, usedforsecurity=False).hexdigest() if stored else ""
