"""The use case behind ``POST /identify``: a visitor turns out to be a customer, and what is held of them follows."""

from typing import Final

from recommender.visitor.merging import merge
from service.identity.customer_tokens import NOTE_SECONDS, CustomerProof
from service.identity.customers import is_customer
from service.stores.connection import StoreUnavailable
from service.stores.erasures import visitor_hash
from service.stores.identifications import KEPT_NOTHING, Identifications, Transfer

_MOST_ATTEMPTS: Final = 50
"""Each is lost only to another change of the same customer that got through."""

_MOST_TRANSFERS: Final = 3
"""A visitor's unfinished one, one that came in between, and their own."""


class Identification:
    """Ties visitors to customers.

    Args:
        store: takes the steps.
    """

    def __init__(self, store: Identifications) -> None:
        self._store = store

    async def may_use(self, proof: CustomerProof, customer: str, visitor_id: str) -> bool:
        """Return whether a visitor may use a customer's token: nobody did, they did so before, or they are the customer.

        Whoever may has used it then, the customer too: nobody else may any more.

        Raises:
            StoreUnavailable: it cannot be told now.
        """
        user = visitor_hash(visitor_id)
        is_theirs = await self._store.use_token(customer, proof.token_id, user, life_seconds=NOTE_SECONDS)
        return is_theirs or visitor_id == customer

    async def identify(self, visitor_id: str, customer: str, *, now: float) -> bool:
        """Move what is held of a visitor to a customer; return whether there was anything to move.

        Whoever is a customer already stays it: on a shared computer one customer must not become the other. It may be
        asked any number of times, at once too, and whatever was broken off before is brought to its end.

        Args:
            visitor_id: of the visitor.
            customer: visitor id of the customer.
            now: Unix seconds.

        Raises:
            StoreUnavailable: it cannot be done now, or not to its end; asking again does no harm.
        """
        if is_customer(visitor_id):
            return False
        for overdue in await self._store.announce(customer, visitor_id, now=now):
            transfer = await self._store.find(overdue, customer)
            if transfer is not None:
                await self.finish(transfer)
            await self._store.withdraw(customer, overdue)
        is_merged = False
        for _ in range(_MOST_TRANSFERS):
            transfer = await self._store.claim(visitor_id, customer)
            if transfer is None:
                break
            await self.finish(transfer)
            is_merged = is_merged or transfer.customer == customer
            if transfer.is_new:
                break
        await self._store.withdraw(customer, visitor_id)
        return is_merged

    async def finish(self, transfer: Transfer) -> None:
        """Bring a transfer to its customer, whoever took it out, and drop it; any number of times.

        Raises:
            StoreUnavailable: it cannot be done now, or not to its end.
        """
        kept = KEPT_NOTHING
        for _ in range(_MOST_ATTEMPTS):
            found = await self._store.adopt(transfer, merge(kept.holdings, transfer.holdings), kept)
            if found is None:
                return await self._store.release(transfer)
            kept = found
        raise StoreUnavailable("the customer's state changes faster than another can be merged into it")
