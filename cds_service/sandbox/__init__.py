"""The pretend EHR: a FHIR server, pages and synthetic patients on loopback."""
