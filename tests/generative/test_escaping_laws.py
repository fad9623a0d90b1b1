"""Whatever a record's words hold, they come out as words: no element, no link, no script."""

import re
from html import unescape

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cds_service.reports.escaping import escape_markdown

# The worst renderer met in the field: HTML let through, links found by themselves, tables on.
RENDER = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable("table").enable("strikethrough")

NASTY = st.text(
    alphabet=st.sampled_from(list("<>&\"'`*_[]()#!|~:@.=-+\\/ \n\r\t0123abcjsx")) | st.characters(codec="utf-8"),
    max_size=60,
)


@given(NASTY)
@example("<img src=x onerror=alert(1)>")
@example("[x](javascript:alert(1))")
@example("![x](https://evil.example/p.png)")
@example("<iframe srcdoc='<script>alert(1)</script>'>")
@example("```\ncode\n```")
@example("# heading")
@example("1. item")
@example("- item")
@example("a | b\n|---|---|\n")
@example("&lt;script&gt;")
@example("https://evil.example and www.evil.example and me@evil.example")
@example("setext\n===")
@example("    indented code")
@example("> quote")
@example("~~struck~~")
@example("***")
@example("\\<b>")
def test_a_record_s_words_stay_words(words: str) -> None:
    html = RENDER.render(escape_markdown(words)).strip()
    elements = set(re.findall(r"<\s*/?\s*([a-zA-Z0-9]+)", html))
    assert elements <= {"p"}
    text = unescape(re.sub(r"</?p>", "", html))
    assert [*filter(str.isalnum, text)] == [*filter(str.isalnum, words)]


@given(NASTY)
def test_the_result_is_one_line_and_links_nothing(words: str) -> None:
    escaped = escape_markdown(words)
    assert "\n" not in escaped
    assert "\r" not in escaped
    assert "<" not in escaped
    assert ">" not in escaped
    assert not re.search(r"(?i)https?:|javascript:|www\.|@", escaped)


def test_an_apostrophe_inside_a_word_stays_one() -> None:
    assert escape_markdown("Patient's condition") == "Patient's condition"


def test_any_other_quote_is_an_entity() -> None:
    assert escape_markdown("'a' b'") == "&#39;a&#39; b&#39;"
