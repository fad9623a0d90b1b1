"""A synthetic population as bulk NDJSON: deterministic, dirty as real exports are, with the truth it was built for."""
