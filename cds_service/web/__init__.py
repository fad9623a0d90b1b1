"""HTTP: the hooks, health, errors."""
