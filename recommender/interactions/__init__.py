"""Interactions: what visitors did with items, as columns that training reads."""

from recommender.interactions.builder import InteractionsBuilder
from recommender.interactions.catalog import ItemCatalog
from recommender.interactions.columns import ColumnMapping, InteractionError, RowError
from recommender.interactions.files import EventRows, read_event_rows
from recommender.interactions.sources import (
    interactions_of_events,
    interactions_of_file,
    interactions_of_sessions,
)
from recommender.interactions.table import InteractionKind, Interactions

__all__ = [
    "ColumnMapping",
    "EventRows",
    "InteractionError",
    "InteractionKind",
    "Interactions",
    "InteractionsBuilder",
    "ItemCatalog",
    "RowError",
    "interactions_of_events",
    "interactions_of_file",
    "interactions_of_sessions",
    "read_event_rows",
]
