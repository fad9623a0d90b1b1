"""The checklist of CDS Hooks 2.0.1, line by line, and where each line that obliges or advises is tested.

S: shall; R: should; *: of version 3.0. A rule of `hook_rules.py` holds for every response of
every test; other lines have tests by name.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
from hook_rules import RULES

TESTS = Path(__file__).parents[1]
REQUESTS, FUZZ = "conformance/test_checklist_requests.py", "conformance/test_prefetch_fuzz.py"
TOKENS, CALLS, KEYS = "unit/test_trust_tokens.py", "unit/test_trust_calls.py", "unit/test_trust_keys.py"
CLIENT, FEEDBACK, CARD = "unit/test_fhir_client.py", "unit/test_hooks_feedback.py", "unit/test_cds_card.py"

# line | what it asks | the rule of hook_rules.py, or the file and the test
LINES: list[tuple[str, str, str]] = [
    ("1S", "JSON", "1S answers_are_json"),
    (
        "1S",
        "https in production",
        "unit/test_config_settings.py::test_what_is_unsafe_is_refused_and_named",
    ),
    ("2S", "no null, nothing empty", "2S nothing_is_null_or_empty"),
    ("3S", "discovery at exactly that path", f"{REQUESTS}::test_3s_discovery_is_at_exactly_that_path"),
    ("3S", "a list of services", "3S discovery_holds_a_list_of_services"),
    ("4S", "hook, description, id", "4S a_service_has_hook_description_and_id"),
    ("4R", "title, version", "4R a_service_has_title_and_version"),
    ("5S", "the id is the path", f"{REQUESTS}::test_5s_each_id_is_the_path_of_its_hook"),
    ("5S", "distinct ids", "5S ids_are_path_segments_of_their_own"),
    ("6S", "discovery is signed too", f"{CALLS}::test_discovery_and_feedback_are_signed_too"),
    ("8S", "root tokens", "8S templates_use_root_tokens_only"),
    ("9R", "plain queries", "9R templates_are_plain_reads_and_searches"),
    ("10S*", "no dependent keys", "10S* templates_depend_on_no_other_key"),
    ("12S", "hook, hookInstance, context", f"{REQUESTS}::test_12s_hook_instance_and_context_are_required"),
    ("12S", "fhirServer with fhirAuthorization", f"{REQUESTS}::test_12s_authorization_needs_its_server"),
    ("13", "the hook is the service's own", f"{REQUESTS}::test_13_the_hook_must_be_the_service_s_own"),
    ("14", "unknown fields, extensions", f"{REQUESTS}::test_14_unknown_fields_and_extensions_are_no_matter"),
    ("15", "context per hook", f"{REQUESTS}::test_15_what_a_hook_requires_in_context_must_be_there"),
    ("16S", "FHIR as clients send it", f"{REQUESTS}::test_16_draft_orders_need_not_be_valid_fhir"),
    ("17R", "partial results in time", f"{CLIENT}::test_what_came_in_time_is_kept_when_the_rest_does_not"),
    ("17R", "the prefetch table", "unit/test_cds_prefetch.py::test_a_key"),
    ("17R", "the prefetch table, every key", f"{FUZZ}::test_what_cannot_be_read_is_as_good_as_not_sent"),
    ("18S", "412 names the key", f"{REQUESTS}::test_18s_412_names_the_key_when_nothing_useful_can_be_said"),
    ("18R*", "an OperationOutcome", "18R* a_refusal_is_an_operation_outcome"),
    ("19", "missing is unknown", f"{REQUESTS}::test_19_an_exclusion_without_its_data_is_unknown_never_not_met"),
    ("20S", "fhirAuthorization is read", f"{REQUESTS}::test_12s_authorization_needs_its_server"),
    ("21S", "the token is transient", f"{REQUESTS}::test_21s_the_token_is_kept_nowhere"),
    ("22S", "the token goes to fhirServer only", f"{CALLS}::test_a_server_of_no_entry_is_never_asked"),
    ("22S", "and no link leads it elsewhere", f"{CALLS}::test_the_entrys_server_is_asked_and_does_not_lead_elsewhere"),
    ("23S", "a refusal of the record system is ordinary", f"{CLIENT}::test_a_bad_answer_is_never_no_record"),
    ("24S", "cards, also none", "24S an_answer_holds_a_list_of_cards"),
    ("25S", "summary, indicator, source", "25S a_card_has_summary_indicator_and_source"),
    ("26", "uuids", "26 cards_and_suggestions_have_uuids"),
    ("27S", "absolute URLs, coded topic", "27S a_source_has_absolute_urls_and_a_coded_topic"),
    ("28S", "selectionBehavior", "28S suggestions_come_with_a_selection_behavior"),
    ("29S", "actions", "29S actions_are_whole_and_valid"),
    ("30S", "override reasons", "30S override_reasons_are_codings_with_display"),
    ("31S", "links", "31S links_are_labelled_and_typed"),
    ("32", "no systemActions", "32S nothing_acts_by_itself"),
    ("33S", "extensions are objects", "33S extensions_are_objects"),
    ("34R", "not alone", f"{REQUESTS}::test_34_a_body_is_answered_alike_whatever_else_was_asked"),
    ("35S", "feedback is an array", f"{FEEDBACK}::test_what_is_unclear_is_refused_whole"),
    ("36S", "repeats", f"{FEEDBACK}::test_a_repeat_counts_once"),
    (
        "36S",
        "several outcomes of a card",
        f"{FEEDBACK}::test_accepted_and_then_overridden_is_overridden_whatever_the_order_of_arrival",
    ),
    ("36S", "never a conflict", "36S feedback_is_never_in_conflict"),
    ("37", "reasons without display", f"{FEEDBACK}::test_a_reason_comes_back_with_its_words"),
    ("38", "free text", f"{FEEDBACK}::test_the_free_text_is_kept_and_not_logged"),
    ("39R", "every call is signed", f"{CALLS}::test_discovery_and_feedback_are_signed_too"),
    ("40S", "header and claims", f"{TOKENS}::test_a_bad_token_is_refused_for_its_reason"),
    ("41S", "never none or HS*", f"{TOKENS}::test_a_bad_token_is_refused_for_its_reason"),
    (
        "41R",
        "algorithms per issuer",
        f"{TOKENS}::test_an_algorithm_not_listed_for_the_issuer_is_refused_though_its_key_is_known",
    ),
    ("42S", "aud is the endpoint", f"{TOKENS}::test_each_endpoint_has_its_own_audience"),
    ("42S", "as configured, not as addressed", f"{CALLS}::test_the_host_header_does_not_make_an_audience"),
    ("43R", "jku of the list", f"{CALLS}::test_keys_are_fetched_from_the_listed_place_and_a_new_one_is_noticed"),
    ("44R", "times", f"{TOKENS}::test_both_sides_of_every_limit"),
    ("44R", "replay, between workers", f"{CALLS}::test_a_token_is_good_for_one_worker_only"),
    ("45R", "a bare 401", "45S a_refused_signature_is_bare"),
    ("47S", "preflight", f"{REQUESTS}::test_47_a_preflight_is_answered_without_authorization"),
    ("47S", "listed origins only", f"{CALLS}::test_a_preflight_needs_no_token_and_only_listed_origins_pass"),
    ("Status", "no 5xx", "Status the_service_does_not_break"),
]

OBLIGE_OR_ADVISE = {
    *("1S", "2S", "3S", "4S", "4R", "5S", "6S", "8S", "9R", "10S*", "12S", "16S", "17R", "18S", "18R*", "20S", "21S"),
    *("22S", "23S", "24S", "25S", "27S", "28S", "29S", "30S", "31S", "33S", "34R", "35S", "36S", "39R", "40S", "41S"),
    *("41R", "42S", "43R", "44R", "45R", "47S"),
}


@cache
def functions(file: str) -> frozenset[str]:
    tree = ast.parse((TESTS / file).read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize(("line", "asks", "where"), LINES, ids=[f"{line} {asks}" for line, asks, _ in LINES])
def test_a_line_has_its_test(line: str, asks: str, where: str) -> None:
    file, _, name = where.partition("::")
    if name:
        assert name in functions(file), f"{line} ({asks}) is tested nowhere"
    else:
        assert where in RULES, f"{line} ({asks}) is held by no rule"


def test_no_line_is_left_out() -> None:
    assert {line for line, _, _ in LINES} >= OBLIGE_OR_ADVISE
    assert {where for _, _, where in LINES if "::" not in where} >= set(RULES) - {
        "25M a_detail_is_markdown_without_html"
    }
