"""One module per kind of fact, from decoded resources."""
