"""Sizes: from a label to a position on a scale, from evidence to a vote, from a vote to a calibrated decision."""
