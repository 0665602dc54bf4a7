"""Baselines: what was accepted stays accepted over rebuilds, what is new is told, and no secret is in the file."""

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.errors import UsageError
from imgscan.report import (
    Baseline,
    Finding,
    Location,
    LocationKind,
    Policy,
    Rule,
    SecretSighting,
    Severity,
)
from imgscan.report.baseline import Audit, Entry, check_of, compare, decode, encode, key_check, updated
from imgscan.report.detect_secrets_baseline import accepted_among, decode_detect_secrets
from imgscan.report.gate import gate, told_absent
from imgscan.report.requirements import SIZE
from tests.renderers.reports import insecure

KEYWORD = Rule("file-secret/keyword", "Secret", Severity.HIGH, "", "")
TOOL = Rule("build-tool/compiler", "Compiler", Severity.MEDIUM, "", "")


def secret(value, path="app/.env", name="KEY", line=1, layer=0):
    identity = hashlib.sha256(value.encode()).hexdigest()[:24]
    sighting = SecretSighting("Secret", "****", value.encode(), name=name, id=identity, value=value)
    place = Location(LocationKind.FILE, path=path, layer=layer, line=line)
    return Finding(KEYWORD, place, "a secret", Severity.HIGH, secret=sighting)


def tool(path):
    return Finding(TOOL, Location(LocationKind.FILE, path=path, layer=0), "a tool", Severity.MEDIUM)


def in_order(findings):
    """As judgement numbers them: those that share an identity by their order."""
    counts = {}
    numbered = []
    for finding in findings:
        ordinal = counts[finding.identity] = counts.get(finding.identity, -1) + 1
        numbered.append(replace(finding, ordinal=ordinal))
    return numbered


VALUES = st.sampled_from(["one", "two", "three", "four"])
FINDINGS = st.lists(
    st.one_of(
        st.builds(secret, VALUES, st.sampled_from(["a", "b"]), st.sampled_from(["K", "L"]), st.integers(1, 9)),
        st.builds(tool, st.sampled_from(["usr/bin/gcc", "usr/bin/ld"])),
    ),
    max_size=8,
)


@given(FINDINGS, st.randoms(use_true_random=False), st.integers(0, 20))
def test_a_rebuild_with_other_layers_lines_and_order_has_nothing_new(findings, random, shift):
    accepted = updated(Baseline(salt="ab"), [in_order(findings)], prune=False).baseline
    rebuilt = [
        replace(f, location=replace(f.location, layer=shift, line=(f.location.line or 0) + shift)) for f in findings
    ]
    random.shuffle(rebuilt)
    compared = compare(in_order(rebuilt), decode(encode(accepted, "1"), "f").entries)
    assert not compared.new
    assert not compared.absent


@given(FINDINGS, FINDINGS)
def test_each_entry_accepts_one_finding_and_what_is_left_over_is_told_on_both_sides(old, now):
    entries = updated(Baseline(salt="ab"), [in_order(old)], prune=False).baseline.entries
    compared = compare(in_order(now), entries)

    def kinds(findings):
        return sorted((finding.identity, check_of(finding)) for finding in findings)

    both = kinds(finding for finding, _ in compared.accepted)
    assert kinds(now) == sorted(both + kinds(compared.new))
    assert kinds(old) == sorted(both + [(entry.identity, entry.check) for entry in compared.absent])
    assert not set(kinds(compared.new)) & {(entry.identity, entry.check) for entry in compared.absent}


@given(FINDINGS, FINDINGS)
def test_an_updated_baseline_has_all_findings_and_pruned_nothing_else(old, now):
    before = updated(Baseline(salt="ab"), [in_order(old)], prune=False).baseline
    kept = updated(before, [in_order(now)], prune=False)
    assert not compare(in_order(now), kept.baseline.entries).new
    assert not compare(in_order(old), kept.baseline.entries).new
    pruned = updated(before, [in_order(now)], prune=True).baseline
    afresh = updated(Baseline(salt="ab"), [in_order(now)], prune=False).baseline
    assert {(e.identity, e.ordinal) for e in pruned.entries} == {(e.identity, e.ordinal) for e in afresh.entries}
    assert sorted(e.check for e in pruned.entries) == sorted(e.check for e in afresh.entries)
    assert len({entry.fingerprint for entry in kept.baseline.entries}) == len(kept.baseline.entries)


def test_another_value_at_an_accepted_place_is_new():
    entries = [Entry.of(secret("old"))]
    changed = compare([secret("new")], entries)
    assert len(changed.new) == len(changed.absent) == 1
    assert compare([secret("new")], [replace(entries[0], check="")]).new == ()


def test_a_secret_before_an_accepted_one_is_the_new_one_although_it_took_its_number():
    entries = [Entry.of(secret("old", line=5))]
    first, second = in_order([secret("new", line=2), secret("old", line=5)])
    assert compare([first, second], entries).new == (first,)


def test_without_the_key_places_alone_are_compared_and_that_is_told():
    entries = (Entry.of(secret("old")),)
    mine = Baseline(entries, key_check=key_check(b"mine"), name="f.json")
    for key, new in ((b"mine", 1), (b"other", 0), (None, 0)):
        gated = gate([secret("new")], Policy(baseline=mine), key)
        assert len(gated.open) == new
        assert [problem.code for problem in gated.problems] == ([] if new else ["baseline-key"])
    salted = Baseline(entries, salt="abcd")
    assert gate([secret("new")], Policy(baseline=salted), salted.key(b"mine")).open
    assert not gate([secret("new")], Policy(baseline=salted), b"mine").open


def test_audits_and_notes_stay_when_a_baseline_is_updated():
    entry = replace(Entry.of(secret("x")), audit=Audit.FALSE_POSITIVE, note="a test's")
    update = updated(Baseline((entry,), "ab"), [[secret("x", line=7, layer=3), tool("gcc")]], prune=True)
    assert entry in update.baseline.entries
    assert [added.rule for added in update.added] == ["build-tool/compiler"]
    (item,) = gate([secret("x")], Policy(baseline=update.baseline), b"\xab").suppressed
    assert (item.reason, item.justification, item.baseline_state) == ("baseline", "a test's", "unchanged")
    assert "false positive" in item.by


def test_an_entry_is_absent_only_where_no_image_of_the_run_has_it():
    before = updated(Baseline(salt="ab"), [[secret("x", "a"), secret("y", "b")]], prune=False).baseline
    update = updated(before, [[secret("x", "a")], [secret("y", "b")]], prune=True)
    assert update.absent == ()
    assert update.baseline == before


def test_what_a_policy_demands_is_never_accepted():
    demanded = Finding(SIZE, Location(LocationKind.IMAGE), "too large", Severity.HIGH)
    accepted = updated(Baseline(salt="ab"), [[demanded]], prune=False).baseline
    assert accepted.entries == ()
    assert gate([demanded], Policy(baseline=replace(accepted, entries=(Entry.of(demanded),)))).open == (demanded,)


def test_no_value_and_no_digest_of_one_is_in_the_file():
    values = ["hunter2prod-Xk9", "correct-horse-battery"]
    text = encode(updated(Baseline(salt="ab" * 16), [[secret(value) for value in values]], prune=False).baseline, "1")
    for value in values:
        assert not [piece for at in range(len(value) - 5) if (piece := value[at : at + 6]) in text]
        for digest in (hashlib.sha1, hashlib.sha256, hashlib.md5):
            assert digest(value.encode()).hexdigest()[:12] not in text
    assert {len(entry["check"]) for entry in json.loads(text)["entries"]} == {3}


ANY = st.text(st.characters(exclude_categories=()), min_size=1)


@given(ANY, ANY, ANY, ANY)
def test_any_names_survive_the_file(place, inner, name, note):
    entry = Entry("file-secret/keyword", place, inner, name, 2, "abc", Audit.TRUE_POSITIVE, note)
    baseline = Baseline((entry,), "ab" * 16, "")
    text = encode(baseline, "1")
    text.encode("ascii")
    assert decode(text, "f") == baseline
    assert encode(decode(text, "f"), "1") == text


@pytest.mark.parametrize(
    ("text", "error", "tip"),
    [
        ("", "no baseline: line 1", "imgscan baseline IMAGE"),
        ("[]", "it has no schema", "imgscan baseline IMAGE"),
        ('{"schema": "imgscan-baseline/2"}', "has the form imgscan-baseline/2", "update imgscan"),
        ('{"plugins_used": [], "results": {}}', "it has no schema", "--import f.json"),
        ('{"schema": "imgscan-baseline/1"}', "no list of entries", ""),
        ('{"schema": "imgscan-baseline/1", "salt": "zz", "entries": []}', "hexadecimal", ""),
        ('{"schema": "imgscan-baseline/1", "salt": "abc", "entries": []}', "hexadecimal", ""),
        ('{"schema": "imgscan-baseline/1", "entries": [1]}', "entry 1 is no object", ""),
        ('{"schema": "imgscan-baseline/1", "entries": [{}]}', "entry 1 has a wrong rule", ""),
        ('{"schema": "imgscan-baseline/1", "entries": [{"rule": "a/b", "place": 1}]}', "entry 1 has a wrong place", ""),
        ('{"schema": "imgscan-baseline/1", "entries": [{"rule": "a", "place": "b", "ordinal": -1}]}', "ordinal", ""),
        ('{"schema": "imgscan-baseline/1", "entries": [{"rule": "a", "place": "b", "audit": "x"}]}', "audit", "open"),
        ("[" * 100_000, "no baseline", ""),
    ],
)
def test_a_file_that_is_no_baseline_is_told_with_its_name(text, error, tip):
    with pytest.raises(UsageError) as caught:
        decode(text, "f.json")
    assert "f.json" in caught.value.message
    assert error in caught.value.message
    assert tip in caught.value.tip


def test_entries_that_no_longer_occur_are_told_by_name_the_first_of_them():
    absent = [Entry("build-tool/compiler", f"usr/bin/{at}") for at in range(8)]
    (problem,) = told_absent(absent, "f.json")
    assert problem.code == "baseline-absent"
    assert "8 entries" in problem.message
    assert "usr/bin/4" in problem.message
    assert "3 more" in problem.message
    assert told_absent([], "f.json") == ()


# --- detect-secrets


def theirs(**results):
    rows = {
        path: [
            {"type": kind, "filename": path, "hashed_secret": hashlib.sha1(value.encode()).hexdigest(), **more}
            for kind, value, more in found
        ]
        for path, found in results.items()
    }
    return json.dumps({"version": "1.5.0", "plugins_used": [], "filters_used": [], "results": rows})


def test_what_detect_secrets_accepted_is_met_by_value_and_file_name():
    text = theirs(
        **{
            "config/.env": [
                ("Secret Keyword", "hunter2", {"line_number": 3, "is_secret": False}),
                ("Secret Keyword", "gone", {"line_number": 4}),
            ],
            "keys/id.pem": [("Private Key", "BEGIN RSA PRIVATE KEY", {"is_secret": True})],
        }
    )
    accepted = decode_detect_secrets(text, "s")
    key = secret("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "srv/id.pem")
    findings = [secret("hunter2"), secret("hunter2", "app/other.env"), secret("new"), key, tool("gcc")]
    matched, missing = accepted_among(findings, accepted)
    assert [(finding.location.path, entry.audit) for finding, entry in matched] == [
        ("app/.env", Audit.FALSE_POSITIVE),
        ("srv/id.pem", Audit.TRUE_POSITIVE),
    ]
    assert matched[0][1].note == "detect-secrets: Secret Keyword in config/.env:3"
    assert [(item.path, item.line) for item in missing] == [("config/.env", 4)]


def test_findings_without_their_values_are_not_taken_for_accepted_ones():
    accepted = decode_detect_secrets(theirs(**{".env": [("Secret Keyword", "hunter2", {})]}), "s")
    hidden = secret("hunter2")
    hidden = replace(hidden, secret=replace(hidden.secret, value=None))
    assert accepted_among([hidden, *insecure().verdict.open], accepted)[0] == []


@pytest.mark.parametrize("text", ["", "[]", '{"results": []}', '{"results": {"a": [{}]}}', '{"results": {"a": {}}}'])
def test_a_file_that_detect_secrets_did_not_write_is_told(text):
    with pytest.raises(UsageError, match=r"s\.json"):
        decode_detect_secrets(text, "s.json")
