"""The rules of imgscan: each finds its examples, wherever they stand, and leaves its near misses alone."""

import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imgscan.evidence import Validation
from imgscan.layers.matchers.hyperscan_matcher import HyperscanMatcher
from imgscan.secrets import checks
from imgscan.secrets.kinds import kind_of
from imgscan.secrets.rules.compiled import COMPILED, builtin_rules, compiled_text, examples_of, rules_in_full
from imgscan.secrets.rules.detect import AssignedRulesDetector
from imgscan.secrets.rules.examples import example
from imgscan.secrets.rules.regex import parse
from imgscan.secrets.rules.rule import compiled
from tests.secrets.rules.finding import detector_of, found_by, nominations

RULES = rules_in_full().rules
each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)


def counted(found):
    return {span for span, each in found.items() if not each.suppressed}


@each_rule
def test_examples_are_found_with_their_full_span(rule):
    detector = detector_of(rule)
    for template in rule.examples:
        for seed in range(2):
            told = example(template, seed)
            found = found_by(detector, told.text)
            assert (told.start, told.end) in counted(found), (template, found.keys())
            if rule.validator:
                good = {Validation.CHECKSUM_OK, Validation.STRUCTURE_OK}
                assert found[told.start, told.end].validation in good


@each_rule
def test_a_secret_at_the_end_of_a_member_is_found_though_the_next_header_goes_on(rule):
    detector = detector_of(rule)
    told = example(rule.examples[0])
    text = told.text[: told.end]
    if not compiled(rule.regex).search(text):  # its form ends behind the secret: a quote, an end marker
        text = told.text
    raw = f"zZ9/{text}app/next"
    found = found_by(detector, raw, member=(4, 4 + len(text)))
    assert (4 + told.start, 4 + told.end) in counted(found)


@each_rule
def test_near_misses_are_not_found(rule):
    for template in rule.near_misses:
        for seed in range(2):
            assert not counted(found_by(detector_of(rule), example(template, seed).text)), template


@each_rule
def test_every_rule_is_told_in_full(rule):
    assert len(rule.examples) >= 2
    assert rule.near_misses
    assert ": " in rule.documentation, "source names the vendor, and the page"
    assert "://" not in rule.documentation
    assert rule.remediation.endswith(".")
    assert rule.title
    assert kind_of(rule.kind).title
    assert rule.nominators


def test_ids_are_unique_and_all_rules_run():
    assert len({rule.id for rule in RULES}) == len(RULES)
    assert not rules_in_full().problems


def test_the_shipped_file_is_what_the_tables_give():
    assert COMPILED.read_text(encoding="utf-8") == compiled_text(), "run python -m imgscan.secrets.rules.compiled"
    bare = tuple(replace(rule, examples=(), near_misses=()) for rule in RULES)
    assert builtin_rules().rules == bare
    assert examples_of(bare[0]) == RULES[0].examples


def test_no_table_holds_a_token():
    """Examples are templates: nothing in the tables is found by the rules themselves."""
    tables = [path.read_text(encoding="utf-8") for path in sorted((COMPILED.parent / "builtin").glob("*.toml"))]
    for rule in RULES:
        for text in tables if rule.form == "token" else ():
            found = found_by(detector_of(rule), text.encode("ascii", "replace").decode()) if _cheap(rule, text) else {}
            assert not counted(found), rule.id


def _cheap(rule, text):
    return any(re.search(n.pattern, text, re.IGNORECASE) for n in rule.nominators)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None)
@given(st.data(), st.sampled_from(RULES), st.binary(max_size=8), st.binary(max_size=8))
def test_each_match_of_a_rule_holds_a_nomination_whatever_is_round_it(data, rule, before, after):
    text = data.draw(st.from_regex(compiled(rule.regex), fullmatch=True, alphabet=st.characters(max_codepoint=255)))
    match = compiled(rule.regex).match(text)
    if match is None:
        return
    raw = before + match[0].encode("latin-1") + after
    ends = [end - len(before) for end in nominations(rule.nominators, raw)]
    assert any(0 < end <= len(match[0]) for end in ends), match[0]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([rule for rule in RULES if rule.literals]), st.integers(0, 50), st.data())
def test_what_gates_a_rule_is_in_each_of_its_examples(rule, seed, data):
    text = example(data.draw(st.sampled_from(rule.examples)), seed).text.lower()
    assert any(literal in text for literal in rule.literals)


def test_shared_nominators_find_what_each_rule_finds_alone():
    shared = [rule for rule in RULES if rule.shared]
    together = AssignedRulesDetector([detector_of(rule) for rule in shared], "assigned")
    assert len(shared) > 100
    for rule in shared:
        told = example(rule.examples[0])
        assert (told.start, told.end) in counted(found_by(together, told.text)), rule.id


@pytest.mark.parametrize("name", sorted(checks.VALIDATORS))
@given(text=st.text(alphabet=st.characters(max_codepoint=255), max_size=300))
def test_no_check_raises_for_any_text(name, text):
    assert checks.VALIDATORS[name](text) in Validation


def test_a_wrong_sum_is_told_with_less_confidence():
    (rule,) = (rule for rule in RULES if rule.id == "grafana-service-account-token")
    (good,) = found_by(detector_of(rule), example(rule.examples[0]).text).values()
    (bad,) = found_by(detector_of(rule), example("x glsa_{32:[A-Za-z0-9]}_{8:[0-9a-f]} y").text).values()
    assert (good.validation, good.confidence) == (Validation.CHECKSUM_OK, "high")
    assert (bad.validation, bad.confidence, bad.suppressed) == (Validation.CHECKSUM_WRONG, "medium", "")


def test_the_other_half_of_a_credential_is_told_redacted():
    (rule,) = (rule for rule in RULES if rule.id == "twilio-auth-token")
    sid = example("AC{32:[0-9a-f]}").text
    token = example("{32:[0-9a-f]}").text
    (found,) = found_by(detector_of(rule), f"TWILIO_SID={sid}\nTWILIO_AUTH_TOKEN={token}\n").values()
    assert found.companion.startswith("account SID ")
    assert found.companion.endswith(sid[-4:])
    assert sid not in found.companion


def test_the_engine_takes_all_nominators():
    HyperscanMatcher(sorted({each for rule in RULES for each in rule.nominators}, key=repr))


def test_patterns_of_rules_are_read():
    assert all(parse(rule.regex) for rule in RULES)
