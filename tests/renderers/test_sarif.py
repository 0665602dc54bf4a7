"""SARIF: valid by the standard's schema, within what GitHub takes, the same place and fingerprint over rebuilds."""

import json
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imgscan.renderers import Failure, RenderOptions
from imgscan.renderers.sarif import RESULTS, render
from imgscan.report import Suppressed
from imgscan.report.report import Report
from tests.renderers.reports import KEYWORD, clean, file_secret, hostile, incomplete, insecure, mapped, sensitive

ANY = st.text(st.characters(exclude_categories=()))
OPTIONS = RenderOptions("1.2.3")
SHOWN = RenderOptions("1.2.3", show_suppressed=True)
SCHEMA = Path(__file__).parents[3] / "shared" / "schemas" / "sarif-schema-2.1.0.json"


def document(*reports: Report, options: RenderOptions = OPTIONS):
    return json.loads(render(reports, options))


def results(*reports: Report, options: RenderOptions = OPTIONS):
    return [result for run in document(*reports, options=options)["runs"] for result in run["results"]]


def many(count: int) -> Report:
    found = tuple(sensitive(number) for number in range(count))
    return replace(insecure(), verdict=replace(insecure().verdict, open=found))


def check_what_github_needs(log):
    """GitHub Docs, "SARIF support for code scanning" and "SARIF results exceed limits"."""
    assert log["version"] == "2.1.0"
    assert 1 <= len(log["runs"]) <= 20
    ids = [run.get("automationDetails", {}).get("id") for run in log["runs"]]
    assert len(set(ids)) == len(ids)
    for run in log["runs"]:
        driver = run["tool"]["driver"]
        assert driver["name"] == "imgscan"
        rules = {rule["id"]: rule for rule in driver["rules"]}
        assert len(rules) == len(driver["rules"])
        for rule in rules.values():
            assert rule["shortDescription"]["text"]
            assert rule["fullDescription"]["text"]
            assert len(rule["fullDescription"]["text"]) <= 1024
            assert rule["help"]["text"]
            assert rule["help"]["markdown"]
            assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note", "none")
            assert len(rule["properties"]["tags"]) <= 10
            severity = rule["properties"].get("security-severity", "0.1")
            assert isinstance(severity, str)
            assert 0 < float(severity) <= 10
        assert len(run["results"]) <= 25_000
        for result in run["results"]:
            assert result["ruleId"] in rules
            assert result["message"]["text"]
            assert result["partialFingerprints"]["primaryLocationLineHash"]
            (location,) = result["locations"]
            physical = location["physicalLocation"]
            check_relative(physical["artifactLocation"]["uri"])
            assert physical["region"]["startLine"] >= 1


def check_relative(uri: str):
    parts = urlsplit(uri)
    assert not parts.scheme
    assert not parts.netloc
    assert uri
    assert not uri.startswith("/")
    assert re.fullmatch(r"[A-Za-z0-9._~/%-]+", uri)
    assert ".." not in unquote(uri, errors="surrogateescape").split("/")


@given(ANY)
@example("../../etc/passwd")
@example("https://example.com/a?b#c")
@example("a:b")
@example("[a](1)")
@example("\ud800")
@example("")
def test_whatever_an_image_says_gives_what_github_takes(text):
    log = document(hostile(text), options=SHOWN)
    check_what_github_needs(log)
    assert "](" not in re.sub(r"\\\]\(", "", json.dumps([r["message"] for r in log["runs"][0]["results"]]))


@pytest.mark.skipif(not SCHEMA.exists(), reason="the standard's schema does not lie beside the checkout")
@pytest.mark.parametrize("options", [OPTIONS, SHOWN])
def test_documents_are_valid_by_the_standard_s_schema(options):
    schema = json.loads(SCHEMA.read_text())
    failed = replace(options, failures=(Failure("gone:1", "no such image"),))
    compared = replace(insecure(), verdict=replace(insecure().verdict, baseline="accepted.json"))
    for reports in ((insecure(), clean(), incomplete()), (mapped(),), (compared,), (hostile("\x1b\ud800<&"),), ()):
        jsonschema.Draft7Validator(schema).validate(json.loads(render(reports, failed)))


def test_the_lines_of_the_dockerfile_are_the_places_of_findings():
    found = {result["ruleId"]: result["locations"][0]["physicalLocation"] for result in results(mapped())}
    assert found["file-secret/stripe-key"] == {
        "artifactLocation": {"uri": "docker/Dockerfile"},
        "region": {"startLine": 5},
    }
    assert found["root-user/implicit"]["region"] == {"startLine": 1}


def test_the_line_that_deleted_a_file_is_a_related_place():
    (stripe,) = [result for result in results(mapped()) if result["ruleId"] == "file-secret/stripe-key"]
    (related,) = stripe["relatedLocations"]
    assert related["physicalLocation"]["region"] == {"startLine": 9}


def test_without_a_dockerfile_places_are_invented_below_one_directory():
    uris = {result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in results(insecure())}
    assert all(uri.startswith("image/") for uri in uris)
    assert {"image/app/.env", "image/config/User"} <= uris


def test_places_say_image_layer_and_instruction():
    (stripe,) = [result for result in results(insecure()) if result["ruleId"] == "file-secret/stripe-key"]
    places = {place["kind"]: place["name"] for place in stripe["locations"][0]["logicalLocations"]}
    assert places == {
        "image": "insecure-app:latest", "layer": "layer 3", "instruction": "COPY . .", "file": "app/.env:3",
    }  # fmt: skip


def test_fingerprints_are_those_of_the_findings_and_no_two_of_a_run_are_equal():
    found = [result["partialFingerprints"]["imgscanFingerprint/v1"] for result in results(insecure())]
    assert found == [finding.fingerprint for finding in insecure().verdict.open]
    assert len(set(found)) == len(found)


def test_another_tag_is_the_same_category_and_two_images_of_one_name_are_two():
    def ids(*references: str):
        return [run["automationDetails"]["id"] for run in document(*map(clean, references))["runs"]]

    assert ids("registry.example:5000/team/app:1") == ids("registry.example:5000/team/app@sha256:" + "0" * 64)
    first, second = ids("app:1", "app:2")
    assert first != second
    one, two = ids("app:1", "app:1")
    assert one != two


def test_a_rule_is_as_severe_as_its_worst_finding():
    low = replace(file_secret(KEYWORD, "A", "a***", 1), severity=KEYWORD.severity.LOW)
    report = replace(insecure(), verdict=replace(insecure().verdict, open=(low,)))
    (rule,) = document(report)["runs"][0]["tool"]["driver"]["rules"]
    assert rule["properties"]["security-severity"] == "2.0"
    assert rule["defaultConfiguration"]["level"] == "note"


def test_suppressed_findings_are_results_only_where_they_are_asked_for():
    assert not any("suppressions" in result for result in results(insecure()))
    (suppressed,) = [result for result in results(insecure(), options=SHOWN) if "suppressions" in result]
    assert suppressed["suppressions"][0]["justification"].startswith("placeholder")
    assert suppressed["suppressions"][0]["kind"] == "external"


def test_a_baseline_tells_what_is_new_from_what_is_unchanged():
    known = Suppressed(file_secret(KEYWORD, "OLD", "o***", 1), "baseline", "accepted.json")
    verdict = replace(insecure().verdict, suppressed=(known,), baseline="accepted.json")
    found = results(replace(insecure(), verdict=verdict), options=SHOWN)
    assert [result["baselineState"] for result in found] == ["new"] * (len(found) - 1) + ["unchanged"]
    assert not any("baselineState" in result for result in results(insecure(), options=SHOWN))


def test_more_results_than_github_takes_are_left_out_and_that_is_said():
    (run,) = document(many(RESULTS + 3))["runs"]
    assert len(run["results"]) == RESULTS
    assert "3 results" in run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]


def test_what_was_not_read_is_told_and_the_run_was_no_success():
    (run,) = document(incomplete())["runs"]
    assert run["invocations"][0]["executionSuccessful"] is False
    assert run["invocations"][0]["exitCode"] == 3
    levels = {note["descriptor"]["id"]: note["level"] for note in run["invocations"][0]["toolExecutionNotifications"]}
    assert levels == {"truncated-layer": "error", "encrypted": "warning"}


def test_no_image_at_all_is_a_run_that_failed():
    (run,) = document(options=RenderOptions("1", failures=(Failure("gone:1", "no such image"),)))["runs"]
    assert run["results"] == []
    assert run["invocations"][0]["executionSuccessful"] is False
    assert "gone:1" in run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]


def test_values_of_secrets_are_told_only_where_they_are_asked_for():
    assert "sk-live-abc123xyz789" not in render((insecure(),), OPTIONS)
    assert "sk-live-abc123xyz789" in render((insecure(),), replace(OPTIONS, show_secrets=True))


def test_equal_reports_give_equal_bytes():
    assert render((insecure(), clean()), OPTIONS) == render((insecure(), clean()), OPTIONS)
