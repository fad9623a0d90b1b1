"""What a FHIR reference names, whatever its spelling.

A reference may be relative ("Patient/1"), absolute ("https://ehr.example/fhir/Patient/1"),
versioned ("Patient/1/_history/2"), a urn, a fragment of the resource itself ("#tumor"), or
only an identifier. Facts hold names: "Type/id" (or the urn where a resource has no id), and
"Type/id#fragment" for a contained resource.

Source: FHIR R4, https://hl7.org/fhir/R4/references.html
"""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=65536)
def split(reference: str) -> tuple[str, str]:
    """The server's base ("" where relative) and the plain name: version and slashes removed.

    A urn, and what has no "Type/id" in it, is its own name with an empty base.
    """
    if reference.startswith("urn:"):
        return "", reference
    path = reference.partition("/_history/")[0].partition("?")[0].rstrip("/")
    base, _, identity = path.rpartition("/")
    front, _, kind = base.rpartition("/")
    if not identity or not kind[:1].isupper() or not kind.isalpha():
        return "", path
    return front, f"{kind}/{identity}"


def plain_name(reference: str) -> str:
    """The name without base and version: "Patient/1" of every spelling, a urn as it is."""
    return split(reference)[1]
