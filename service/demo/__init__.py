"""The simulated shop of `kabin demo`: its items, its crowd, and the three calls that show what Kabin does."""
