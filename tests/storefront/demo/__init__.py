"""Tests of the demonstration's shop in a real browser."""
