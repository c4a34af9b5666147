"""Garments of the simulated shop as flat-lay illustrations: colours, fabrics, outlines and one module a group of garments."""
