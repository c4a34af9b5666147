"""The shop's items: reading Merchant Center feeds, and the compact replica that every worker decides from."""
