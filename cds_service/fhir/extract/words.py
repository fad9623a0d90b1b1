"""What a codeable concept says in words."""

from __future__ import annotations

from cds_service.fhir.resources import CodeableConcept

_MOST = 200
_INVISIBLE = dict.fromkeys([*range(32), 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF], " ")


def words_of(concept: CodeableConcept | None) -> str:
    """The words for people: its text, else the first display, else the first code; "" for none."""
    if concept is None:
        return ""
    if concept.text and concept.text.strip():
        return clean(concept.text)
    displays = (coding.display for coding in concept.coding)
    codes = (coding.code for coding in concept.coding)
    return clean(next((words for words in (*displays, *codes) if words and words.strip()), ""))


def all_words(concept: CodeableConcept | None) -> tuple[str, ...]:
    """Its text and every display, each once: what patterns are matched against."""
    if concept is None:
        return ()
    every = (concept.text, *(coding.display for coding in concept.coding))
    return tuple(dict.fromkeys(clean(words) for words in every if words and words.strip()))


def clean(text: str) -> str:
    """One line of text: control and zero-width characters out, spaces single, cut to a line's length."""
    if not text.isprintable() or "  " in text:
        text = " ".join(text.translate(_INVISIBLE).split())
    return text[:_MOST].strip()
