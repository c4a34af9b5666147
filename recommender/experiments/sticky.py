"""Sticky buckets: who once got a variation keeps it, whatever becomes of weights and coverage.

Nothing is stored here: assignments are given, what to add to them is returned.
"""

from collections.abc import Mapping
from typing import Protocol

from recommender.experiments.hashing import Identity

StickyDocuments = Mapping[str, Mapping[str, str]]
"""GrowthBook's form: ``"attribute||value"`` → ``"experiment__bucketVersion"`` → variation key."""


def sticky_id(experiment_id: str, bucket_version: int) -> str:
    """Return the key of an experiment's sticky bucket; a new bucket version starts afresh."""
    return f"{experiment_id}__{bucket_version}"


class StickyBuckets(Protocol):
    """The variations a visitor holds."""

    def held(self, identity: Identity, fallback: Identity | None) -> Mapping[str, str]:
        """Return variation keys by sticky id; what ``identity`` holds goes before what ``fallback`` does."""

    def keep(self, identity: Identity, sticky_id: str, variation: str) -> None:
        """Note that ``identity`` holds a variation from now on."""


class VisitorStickyBuckets:
    """Sticky buckets of one visitor, whichever attribute an experiment hashes by.

    Args:
        held: variation keys by sticky id.

    Attributes:
        changes: what to add to them.
    """

    __slots__ = ("_held", "changes")

    def __init__(self, held: Mapping[str, str]) -> None:
        self._held = dict(held)
        self.changes: dict[str, str] = {}

    def held(self, identity: Identity, fallback: Identity | None) -> Mapping[str, str]:
        """Return what the visitor holds, with the changes."""
        del identity, fallback
        return self._held

    def keep(self, identity: Identity, sticky_id: str, variation: str) -> None:
        """Note a variation, unless it is held already."""
        del identity
        if self._held.get(sticky_id) != variation:
            self._held[sticky_id] = self.changes[sticky_id] = variation


class StickyDocumentBuckets:
    """Sticky buckets as GrowthBook's SDKs store them: a document for each attribute and value.

    Args:
        documents: the documents of every attribute that experiments hash by.

    Attributes:
        changes: whole documents to store, by key.
    """

    __slots__ = ("_documents", "changes")

    def __init__(self, documents: StickyDocuments) -> None:
        self._documents = documents
        self.changes: dict[str, dict[str, str]] = {}

    def held(self, identity: Identity, fallback: Identity | None) -> Mapping[str, str]:
        """Return the assignments of two documents as one."""
        held = self._document(document_key(identity))
        return held if fallback is None else {**self._document(document_key(fallback)), **held}

    def keep(self, identity: Identity, sticky_id: str, variation: str) -> None:
        """Note the document to store, if it changes."""
        key = document_key(identity)
        document = self._document(key)
        if document.get(sticky_id) != variation:
            self.changes[key] = {**document, sticky_id: variation}

    def _document(self, key: str) -> Mapping[str, str]:
        return self.changes.get(key) or self._documents.get(key) or {}


def document_key(identity: Identity) -> str:
    """Return the key under which an identity's document is stored."""
    return f"{identity.attribute}||{identity.text}"
