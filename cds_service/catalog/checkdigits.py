"""Check digits: a mistyped SNOMED CT or LOINC code is found before a patient meets it.

Sources: SNOMED CT Release File Specification, "Check-digit computation" (Verhoeff);
LOINC Users' Guide, appendix "Calculating mod 10 check digits".
"""

from __future__ import annotations

from collections.abc import Callable

_MULTIPLY = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 2, 3, 4, 0, 6, 7, 8, 9, 5),
    (2, 3, 4, 0, 1, 7, 8, 9, 5, 6),
    (3, 4, 0, 1, 2, 8, 9, 5, 6, 7),
    (4, 0, 1, 2, 3, 9, 5, 6, 7, 8),
    (5, 9, 8, 7, 6, 0, 4, 3, 2, 1),
    (6, 5, 9, 8, 7, 1, 0, 4, 3, 2),
    (7, 6, 5, 9, 8, 2, 1, 0, 4, 3),
    (8, 7, 6, 5, 9, 3, 2, 1, 0, 4),
    (9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
)
_PERMUTE = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    (1, 5, 7, 6, 2, 8, 3, 0, 9, 4),
    (5, 8, 0, 3, 7, 9, 6, 1, 4, 2),
    (8, 9, 1, 6, 0, 4, 3, 5, 2, 7),
    (9, 4, 5, 3, 1, 2, 6, 8, 7, 0),
    (4, 2, 8, 6, 5, 7, 3, 9, 0, 1),
    (2, 7, 9, 3, 8, 0, 6, 4, 1, 5),
    (7, 0, 4, 6, 9, 1, 3, 2, 5, 8),
)


def verhoeff_holds(code: str) -> bool:
    """Whether a SNOMED CT identifier (6 to 18 digits) ends in its Verhoeff check digit."""
    if not (code.isascii() and code.isdigit() and 6 <= len(code) <= 18):
        return False
    check = 0
    for place, digit in enumerate(reversed(code)):
        check = _MULTIPLY[check][_PERMUTE[place % 8][int(digit)]]
    return check == 0


def mod10_holds(code: str) -> bool:
    """Whether a LOINC number ends in its mod-10 check digit; LA, LL and LP codes have none here."""
    if code.startswith(("LA", "LL", "LP")):
        return True
    body, dash, check = code.partition("-")
    if not (dash and body.isascii() and body.isdigit() and len(check) == 1 and check.isdigit()):
        return False
    total = sum(_doubled(int(digit)) if place % 2 == 0 else int(digit) for place, digit in enumerate(reversed(body)))
    return (10 - total % 10) % 10 == int(check)


def _doubled(digit: int) -> int:
    return digit * 2 - 9 if digit > 4 else digit * 2


CHECKS: dict[str, Callable[[str], bool]] = {"verhoeff": verhoeff_holds, "mod10": mod10_holds}
"""The check digits `mappings/systems.yaml` can name, by name."""
