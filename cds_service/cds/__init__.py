"""Talks CDS Hooks."""
