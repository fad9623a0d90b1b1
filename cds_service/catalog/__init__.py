"""Reads `mappings/` into domain values."""
