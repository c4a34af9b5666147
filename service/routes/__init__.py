"""HTTP at the edge: each route decodes a request, calls a use case and encodes its answer."""
