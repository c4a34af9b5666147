"""Bringing a shop's past into Kabin: order and click histories, and catalog feeds."""
