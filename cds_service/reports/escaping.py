"""Words of a record made safe to stand in Markdown.

A record's strings are data. Some CDS Hooks clients render raw HTML inside Markdown
unsanitised, so neither HTML nor Markdown of a record may survive as such.
"""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})
# An apostrophe inside a word ("patient's") can end nothing, and stays for those who read the Markdown itself.
_QUOTE = re.compile(r"'(?!(?<=[A-Za-z]')[A-Za-z])")
# Characters that only mean something at the start of a line or in front of others; escaping every
# full stop and hyphen would make plain reasons unreadable as text, so only risky places are touched.
_RISKY = re.compile(r"([\\`*_\[\]|~]|^[#+=-]|^(?=\d+[.)]))")
_AUTOLINK = re.compile(r"(?i)(https?|ftp|mailto|javascript|data|vbscript|www)([:.])")


def escape_markdown(text: str) -> str:
    """The text as literal words in one line of Markdown: no markup, no HTML, no link, no line break."""
    one_line = _CONTROL.sub(" ", text).strip()
    entities = _QUOTE.sub("&#39;", one_line.translate(_ENTITIES))
    linkless = _AUTOLINK.sub(lambda found: f"{found[1]}&#{ord(found[2])};", entities)
    at_signless = linkless.replace("@", "&#64;")
    return _RISKY.sub(lambda found: f"\\{found[0]}" if found[0] else "\\", at_signless)
