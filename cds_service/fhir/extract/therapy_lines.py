"""Explicit lines of therapy from episodes of care, and regimens from care plans."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.domain.codes import Meaning, Meanings, of_concept
from cds_service.domain.facts import Intent, Regimen, TherapyLine
from cds_service.fhir.context import Reader, ReadingContext
from cds_service.fhir.extract.dates import read_date, read_when
from cds_service.fhir.extract.intents import read_intent
from cds_service.fhir.extract.words import all_words, clean
from cds_service.fhir.resources import CarePlan, CodeableConcept, EpisodeOfCare

_NUMBER = "therapy-line-number"
_NOT_BEGUN = frozenset({"planned", "waitlist"})
_NOT_A_PLAN = frozenset({"draft"})
_LINE = "line_of_therapy"


def read_line(episode: EpisodeOfCare, context: ReadingContext) -> Iterator[TherapyLine]:
    """A line of therapy: an episode of that type, or one that carries a line number."""
    number = _number(episode)
    groups = {meaning.group for meaning in of_concept(context.meanings(*episode.type), "therapy-setting")}
    if (number is None and _LINE not in groups) or episode.status in _NOT_BEGUN:
        return
    when = read_when(None, episode.period, context)
    intent = read_intent(episode.extension, episode.type, context)
    words = f"Line of therapy {number}" if number is not None else "Line of therapy"
    yield TherapyLine(
        evidence=context.evidence(when.text, words),
        number=number,
        start=when.start,
        end=when.end,
        intent=intent if isinstance(intent, Intent) else None,
    )


def _number(episode: EpisodeOfCare) -> int | None:
    for extension in episode.extension:
        if extension.url and extension.url.endswith(_NUMBER):
            number = extension.value_positive_int or extension.value_integer
            if number is not None and 0 < number < 100:
                return number
    return None


def read_regimen(plan: CarePlan, context: ReadingContext) -> Iterator[Regimen]:
    """A planned regimen: a care plan whose title, category or activities name anticancer agents."""
    if plan.status in _NOT_A_PLAN:
        return
    agents = [agent for agent in _agents(plan, context) if agent.use != "supportive"]
    if not agents:
        return
    when = read_when(None, plan.period, context)
    start = when.start or read_date(plan.created, context)
    text = clean(plan.title or plan.description or agents[0].group)
    intent = read_intent(plan.extension, plan.category, context)
    yield Regimen(
        evidence=context.evidence(str(start) if start else None, text),
        text=text,
        agents=tuple(dict.fromkeys(agent.group for agent in agents)),
        start=start,
        end=when.end,
        intent=intent if isinstance(intent, Intent) else None,
    )


def _agents(plan: CarePlan, context: ReadingContext) -> Meanings:
    concepts = list(_concepts(plan))
    coded = of_concept(context.meanings(*concepts), "agent")
    if coded:
        return coded
    words = [text for text in (plan.title, plan.description) if text]
    words += [text for concept in concepts for text in all_words(concept)]
    words += [part.detail.description for part in plan.activity if part.detail and part.detail.description]
    named: dict[Meaning, None] = {}
    for text in words:
        named.update(dict.fromkeys(of_concept(context.catalog.agents_named(text), "agent")))
    return tuple(named)


def _concepts(plan: CarePlan) -> Iterator[CodeableConcept]:
    yield from plan.category
    for part in plan.activity:
        if part.detail is not None:
            yield from (
                found for found in (part.detail.code, part.detail.product_codeable_concept) if found is not None
            )


READERS: tuple[Reader, ...] = (
    Reader(EpisodeOfCare, "therapy_lines", read_line),
    Reader(CarePlan, "regimens", read_regimen),
)
