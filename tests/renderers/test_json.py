"""The JSON document: the keys scripts rely on, reversible escapes, equal bytes for equal reports."""

import json
import re
from dataclasses import replace
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from imgscan.renderers import Failure, RenderOptions
from imgscan.renderers.escapes import escape, unescape
from imgscan.renderers.json import render
from imgscan.report.baseline import Entry
from imgscan.report.report import BaseRow
from tests.renderers.reports import clean, hostile, incomplete, insecure, mapped

ANY = st.text(st.characters(exclude_categories=()))
# Strings made of the escapes' own parts are where an escape goes wrong.
TRICKY = st.lists(st.sampled_from(["\\", "x", "8", "0", "f", "u", "d", "\udcff", "\udc80", "\ud800", "é"])).map("".join)
OPTIONS = RenderOptions("1.2.3")

REPORT_KEYS = {"image", "summary", "findings", "suppressed", "tools", "coverage", "problems"}
FINDING_KEYS = {
    "rule", "title", "severity", "confidence", "message", "fingerprint", "origin", "location", "fate", "added_by",
    "secret", "remediation",
}  # fmt: skip


def document(*reports, options=OPTIONS):
    return json.loads(render(reports, options))


@given(ANY | TRICKY)
@example("\\x80")
@example("\\\udc80")
@example("\ud800\udc00")
def test_any_string_is_escaped_without_surrogates_and_comes_back(text):
    escaped = escape(text)
    escaped.encode()
    assert unescape(json.loads(json.dumps(escaped))) == text


@given(st.text())
def test_a_name_that_is_text_stays_as_it_is_unless_it_looks_like_an_escape(text):
    if not re.search(r"\\(x[89a-f][0-9a-f]|ud[89a-f])", text):
        assert escape(text) == text


def test_escaping_is_linear_in_hostile_text():
    assert unescape(escape("\\" * 1_000_000)) == "\\" * 1_000_000


@given(ANY)
def test_any_report_gives_a_document_of_printable_ascii(text):
    rendered = render((hostile(text),), OPTIONS)
    assert set(rendered) <= set(map(chr, range(32, 127))) | {"\n"}
    (finding, *_) = json.loads(rendered)["reports"][0]["findings"]
    assert unescape(finding["location"]["path"]) == text


def test_equal_reports_give_equal_bytes():
    assert render((insecure(), clean()), OPTIONS) == render((insecure(), clean()), OPTIONS)


def test_every_key_of_the_contract_is_there_also_where_it_is_null():
    found = document(insecure(), clean())
    assert (found["schema"], found["tool"]) == ("imgscan/1", {"name": "imgscan", "version": "1.2.3"})
    for report in found["reports"]:
        assert report.keys() >= REPORT_KEYS
        assert report["image"].keys() >= {
            "reference", "source", "platform", "image_id", "manifest_digest", "created", "size", "layers", "history",
            "base",
        }  # fmt: skip
        for layer in report["image"]["layers"]:
            assert layer.keys() >= {"index", "diff_id", "digest", "size", "history", "instruction", "origin"}
        for step in report["image"]["history"]:
            assert step.keys() >= {"index", "layer", "created", "created_by", "instruction", "build_args"}
        assert report["summary"].keys() >= {
            "runs_as_root", "user", "secrets", "secrets_deleted", "build_tools", "build_tool_bytes", "dead_bytes",
            "healthcheck",
        }  # fmt: skip
        assert report["coverage"].keys() >= {"members", "scanned", "skipped", "opaque", "inner", "complete"}
        assert report["coverage"]["inner"].keys() >= {"members", "scanned", "skipped", "opaque"}
    report = found["reports"][0]
    for finding in (*report["findings"], *report["suppressed"]):
        assert finding.keys() >= FINDING_KEYS
        assert finding["location"].keys() >= {
            "kind", "path", "inner_path", "layer", "line", "offset", "history", "pointer", "name",
        }  # fmt: skip
        assert not finding["fate"] or finding["fate"].keys() >= {"state", "layer", "instruction"}
        assert not finding["added_by"] or finding["added_by"].keys() >= {"layer", "history", "instruction"}
        assert not finding["secret"] or finding["secret"].keys() >= {
            "id", "kind", "name", "redacted", "sightings", "state", "readable_by_user", "validation",
        }  # fmt: skip
    assert all(item.keys() >= {"reason", "by"} for item in report["suppressed"])
    assert all(
        tool.keys() >= {"name", "class", "path", "layer", "instruction", "package", "size", "origin"}
        for tool in report["tools"]
    )
    assert all(problem.keys() >= {"code", "message", "path", "layer"} for problem in report["problems"])


def test_a_dockerfile_given_is_told_for_the_image_its_findings_and_what_brought_them_in():
    (report,) = document(mapped())["reports"]
    assert report["dockerfile"]["fits"]
    assert report["dockerfile"]["lines"] == [1, 1, 1, 1, 2, 3, 5, 6, 9, 10]
    found = {finding["rule"]: finding for finding in report["findings"]}
    copied = {"path": "docker/Dockerfile", "line": 5}
    assert found["file-secret/stripe-key"]["location"]["dockerfile"] == copied
    assert found["file-secret/stripe-key"]["added_by"]["dockerfile"] == copied
    assert found["root-user/implicit"]["location"]["dockerfile"] == {"path": "docker/Dockerfile", "line": 1}
    assert document(insecure())["reports"][0]["dockerfile"] is None


def test_a_deleted_secret_tells_who_brought_and_who_deleted_it():
    (finding,) = [
        finding
        for finding in document(insecure())["reports"][0]["findings"]
        if finding["rule"] == "file-secret/stripe-key"
    ]
    assert finding["fate"] == {"state": "deleted", "layer": 5, "instruction": "RUN rm -f .env"}
    assert finding["added_by"] == {"layer": 3, "history": 6, "instruction": "COPY . .", "dockerfile": None}
    assert finding["location"]["path"] == "app/.env"
    assert finding["secret"]["validation"] == "structure ok"


def test_values_are_told_only_when_asked_for():
    assert "sk-live-abc123xyz789" not in render((insecure(),), OPTIONS)
    assert "sk-live-abc123xyz789" in render((insecure(),), RenderOptions("1", show_secrets=True))


def test_the_verdict_says_what_the_exit_code_says():
    found = document(insecure(), clean(), incomplete())
    assert [report["verdict"]["exit_code"] for report in found["reports"]] == [1, 0, 3]


def test_an_image_that_gave_no_report_is_named():
    found = document(options=RenderOptions("1", failures=(Failure("gone:1", "no such image", "pull it"),)))
    assert found["reports"] == []
    assert found["failures"] == [{"reference": "gone:1", "message": "no such image", "tip": "pull it", "exit_code": 3}]


def paths_of(value, path=""):
    """Every key of a document with the keys above it; lists and free-form objects are passed through."""
    if isinstance(value, list):
        return {found for item in value for found in paths_of(item, path)}
    if isinstance(value, dict):
        if path.endswith("build_args"):
            return set()
        here = {f"{path}.{key}".lstrip(".") for key in value}
        return here | {found for key, item in value.items() for found in paths_of(item, f"{path}.{key}".lstrip("."))}
    return set()


def test_the_reference_page_has_exactly_the_keys_of_the_document():
    options = RenderOptions("1", show_secrets=True, failures=(Failure("gone:1", "no such image"),))
    entry = Entry("root-user/implicit", "config")
    base = BaseRow("debian:12", None, 1, "high", "--base")
    compared = replace(
        clean(),
        image=replace(clean().image, base=base),
        verdict=replace(clean().verdict, baseline="accepted.json", absent=(entry,)),
    )
    page = (Path(__file__).parents[2] / "docs" / "json.md").read_text()
    written = set(re.findall(r"^\| `([a-z_.]+)` \|", page, re.MULTILINE))
    real = {
        path
        for path in paths_of(json.loads(render((mapped(), insecure(), incomplete(), compared), options)))
        # A suppressed entry has a finding's keys, as the page says.
        if not re.match(r"reports\.suppressed\.(?!reason$|by$|justification$)", path)
    }
    assert written == real
