"""Replays of history in time order: how good each decision is on data it has not seen."""
