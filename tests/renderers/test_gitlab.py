"""GitLab's two reports: the keys it documents, unique fingerprints, secrets and no secret."""

import json
import re
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from hypothesis import example, given
from hypothesis import strategies as st

from imgscan.renderers import Failure, RenderOptions
from imgscan.renderers.gitlab import render as code_quality
from imgscan.renderers.gitlab_secrets import render as secrets
from tests.renderers.reports import clean, hostile, incomplete, insecure, mapped, sensitive

ANY = st.text(st.characters(exclude_categories=()))
OPTIONS = RenderOptions("1.2.3", started="2026-05-01T12:00:00")


def issues(*reports):
    return json.loads(code_quality(reports, OPTIONS))


def report(*reports, options=OPTIONS):
    return json.loads(secrets(reports, options))


@given(ANY)
@example("../../etc/passwd")
@example("\ud800")
def test_whatever_an_image_says_gives_issues_gitlab_reads(text):
    found = issues(hostile(text))
    assert len(found) == len(hostile(text).verdict.open)
    for issue in found:
        assert set(issue) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert issue["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert issue["description"].isprintable()
        path = issue["location"]["path"]
        assert path.isprintable()
        assert not path.startswith(("/", "./"))
        assert ".." not in path.split("/")
        assert issue["location"]["lines"]["begin"] >= 1


def test_fingerprints_are_unique_over_images_with_equal_findings():
    found = issues(insecure(), replace(insecure(), image=replace(insecure().image, reference="other:1")))
    assert len({issue["fingerprint"] for issue in found}) == len(found)


def test_a_rebuild_under_another_tag_has_the_same_fingerprints():
    rebuilt = replace(insecure(), image=replace(insecure().image, reference="insecure-app:build-77"))
    assert [i["fingerprint"] for i in issues(insecure())] == [i["fingerprint"] for i in issues(rebuilt)]


def test_issues_stand_beside_the_lines_of_the_dockerfile():
    (stripe,) = [issue for issue in issues(mapped()) if issue["check_name"] == "file-secret/stripe-key"]
    assert stripe["location"] == {"path": "docker/Dockerfile", "lines": {"begin": 5}}


def test_suppressed_findings_are_no_issues_and_a_clean_image_has_none():
    assert len(issues(insecure())) == len(insecure().verdict.open)
    assert issues(clean()) == []


def check_schema(document):
    """The required parts of the secret detection report, schema 15.0.7."""
    assert re.fullmatch(r"15\.\d+\.\d+", document["version"])
    scan = document["scan"]
    assert scan["type"] == "secret_detection"
    assert scan["status"] in ("success", "failure")
    for moment in (scan["start_time"], scan["end_time"]):
        datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S")  # noqa: DTZ007
    for program in (scan["analyzer"], scan["scanner"]):
        assert all(program[key] for key in ("id", "name", "version"))
        assert program["vendor"]["name"]
    assert all(m["level"] in ("info", "warn", "fatal") and m["value"] for m in scan["messages"])
    for found in document["vulnerabilities"]:
        UUID(found["id"])
        assert len(found["name"]) <= 255
        assert len(found["solution"]) <= 7000
        assert found["severity"] in ("Info", "Unknown", "Low", "Medium", "High", "Critical")
        assert all(part[key] for part in found["identifiers"] for key in ("type", "name", "value"))
        assert found["location"]["commit"]["sha"]
        assert found["location"]["file"]
        assert "raw_source_code_extract" not in found


@given(ANY)
def test_whatever_an_image_says_gives_a_secret_report_of_the_schema(text):
    check_schema(report(hostile(text), options=replace(OPTIONS, failures=(Failure(text, text),))))


def test_the_secret_report_has_the_secrets_alone_redacted():
    document = report(insecure(), incomplete())
    check_schema(document)
    with_secrets = [finding for finding in insecure().verdict.open if finding.secret]
    assert len(document["vulnerabilities"]) == len(with_secrets)
    assert document["scan"]["status"] == "failure"
    assert "sk-live-abc123xyz789" not in json.dumps(document)
    assert len({found["id"] for found in document["vulnerabilities"]}) == len(with_secrets)


def test_a_complete_scan_is_a_success():
    assert report(clean())["scan"]["status"] == "success"
    assert report(clean())["vulnerabilities"] == []


def test_ten_thousand_findings_are_all_there():
    many = replace(insecure(), verdict=replace(insecure().verdict, open=tuple(map(sensitive, range(10_000)))))
    assert len(issues(many)) == 10_000
