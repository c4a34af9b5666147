"""Nights: what one does, when it is due, and the watch that keeps them."""
