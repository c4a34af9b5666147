"""Experiments while the service runs: what defines them, and the policy that comes of it."""
