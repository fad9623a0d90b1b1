"""Cards as an EHR shows them: sorted by urgency, Markdown made safe, links of the web only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup

from cds_service.sandbox.pages.hooks import HookCall
from cds_service.sandbox.pages.records import Json

URGENCY = {"critical": 0, "warning": 1, "info": 2}
WORDS = {"critical": "Critical", "warning": "Warning", "info": "Information"}


@dataclass(frozen=True, slots=True)
class CardView:
    """One card ready to be shown: the suggestions on offer; `outcome` holds what the user already did with it."""

    call: str
    key: str
    summary: str
    indicator: str
    word: str
    source: str
    source_url: str | None
    detail: Markup
    suggestions: tuple[Json, ...]
    links: tuple[Json, ...]
    reasons: tuple[Json, ...]
    outcome: Json | None


def card_views(calls: Sequence[HookCall]) -> list[CardView]:
    """All cards of the calls, the most urgent first."""
    views = [_view(call, key, card) for call in calls for key, card in keyed(call).items()]
    return sorted(views, key=lambda view: URGENCY.get(view.indicator, 3))


def keyed(call: HookCall) -> dict[str, Json]:
    """The cards of a call by their uuid, or by their place where they have none."""
    return {str(card.get("uuid", f"card-{at}")): card for at, card in enumerate(call.cards)}


def suggestion_of(card: Mapping[str, Any], key: str) -> Json | None:
    """The suggestion of a card by its uuid or its place."""
    return {_suggestion_key(s, at): s for at, s in enumerate(card.get("suggestions", ()))}.get(key)


def open_suggestions(card: Mapping[str, Any], outcome: Mapping[str, Any] | None) -> list[str]:
    """The keys of the suggestions still on offer: all, the untaken ones where any may be taken, else none."""
    taken = (outcome or {}).get("taken", ())
    keys = [_suggestion_key(s, at) for at, s in enumerate(card.get("suggestions", ()))]
    if taken and card.get("selectionBehavior") != "any":
        return []
    return [key for key in keys if key not in taken]


def _suggestion_key(suggestion: Mapping[str, Any], at: int) -> str:
    return str(suggestion.get("uuid", f"suggestion-{at}"))


def _view(call: HookCall, key: str, card: Mapping[str, Any]) -> CardView:
    indicator = card.get("indicator", "info")
    source = card.get("source", {})
    suggestions = ({**s, "key": _suggestion_key(s, at)} for at, s in enumerate(card.get("suggestions", ())))
    on_offer = open_suggestions(card, call.outcomes.get(key))
    return CardView(
        call=call.id,
        key=key,
        summary=str(card.get("summary", "")),
        indicator=indicator if indicator in URGENCY else "info",
        word=WORDS.get(indicator, "Information"),
        source=str(source.get("label", "unnamed source")),
        source_url=_web(source.get("url")),
        detail=markdown(str(card.get("detail", ""))),
        suggestions=tuple(s for s in suggestions if s["key"] in on_offer),
        links=tuple(link for link in card.get("links", ()) if _web(link.get("url"))),
        reasons=tuple(card.get("overrideReasons", ())),
        outcome=call.outcomes.get(key),
    )


def _web(url: object) -> str | None:
    """An address of the web, None for anything else a link could hold."""
    return url if isinstance(url, str) and url.startswith(("https://", "http://")) else None


def _open_link(self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: EnvType) -> str:
    tokens[at].attrSet("target", "_blank")
    tokens[at].attrSet("rel", "noopener noreferrer")
    return self.renderToken(tokens, at, options, env)


def _renderer() -> MarkdownIt:
    """CommonMark and tables; HTML is shown as text, images are not loaded."""
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")
    parser.add_render_rule("link_open", _open_link)
    return parser


_MARKDOWN = _renderer()


def markdown(text: str) -> Markup:
    """A card's detail as HTML in which nothing the text holds can act."""
    return Markup(_MARKDOWN.render(text))  # noqa: S704  rendered with HTML disabled
