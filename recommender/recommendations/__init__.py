"""Which items go together: co-visitation, ALS, their blend, and the one lookup path that serves it."""
