"""Scans from FHIR: what ImagingStudy, radiology reports and imaging procedures come to."""

from __future__ import annotations

from functools import cache
from typing import Any

from build import staging_rules
from tables import each_row

from cds_service.catalog.catalog import Catalog
from cds_service.catalog.loading import load_catalog
from cds_service.domain.facts import ImagingStudy, PatientFacts, Region
from cds_service.domain.imaging import ScanHistory, read_scans
from cds_service.fhir.reading import read_patient

DCM = "http://dicom.nema.org/resources/ontology/DCM"
LOINC = "http://loinc.org"
SCT = "http://snomed.info/sct"
CPT = "http://www.ama-assn.org/go/cpt"
SYSTEMS = {"dcm": DCM, "loinc": LOINC, "sct": SCT, "cpt": CPT}
LETTERS = {Region.CHEST: "C", Region.ABDOMEN: "A", Region.PELVIS: "P", Region.HEAD: "B"}
SUBJECT = {"reference": "Patient/p1"}


@cache
def catalog() -> Catalog:
    return load_catalog()


def coding(spec: str, display: str | None = None) -> dict[str, Any]:
    """ "loinc 24627-2"; a bare word is a code without its system."""
    system, _, code = spec.rpartition(" ")
    found = {"system": SYSTEMS.get(system), "code": code, "display": display}
    return {key: value for key, value in found.items() if value}


def concept(spec: str = "", text: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"coding": [coding(spec)]} if spec else {}
    return found | ({"text": text} if text else {})


def study(
    *,
    ref: str = "s1",
    modality: str = "",
    series: tuple[dict[str, Any], ...] = (),
    code: str = "",
    description: str | None = None,
    reason: str = "",
    started: str | None = "2026-11-10T23:30:00-05:00",
    status: str = "available",
    **more: Any,
) -> dict[str, Any]:
    found = {
        "resourceType": "ImagingStudy",
        "id": ref,
        "status": status,
        "subject": SUBJECT,
        "modality": [coding(f"dcm {word}") for word in modality.split()],
        "series": list(series),
        "procedureCode": [concept(code)] if code else None,
        "reasonCode": [concept(text=reason)] if reason else None,
        "description": description,
        "started": started,
        **more,
    }
    return {key: value for key, value in found.items() if value}


def series(modality: str = "", site: str = "", display: str | None = None, text: str | None = None) -> dict[str, Any]:
    found = {
        "modality": coding(f"dcm {modality}") if modality else None,
        "bodySite": coding(site, display) if site or display else None,
        "description": text,
    }
    return {key: value for key, value in found.items() if value}


def report(*, code: dict[str, Any], ref: str = "r1", on: str | None = "2026-11-10", **more: Any) -> dict[str, Any]:
    found = {
        "resourceType": "DiagnosticReport",
        "id": ref,
        "status": "final",
        "subject": SUBJECT,
        "code": code,
        "effectiveDateTime": on,
        "issued": "2026-11-20T08:00:00Z",
        **more,
    }
    return {key: value for key, value in found.items() if value}


def procedure(*, code: dict[str, Any], ref: str = "pr1", status: str = "completed", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Procedure",
        "id": ref,
        "status": status,
        "subject": SUBJECT,
        "code": code,
        "performedDateTime": "2026-11-10",
        **more,
    }


def read(*resources: dict[str, Any]) -> PatientFacts:
    return read_patient([{"resourceType": "Patient", "id": "p1"}, *resources], catalog())


def scans(*resources: dict[str, Any]) -> tuple[ImagingStudy, ...]:
    return read(*resources).imaging


def history(*resources: dict[str, Any]) -> ScanHistory:
    return read_scans(read(*resources), staging_rules())


def shown(found: ImagingStudy) -> str:
    """Modality and regions ("CT CAP"), ~ where a region is derived; or why it does not count."""
    if found.unfit:
        return f"unfit: {found.unfit}"
    if found.doubtful:
        return f"doubtful: {found.doubtful}"
    covered = {item.region: item.derived for item in found.coverage}
    letters = "".join(letter + "~" * covered[region] for region, letter in LETTERS.items() if region in covered)
    how = "/".join(sorted({item.modality.value for item in found.coverage}))
    return f"{how} {letters}" if letters else "-"


@each_row("""
    code              | covers
    loinc 24627-2     | CT C
    loinc 87869-4     | CT CAP
    loinc 72254-6     | CT CAP
    loinc 44115-4     | CT AP
    loinc 42275-8     | CT CA
    loinc 46305-9     | CT CAP
    loinc 87865-2     | CT CAP
    loinc 24556-3     | MR A
    loinc 97393-3     | MR AP
    loinc 91523-1     | MR CAP
    loinc 24590-2     | MR B
    loinc 24725-4     | CT B
    loinc 44139-4     | PET CAP
    loinc 81555-5     | PET CAP
    sct 450436003     | PET CAP
    cpt 78815         | PET CAP
    cpt 78812         | PET CAP
    cpt 78814         | doubtful: PET of a limited area
    cpt 78811         | doubtful: PET of a limited area
    loinc 44136-0     | -
    sct 82918005      | -
    sct 77477000      | -
    loinc 81551-4     | unfit: PET+CT Bone from skull base to mid-thigh W 18F-NaF IV
    loinc 81552-2     | unfit: PET+CT Whole body Bone W 18F-NaF IV
    loinc 87279-6     | unfit: CT Chest for screening
    loinc 46358-8     | unfit: MR Whole body
    loinc 39818-0     | -
""")
def test_procedure_codes_say_what_a_study_covers(row: dict[str, str]) -> None:
    assert shown(scans(study(code=row["code"]))[0]) == row["covers"]


@each_row("""
    modality | description | series                              | covers
             |             | CT=sct 51185008                     | CT C
             |             | CT=sct 51185008; CT=sct 818982008   | CT CAP
    CT       |             | =sct 416775004                      | CT CAP
    CT       |             | =sct 64033007                       | -
    CT       | CT CAP      | =sct 64033007                       | CT C~A~P~
    CT       | CT chest    | =sct 113345001                      | CT C~A
    CT       |             | OT=sct 51185008                     | -
    CT       |             | CT=sct 51185008 SCOUT               | -
             |             | CT=sct 51185008; MR=sct 113345001   | CT/MR CA
    PT       |             | PT=sct 38266002                     | PET CAP
    PT       |             | PT=sct 51185008                     | doubtful: PET of a limited area
    PT       |             | PT=sct 12738006                     | unfit: PET of the brain
             |             | PT=; CT=                            | PET C~A~P~
    CT PT    |             | PT=sct 51185008 PET WB              | PET C~A~P~
    CT PT    | PET/CT      | PT=sct 51185008                     | doubtful: PET of a limited area
    PT       |             | PT=                                 | -
    CT       |             | CT= C-A-P                           | CT C~A~P~
    CT       | CT renal    | CT= C-A-P                           | -
    CT       | CT abdomen  | CT= C-A-P                           | CT A~
    CT       | CT abdomen  | CT= Biopsy                          | unfit: biopsy or other guidance
""")
def test_series_say_modality_and_region(row: dict[str, str]) -> None:
    listed = []
    for cell in row["series"].split(";"):
        modality, _, rest = cell.strip().partition("=")
        words = rest.split(" ")
        site, text = (" ".join(words[:2]), " ".join(words[2:])) if words[0] == "sct" else ("", rest.strip())
        listed.append(series(modality, site, None, text or None))
    found = scans(study(modality=row["modality"], description=row["description"] or None, series=tuple(listed)))
    assert shown(found[0]) == row["covers"]


@each_row("""
    display                          | covers
    Thoracic structure               | -
    Chest                            | CT C~
    Chest, abdomen and pelvis        | CT C~A~P~
    Abdomen and pelvis               | CT A~P~
    Liver                            | -
    Kidney                           | -
""")
def test_a_body_site_without_a_listed_code_is_read_by_its_words(row: dict[str, str]) -> None:
    assert shown(scans(study(modality="CT", series=(series("CT", "", row["display"]),)))[0]) == row["covers"]


def test_a_modality_without_its_system_is_read_by_its_words() -> None:
    assert shown(scans(study(series=({"modality": {"code": "CT"}},), description="C/A/P"))[0]) == "CT C~A~P~"


@each_row("""
    code          | site         | covers
    sct 443271005 | sct 51185008 | doubtful: PET of a limited area
    sct 443271005 | sct 64033007 | PET CAP
    sct 443271005 | sct 38266002 | PET CAP
    loinc 44139-4 | sct 51185008 | PET CAP
    cpt 78815     | sct 51185008 | PET CAP
    loinc 44136-0 | sct 38266002 | PET CAP
    sct 82918005  | sct 416775004 | PET CAP
""")
def test_a_body_site_limits_a_pet_code_that_names_no_region(row: dict[str, str]) -> None:
    assert shown(scans(study(code=row["code"], series=(series("PT", row["site"]),)))[0]) == row["covers"]


def test_pet_of_unspecified_region_counts_when_its_description_gives_the_area() -> None:
    assert shown(scans(study(code="loinc 44136-0", description="skull base to mid-thigh"))[0]) == "PET C~A~P~"
    assert shown(scans(study(code="loinc 44136-0", modality="PT CT"))[0]) == "-"


@each_row("""
    reason                                                            | covers
    Staging of colon cancer                                           | CT C
    Lung cancer screening                                             | unfit: screening chest CT
    Radiotherapy planning                                             | unfit: planning CT
""")
def test_the_reason_of_a_study_may_make_it_unfit(row: dict[str, str]) -> None:
    assert shown(scans(study(code="loinc 24627-2", reason=row["reason"]))[0]) == row["covers"]


@each_row("""
    status           | covers
    available        | CT C
    registered       | unfit: registered only, no images or report yet
    cancelled        |
    entered-in-error |
""")
def test_the_status_of_a_study(row: dict[str, str]) -> None:
    found = scans(study(code="loinc 24627-2", status=row["status"]))
    assert (shown(found[0]) if found else "") == row["covers"]


def test_a_study_is_dated_in_its_own_local_time() -> None:
    assert str(scans(study(modality="CT"))[0].date) == "2026-11-10"


def test_a_study_without_a_start_is_dated_by_its_first_series() -> None:
    parts = ({"started": "2026-11-12"}, {"started": "2026-11-11T08:00:00Z"})
    assert str(scans(study(modality="CT", started=None, series=parts))[0].date) == "2026-11-11"
    assert scans(study(modality="CT", started=None))[0].date is None


@each_row("""
    code           | text                                     | covers
    loinc 72254-6  |                                          | CT CAP
                   | CT chest, abdomen and pelvis             | CT C~A~P~
    loinc 99999-9  | CT thorax/abdomen/bekken                 | CT C~A~P~
    sct 77477000   | CT CAP                                   | CT C~A~P~
    loinc 24627-2  | CT CAP                                   | CT C
    loinc 24627-2  | CT chest low dose screening              | unfit: screening chest CT
                   | CT angiography chest                     | doubtful: CT angiography of the chest
                   | CT                                       | -
    loinc 58410-2  | Complete blood count                     |
                   | Surgical pathology                       |
    loinc 24725-4  |                                          | CT B
""")
def test_reports_are_read_by_code_then_by_words(row: dict[str, str]) -> None:
    found = scans(report(code=concept(row["code"], row["text"] or None)))
    assert (shown(found[0]) if found else "") == row["covers"]


def test_a_report_is_dated_by_effective_never_by_issued() -> None:
    code = concept("loinc 72254-6")
    assert str(scans(report(code=code))[0].date) == "2026-11-10"
    assert scans(report(code=code, on=None))[0].date is None
    period = {"start": "2026-11-09", "end": "2026-11-11"}
    assert str(scans(report(code=code, on=None, effectivePeriod=period))[0].date) == "2026-11-09"


@each_row("""
    status      | covers     | preliminary
    final       | CT CAP     | no
    preliminary | CT CAP     | yes
    partial     | CT CAP     | yes
    registered  | unfit: registered only, no images or report yet | yes
    cancelled   |            |
""")
def test_the_status_of_a_report(row: dict[str, str]) -> None:
    found = scans(report(code=concept("loinc 72254-6"), status=row["status"]))
    assert (shown(found[0]) if found else "") == row["covers"]
    assert [one.preliminary for one in found] == ([row["preliminary"] == "yes"] if row["preliminary"] else [])


def test_report_and_study_of_one_scan_are_one() -> None:
    plain = study(modality="CT", started="2026-11-10")
    told = report(code=concept("loinc 72254-6"), on="2026-11-12", imagingStudy=[{"reference": "ImagingStudy/s1"}])
    found = history(plain, told)
    assert [str(one.when) for one in found.scans] == ["2026-11-10"]
    assert [item.reference for item in found.sets[0].evidence] == ["ImagingStudy/s1", "DiagnosticReport/r1"]


def test_a_linked_report_gives_the_regions_of_a_study_without_naming_the_modality() -> None:
    told = report(code=concept(text="Chest, abdomen and pelvis"), imagingStudy=[{"reference": "ImagingStudy/s1"}])
    assert [shown(scan.study) for scan in history(study(modality="CT"), told).scans] == ["CT C~A~P~"]


def test_accession_numbers_link_study_and_report() -> None:
    number = {"type": {"coding": [{"code": "ACSN"}]}, "system": "urn:ris", "value": "A1"}
    other = number | {"value": "A2"}
    told = report(code=concept("loinc 44115-4"), identifier=[number])
    assert len(history(study(modality="CT", identifier=[number]), told).scans) == 1
    assert len(history(study(modality="CT", identifier=[other]), told).scans) == 2


def test_a_procedure_and_its_study_are_one() -> None:
    done = procedure(code=concept("sct 169069000"))
    found = history(study(modality="CT", procedureReference={"reference": "Procedure/pr1"}), done)
    assert [shown(scan.study) for scan in found.scans] == ["CT C"]


@each_row("""
    code          | text                 | status      | site         | covers
    sct 419394006 |                      | completed   |              | CT AP
    sct 419394006 |                      | in-progress |              |
    sct 419394006 |                      | preparation |              |
    sct 419394006 |                      | not-done    |              |
    sct 77477000  |                      | completed   | sct 51185008 | CT C
    sct 77477000  |                      | completed   |              | -
                  | CT chest             | completed   |              | CT C~
                  | CT guided biopsy     | completed   |              | unfit: biopsy or other guidance
                  | Colonoscopy          | completed   |              |
    sct 16310003  |                      | completed   |              |
""")
def test_procedures_coded_as_imaging(row: dict[str, str]) -> None:
    more = {"bodySite": [concept(row["site"])]} if row["site"] else {}
    found = scans(procedure(code=concept(row["code"], row["text"] or None), status=row["status"], **more))
    assert (shown(found[0]) if found else "") == row["covers"]


def test_an_empty_study_says_what_is_not_stated() -> None:
    found = scans(study())[0]
    assert (found.coverage, found.unstated) == (frozenset(), "how it was made (CT, MR, PET) is not stated")


def test_no_pictures_of_interest_are_no_gap() -> None:
    assert scans(study(modality="DX", series=(series("DX", "sct 51185008"),)))[0].unstated is None
