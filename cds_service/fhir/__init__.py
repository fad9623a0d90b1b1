"""Talks FHIR, returns facts."""
