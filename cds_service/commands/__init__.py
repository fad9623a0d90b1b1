"""The groups of commands that `cli.py` puts together."""
