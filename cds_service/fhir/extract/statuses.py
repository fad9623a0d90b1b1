"""Observations that a rule reads by meaning alone."""

from __future__ import annotations

from cds_service.fhir.context import Reader

READERS: tuple[Reader, ...] = ()
