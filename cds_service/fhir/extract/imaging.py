"""Scans from ImagingStudy and DiagnosticReport."""

from __future__ import annotations

from cds_service.fhir.context import Reader

READERS: tuple[Reader, ...] = ()
