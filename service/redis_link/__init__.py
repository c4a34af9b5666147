"""A worker's link to Redis: the connection, the catalog's replica, back-pressure and the loss of data."""
