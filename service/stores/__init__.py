"""Redis at the edge: keys, visitor state, event log, catalog, and the embedded server."""
