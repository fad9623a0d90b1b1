"""The coordinator's list as a FHIR transaction that a server can take in again and again.

| resource | how it is written | why |
|---|---|---|
| ResearchStudy | created where none has the registry number | the hospital's own record of the trial is left alone |
| ResearchSubject, `candidate` | for candidates who have none of the study | a person's status is never touched |
| List | put under its own id | the list is ours; the server keeps the earlier ones as versions |
| Provenance | put under the id of the day | which trial, mappings and engine the list comes from |

What the machine says stands on the List, at each patient's flag; a decision of a person is never
written back. Source: FHIR R4, http.html#ccreate and http.html#trules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from fhir.resources.R4B.bundle import Bundle

from cds_service.domain.trials import Trial
from cds_service.domain.verdicts import Status
from cds_service.errors import UsageError
from cds_service.reports.markdown import in_words
from cds_service.reports.worklists import days_in_words, loss_in_words, standing_of, titles_of
from cds_service.screening.entries import PatientKey
from cds_service.screening.runs import Run
from cds_service.screening.worklist import Entry, Worklist

Json = dict[str, Any]

REGISTRY = "http://clinicaltrials.gov"
"""The identifier system of NCT numbers."""
STATUS_SYSTEM = "urn:cds-service:assessment-status"
VERSION_SYSTEM = "urn:cds-service:version"
_PROVENANCE_AGENT = {
    "coding": [
        {
            "system": "http://terminology.hl7.org/CodeSystem/provenance-participant-type",
            "code": "assembler",
            "display": "Assembler",
        }
    ]
}
_NOT_A_DECISION = "Computed from the record, not a decision: eligibility is confirmed by the trial team."
_WORDS = {"candidate": "Candidate", "possible": "Possible"}


def fhir_export(
    worklist: Worklist,
    trial: Trial,
    engine_version: str,
    now: datetime,
    *,
    server: str | None = None,
    study: str | None = None,
) -> bytes:
    """The waiting patients of one FHIR server as a transaction Bundle, validated, as JSON.

    `server` is its base URL; it may be left out where all patients are of one. `study` names the
    hospital's own ResearchStudy of the trial; without it the registry number finds or makes one.
    Raises UsageError where patients are of several servers and none is named.
    """
    entries = [entry for entry in worklist.waiting if entry.stored.patient.base == _base(worklist, server)]
    runs = [run for run in worklist.runs if run.base == _base(worklist, server)]
    parts = [
        *_study(trial, study),
        *(_subject(entry.stored.patient, trial, study) for entry in entries if _is_candidate(entry)),
        _list(worklist, trial, entries, _lost(worklist, server), now),
        _provenance(worklist, trial, engine_version, now, runs),
    ]
    bundle = Bundle.model_validate({"resourceType": "Bundle", "type": "transaction", "entry": parts})
    return bundle.model_dump_json().encode()


def _base(worklist: Worklist, server: str | None) -> str:
    if server is not None:
        return server.rstrip("/")
    bases = {entry.stored.patient.base for entry in worklist.waiting}
    if len(bases) > 1:
        raise UsageError("the patients are of several FHIR servers: say with --server which one the Bundle is for")
    return next(iter(bases), "")


def _is_candidate(entry: Entry) -> bool:
    """Whether the machine knows enough to call the patient a candidate; of the others only the List tells."""
    return entry.stored.summary.status == Status.CANDIDATE.value


def _lost(worklist: Worklist, server: str | None) -> list[Entry]:
    return [entry for entry in worklist.lost if entry.stored.patient.base == _base(worklist, server)]


def _study(trial: Trial, study: str | None) -> Iterable[Json]:
    if study is not None:
        return
    resource = {
        "resourceType": "ResearchStudy",
        "identifier": [{"system": REGISTRY, "value": trial.registry_id}],
        "title": trial.title,
        "status": "active" if trial.open else "closed-to-accrual",
        "relatedArtifact": [{"type": "documentation", "display": trial.registry_id, "url": trial.registry_url}],
    }
    request = {"method": "POST", "url": "ResearchStudy", "ifNoneExist": f"identifier={_registered(trial)}"}
    yield {"fullUrl": _urn(trial.id), "resource": resource, "request": request}


def _subject(patient: PatientKey, trial: Trial, study: str | None) -> Json:
    of_study = f"study={study}" if study is not None else f"study.identifier={_registered(trial)}"
    resource = {
        "resourceType": "ResearchSubject",
        "status": "candidate",
        "study": {"reference": study or _urn(trial.id)},
        "individual": {"reference": f"Patient/{patient.id}"},
    }
    request = {
        "method": "POST",
        "url": "ResearchSubject",
        "ifNoneExist": f"patient=Patient/{patient.id}&{of_study}",
    }
    return {"fullUrl": _urn(trial.id, patient.base, patient.id), "resource": resource, "request": request}


def _list(worklist: Worklist, trial: Trial, entries: Iterable[Entry], lost: Iterable[Entry], now: datetime) -> Json:
    titles = titles_of(trial)
    items = [_item(entry, worklist.day, titles) for entry in entries]
    # A snapshot has no deleted entries: who left it with the last run is told in notes.
    left = [f"Off the list: Patient/{one.stored.patient.id} ({loss_in_words(one, titles)})" for one in lost]
    resource: Json = {
        "resourceType": "List",
        "id": _list_id(trial),
        "status": "current",
        "mode": "snapshot",
        "title": f"{trial.short_title} ({trial.registry_id}): worklist of {in_words(worklist.day)}",
        "date": _instant(now),
        "source": {"display": "cds-service"},
        "orderedBy": {"text": "Candidates first, then fewer unknowns, then the window that closes first"},
        "note": [{"text": text} for text in (_NOT_A_DECISION, *left)],
    }
    resource |= {"entry": items} if items else {"emptyReason": {"text": "No patient waits for the trial team"}}
    return _put(resource)


def _item(entry: Entry, day: date, titles: Mapping[str, str]) -> Json:
    summary = entry.stored.summary
    said = [_WORDS[summary.status]]
    said += [f"not known: {', '.join(titles.get(name, name) for name in summary.open)}"] if summary.open else []
    said += [f"holds until {days_in_words(entry, day)}"] if summary.closes else []
    said += [f"{standing_of(entry)} since the last run"] if standing_of(entry) else []
    coding = {"system": STATUS_SYSTEM, "code": summary.status, "display": _WORDS[summary.status]}
    return {
        "item": {"reference": f"Patient/{entry.stored.patient.id}"},
        "flag": {"coding": [coding], "text": "; ".join(said)},
        "date": summary.as_of.isoformat(),
    }


def _provenance(worklist: Worklist, trial: Trial, engine_version: str, now: datetime, runs: Iterable[Run]) -> Json:
    digests = sorted({run.mappings_digest for run in runs} or {trial.digest})
    versions = sorted({run.trial_version for run in runs} or {trial.version})
    sources = [
        *(_source(f"trial {trial.id}, version {version}", f"{trial.id}|{version}") for version in versions),
        *(_source(f"mappings {digest}", digest) for digest in digests if digest),
        *(_source(f"run of {run.as_of.isoformat()}", run.id) for run in runs),
    ]
    resource = {
        "resourceType": "Provenance",
        "id": f"{_list_id(trial)}-{worklist.day.isoformat()}",
        "target": [{"reference": f"List/{_list_id(trial)}"}],
        "recorded": _instant(now),
        "agent": [{"type": _PROVENANCE_AGENT, "who": {"display": f"cds-service {engine_version}"}}],
        "entity": sources,
    }
    return _put(resource)


def _source(display: str, value: str) -> Json:
    what = {"identifier": {"system": VERSION_SYSTEM, "value": value}, "display": display}
    return {"role": "source", "what": what}


def _put(resource: Json) -> Json:
    url = f"{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": _urn(url), "resource": resource, "request": {"method": "PUT", "url": url}}


def _list_id(trial: Trial) -> str:
    return f"worklist-{trial.id}"


def _registered(trial: Trial) -> str:
    return f"{REGISTRY}|{trial.registry_id}"


def _urn(*parts: str) -> str:
    return f"urn:uuid:{uuid5(NAMESPACE_URL, '/'.join(('cds-service', *parts)))}"


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
