"""The migrations of the store, one after the other."""
