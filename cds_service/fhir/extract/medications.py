"""Anticancer drugs from administrations, statements and requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cds_service.catalog.catalog import Catalog
from cds_service.domain.codes import Meaning, MeaningBasis, Meanings, of_concept
from cds_service.domain.dates import PartialDate
from cds_service.domain.facts import Intent, MedicationSource
from cds_service.domain.facts import Medication as DrugFact
from cds_service.fhir.context import Reader, ReadingContext
from cds_service.fhir.extract.dates import When, read_date, read_when
from cds_service.fhir.extract.intents import read_intent
from cds_service.fhir.extract.words import all_words, words_of
from cds_service.fhir.resources import (
    CodeableConcept,
    Condition,
    Dosage,
    Medication,
    MedicationAdministration,
    MedicationRequest,
    MedicationStatement,
    Period,
    Reference,
    Spelling,
)

SUPPORTIVE = "supportive"
_NOT_NAMED = "not-named"
_LOCAL = (
    "intravesical",
    "intrathecal",
    "intraventricular",
    "intra-arterial",
    "intraarterial",
    "intraperitoneal",
    "intrapleural",
    "intralesional",
    "intravitreal",
    "intravesicular",
    "pyelocalyceal",
    "ophthalmic",
    "topical",
    "cutaneous route",
    "cream",
)
"""Words of a route or a product by which a drug acts where it is put: never a line of therapy."""
_NOT_CANCER = frozenset({"rheumatologic"})
_CANCER = frozenset({"primary-cancer", "cancer-type", "secondary-site"})


@dataclass(frozen=True, slots=True)
class _Drug:
    """What a record names as its drug: the agents, and the words for people.

    `names` and `classes` are those of the agents that act on cancer (`acts`), else of all; `named` is
    false where one stands for a drug that is not at hand; `local`: its words say that it acts where it is put.
    """

    agents: Meanings
    text: str
    names: tuple[str, ...]
    classes: frozenset[str]
    acts: bool
    named: bool
    local: bool


_REMEMBERED = 20_000
_memories: dict[int, tuple[Catalog, dict[Spelling, _Drug]]] = {}
"""The drug of each concept a catalog ever met: the same drug stands in order after order, spelled alike."""


def read_administration(given: MedicationAdministration, context: ReadingContext) -> Iterator[DrugFact]:
    """A drug that was given; one without an end that is in progress still runs."""
    drug = _drug(given.medication_codeable_concept, given.medication_reference, context)
    if not drug.agents:
        return
    when = read_when(given.effective_date_time, given.effective_period, context)
    running = given.status == "in-progress" and given.effective_period is not None and when.end is None
    yield _fact(
        drug,
        MedicationSource.ADMINISTRATION,
        when,
        context,
        ongoing=running,
        intent=read_intent(given.extension, (given.category, *given.reason_code), context),
        stop_reasons=given.status_reason,
        reasons=_reasons(given.reason_code, given.reason_reference, context),
        route=_route([given.dosage.route, given.dosage.site] if given.dosage else []),
    )


def read_statement(statement: MedicationStatement, context: ReadingContext) -> Iterator[DrugFact]:
    """A drug said to be or to have been taken; not what is said not to be."""
    if statement.status == "not-taken":
        return
    drug = _drug(statement.medication_codeable_concept, statement.medication_reference, context)
    if not drug.agents:
        return
    when = read_when(statement.effective_date_time, statement.effective_period, context)
    yield _fact(
        drug,
        MedicationSource.STATEMENT,
        when if statement.effective_period else When(when.start, None),
        context,
        given=statement.status != "intended",
        ongoing=statement.status == "active" and (statement.effective_period is None or when.end is None),
        intent=read_intent(statement.extension, (statement.category, *statement.reason_code), context),
        stop_reasons=statement.status_reason,
        reasons=_reasons(statement.reason_code, statement.reason_reference, context),
        route=_route(_routes(statement.dosage)),
    )


def read_request(request: MedicationRequest, context: ReadingContext) -> Iterator[DrugFact]:
    """A drug that was ordered: it may have been given."""
    if request.status == "draft" or request.do_not_perform:
        return
    drug = _drug(request.medication_codeable_concept, request.medication_reference, context)
    if not drug.agents:
        return
    yield _fact(
        drug,
        MedicationSource.REQUEST,
        _ordered(request, context),
        context,
        given=False,
        intent=read_intent(request.extension, (*request.category, *request.reason_code), context),
        stop_reasons=[request.status_reason] if request.status_reason else (),
        reasons=_reasons(request.reason_code, request.reason_reference, context),
        route=_route(_routes(request.dosage_instruction)),
    )


def _ordered(request: MedicationRequest, context: ReadingContext) -> When:
    """From the day of the order (else the start of the doses) to the end of doses or validity."""
    bounds = [found for found in (_bounds(request.dosage_instruction), _validity(request)) if found is not None]
    starts = (read_date(period.start, context) for period in bounds)
    ends = (read_date(period.end, context) for period in bounds)
    start = read_date(request.authored_on, context) or next((day for day in starts if day), None)
    end = next((day for day in ends if day), None)
    return When(start, end if end is not None and start is not None and end.latest >= start.earliest else None)


def _bounds(doses: Iterable[Dosage]) -> Period | None:
    repeats = (dose.timing.repeat for dose in doses if dose.timing is not None)
    return next((repeat.bounds_period for repeat in repeats if repeat is not None and repeat.bounds_period), None)


def _validity(request: MedicationRequest) -> Period | None:
    return request.dispense_request.validity_period if request.dispense_request else None


# --- the drug ------------------------------------------------------------------------------------


def _drug(concept: CodeableConcept | None, reference: Reference | None, context: ReadingContext) -> _Drug:
    """The agents of a drug given in place or by reference, by any code, else by name."""
    if concept is None or reference is not None:
        return _worked_out(concept, reference, context)
    memory, spelling = _memory_of(context.catalog), concept.spelling
    found = memory.get(spelling)
    if found is None:
        if len(memory) >= _REMEMBERED:
            memory.clear()
        found = memory[spelling] = _worked_out(concept, None, context)
    return found


def _memory_of(catalog: Catalog) -> dict[Spelling, _Drug]:
    known = _memories.get(id(catalog))
    if known is None or known[0] is not catalog:
        known = _memories[id(catalog)] = (catalog, {})
    return known[1]


def _worked_out(concept: CodeableConcept | None, reference: Reference | None, context: ReadingContext) -> _Drug:
    concepts = [concept] if concept is not None else []
    if reference is not None and (product := context.resolve(reference)) is not None:
        concepts += _concepts_of(product, context)
    words = tuple(text for one in concepts for text in all_words(one))
    named = (reference.display,) if reference is not None and reference.display else ()
    agents = of_concept(context.meanings(*concepts), "agent") or _named((*words, *named), context)
    agents = agents or _unlisted((*words, *named), context)
    text = next((told for one in concepts if (told := words_of(one))), *named[:1] or ("",))
    if reference is not None and not (concepts or named):
        agents, text = _not_at_hand(reference, context)
    acting = tuple(agent for agent in agents if agent.use != SUPPORTIVE)
    return _Drug(
        agents,
        text,
        names=tuple(dict.fromkeys(agent.group for agent in acting or agents)),
        classes=frozenset(agent.use for agent in acting or agents),
        acts=bool(acting),
        named=all(agent.use != _NOT_NAMED for agent in agents),
        local=any(map(acts_locally, words)),
    )


def _not_at_hand(reference: Reference, context: ReadingContext) -> tuple[Meanings, str]:
    """A drug whose own record is missing may be any: it stands under the name of that record."""
    context.note("the drug it refers to is not at hand, so that it may be a line of therapy")
    name = context.name(reference) or context.reference
    return (Meaning("agent", name, _NOT_NAMED, name),), "drug not at hand"


def _concepts_of(product: object, context: ReadingContext) -> list[CodeableConcept]:
    if not isinstance(product, Medication):
        return []
    concepts = [product.code] if product.code is not None else []
    for ingredient in product.ingredient:
        if ingredient.item_codeable_concept is not None:
            concepts.append(ingredient.item_codeable_concept)
        inner = context.resolve(ingredient.item_reference) if ingredient.item_reference is not None else None
        if isinstance(inner, Medication) and inner.code is not None:
            concepts.append(inner.code)
    return concepts


def _unlisted(words: Iterable[str], context: ReadingContext) -> Meanings:
    """A drug of no row whose name is built like an anticancer drug's: it may be one, under its own name."""
    name = next((found for text in words if (found := context.catalog.agents.unlisted(text))), None)
    return (Meaning("agent", name, _NOT_NAMED, name, basis=MeaningBasis.TEXT),) if name else ()


def _named(words: Iterable[str], context: ReadingContext) -> Meanings:
    found: dict[Meaning, None] = {}
    for text in words:
        found.update(dict.fromkeys(of_concept(context.catalog.agents_named(text), "agent")))
    return tuple(found)


def _fact(
    drug: _Drug,
    source: MedicationSource,
    when: When,
    context: ReadingContext,
    *,
    given: bool = True,
    ongoing: bool = False,
    intent: Intent | str | None = None,
    stop_reasons: Sequence[CodeableConcept] = (),
    reasons: Meanings = (),
    route: str = "",
) -> DrugFact:
    systemic = not drug.local and not (route and acts_locally(route))
    return DrugFact(
        evidence=context.evidence(when.text, drug.text),
        agents=drug.names,
        classes=drug.classes,
        source=source,
        start=when.start or when.end,
        end=_end(when),
        given=given and drug.named,
        ongoing=ongoing,
        counts=drug.acts and systemic and intent != SUPPORTIVE and not _for_another_disease(reasons),
        intent=intent if isinstance(intent, Intent) else None,
        stop_reasons=of_concept(context.meanings(*stop_reasons), "stop-reason") if stop_reasons else (),
        reasons=reasons,
        route=route,
    )


def _end(when: When) -> PartialDate | None:
    if when.start is None or when.end is None:
        return when.end
    return when.end if when.end.latest >= when.start.earliest else None


def _routes(doses: Iterable[Dosage]) -> list[CodeableConcept | None]:
    return [concept for dose in doses for concept in (dose.route, dose.site)]


def _route(concepts: Sequence[CodeableConcept | None]) -> str:
    if not any(concepts):
        return ""
    return "; ".join(text for concept in concepts for text in all_words(concept))


def acts_locally(words: str) -> bool:
    """Whether words of a route, a product or a procedure say that a drug acts where it is put."""
    lowered = words.lower()
    return any(word in lowered for word in _LOCAL)


def _reasons(codes: Sequence[CodeableConcept], references: Sequence[Reference], context: ReadingContext) -> Meanings:
    if not (codes or references):
        return ()
    conditions = [context.resolve(reference) for reference in references]
    named = [found.code for found in conditions if isinstance(found, Condition)]
    return context.meanings(*codes, *named)


def _for_another_disease(reasons: Meanings) -> bool:
    """Given for a disease that is no cancer (methotrexate for arthritis)."""
    if not reasons:
        return False
    concepts = {reason.concept for reason in reasons}
    return bool(concepts & _NOT_CANCER) and not concepts & _CANCER


READERS: tuple[Reader, ...] = (
    Reader(MedicationAdministration, "medications", read_administration),
    Reader(MedicationStatement, "medications", read_statement),
    Reader(MedicationRequest, "medications", read_request),
)
