"""Audits in every format: the answers, hostile names, and what machines read."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgscan.errors import Effect, Problem
from imgscan.renderers import AUDIT_RENDERERS, RenderOptions, load_audit_renderer
from imgscan.renderers.audit_json import plan_lines as plan_document
from imgscan.renderers.audit_table import plan_lines
from imgscan.renderers.escapes import unescape
from imgscan.renderers.text import width
from imgscan.report.exit_code import Completeness, ExitCode, audit_exit_code
from tests.renderers.audit_reports import LAYER, PLAN, REFUSED, audit_report

OPTIONS = RenderOptions("1.2.3")
ANY = st.text(st.characters(exclude_categories=()), max_size=40)
FORMATS = [name for name, _ in AUDIT_RENDERERS]
SCHEMA = Path(__file__).parents[3] / "shared" / "schemas" / "sarif-schema-2.1.0.json"


def rendered(name, report, options=OPTIONS):
    return "".join(load_audit_renderer(name).lines(report, options))


@pytest.mark.parametrize("name", FORMATS)
@given(text=ANY)
def test_no_name_breaks_a_document(name, text):
    whole = rendered(name, audit_report(text, unread=REFUSED))
    whole.encode()
    assert "\x1b" not in whole
    assert whole.endswith("\n")
    if name in ("json", "sarif"):
        json.loads(whole)
    if name == "csv":
        rows = list(csv.DictReader(io.StringIO(whole)))
        assert len(rows) == 3
        assert not any((value or "").startswith(("=", "+", "-", "@")) for row in rows for value in row.values())


@given(text=ANY)
def test_json_gives_every_name_back(text):
    document = json.loads(rendered("json", audit_report(text)))["audit"]
    assert unescape(document["findings"][0]["location"]["path"]) == text
    assert unescape(document["images"][1]["owner_label"]) == text


@pytest.mark.parametrize("name", FORMATS)
def test_equal_reports_give_equal_bytes(name):
    assert rendered(name, audit_report()) == rendered(name, audit_report())


@given(text=ANY, columns=st.integers(40, 140), unicode=st.booleans())
def test_the_table_keeps_to_its_width(text, columns, unicode):
    options = RenderOptions("1", width=columns, unicode=unicode)
    lines = rendered("table", audit_report(text, unread=REFUSED, previous="2026-01-01T00:00:00Z"), options).splitlines()
    # The images' table has columns of its own, which no terminal below 80 columns holds.
    start = next((at for at, line in enumerate(lines) if line.startswith("IMAGES")), len(lines))
    end = next((at for at, line in enumerate(lines) if line.startswith("OTHER")), len(lines))
    for line in (*lines[:start], *lines[end:]):
        assert width(line) <= columns, line


def test_the_table_tells_the_answers_first():
    text = rendered("table", audit_report(unread=REFUSED, previous="2026-01-01T00:00:00Z"))
    summary, _, rest = text.partition("SECRETS  1")
    assert "1 image, 1 secret, 1 finding since the run of 2026-01-01T00:00:00Z" in summary
    assert "went on 1 time" in summary
    assert "NEW app = app" in rest
    assert "deleted in 2 images of 1 repository" in rest
    assert f"{LAYER[:19]} (1 MB): 1 secret in 2 images of 1 repository: app" in rest
    assert "repository team/closed: the registry does not show it (access-denied)" in rest
    assert rest.rstrip().endswith("INCOMPLETE: not all that the registry has could be read; exit code 3")


def test_why_an_image_is_incomplete_is_told_once():
    report = audit_report()
    cut = Problem("truncated-layer", "the tar ends early", Effect.INCOMPLETE, None, 1)
    gone = Problem("missing-blob", "told with the layer", Effect.INCOMPLETE, None, 0)
    images = (replace(report.images[0], complete=False, problems=(cut, gone)), report.images[1])
    text = rendered("table", replace(report, images=images))
    assert "image r.example.com/app:0: the tar ends early (truncated-layer)" in text
    assert "told with the layer" not in text


def test_nothing_is_new_without_an_earlier_run():
    assert "since the run of" not in rendered("table", audit_report())
    (run,) = json.loads(rendered("sarif", audit_report()))["runs"]
    assert "baselineState" not in run["results"][0]


def test_sarif_tells_new_from_known_and_names_the_images():
    (run,) = json.loads(rendered("sarif", audit_report(previous="2026-01-01T00:00:00Z")))["runs"]
    first, second = run["results"]
    assert (first["baselineState"], second["baselineState"]) == ("new", "unchanged")
    assert "In 2 images: r.example.com/app:0, r.example.com/app:1" in first["message"]["text"]
    assert {one["name"] for one in first["locations"][0]["logicalLocations"]} >= {"r.example.com/app:0", LAYER}
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["file-secret/keyword", "root-user/implicit"]
    assert run["invocations"][0]["exitCode"] == 1


def test_sarif_is_known_again_after_a_rebuild():
    def identity(report):
        (run,) = json.loads(rendered("sarif", report))["runs"]
        return run["results"][0]["partialFingerprints"]

    rebuilt = audit_report()
    moved = tuple(replace(item, layer="sha256:" + "c" * 64) for item in rebuilt.findings)
    assert identity(replace(rebuilt, findings=moved)) == identity(rebuilt)


def test_sarif_fits_its_schema():
    if not SCHEMA.exists():
        pytest.skip("the schema of SARIF is not beside the checkout")
    document = json.loads(rendered("sarif", audit_report("a b", unread=REFUSED, previous="2026-01-01T00:00:00Z")))
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))


def test_csv_has_a_row_for_each_finding_of_each_image():
    rows = list(csv.DictReader(io.StringIO(rendered("csv", audit_report()))))
    assert [(row["references"], row["rule"], row["images_with_it"], row["new"]) for row in rows] == [
        ("r.example.com/app:0", "file-secret/keyword", "2", "yes"),
        ("r.example.com/app:1", "file-secret/keyword", "2", "yes"),
        ("r.example.com/app:0", "root-user/implicit", "1", "no"),
    ]


def test_a_plan_is_told_as_a_table_and_as_json():
    selection = audit_report().selection
    table = "".join(plan_lines(selection, PLAN, OPTIONS))
    assert "to fetch         2  2 MB" in table
    document = json.loads("".join(plan_document(selection, PLAN, OPTIONS)))
    assert document["audit"]["plan"]["to_fetch"] == 2
    assert set(document) == {"schema", "tool", "audit"}


@pytest.mark.parametrize(
    ("report", "completeness", "code"),
    [
        (audit_report(), Completeness.PROMISED, ExitCode.FOUND),
        (replace(audit_report(), failed=False), Completeness.PROMISED, ExitCode.CLEAN),
        (audit_report(unread=REFUSED), Completeness.PROMISED, ExitCode.INCOMPLETE),
        (audit_report(unread=REFUSED), Completeness.LENIENT, ExitCode.FOUND),
        (audit_report(unread=REFUSED[1:]), Completeness.LENIENT, ExitCode.FOUND),
    ],
)
def test_the_exit_code_is_that_of_the_contract(report, completeness, code):
    assert audit_exit_code(report, completeness) is code


def test_every_key_of_the_document_is_documented():
    text = (Path(__file__).parents[2] / "docs" / "audit.md").read_text()
    rows = dict(line.strip("| ").split("` | ", 1) for line in text.splitlines() if line.startswith("| `audit."))
    document = json.loads(rendered("json", audit_report(unread=REFUSED)))["audit"]
    assert {f"`audit.{name}" for name in document} == set(rows)
    for name, value in document.items():
        if name == "findings":  # described by what differs from json.md
            continue
        keys = value if isinstance(value, dict) else value[0]
        missing = [key for key in keys if f"`{key}`" not in rows[f"`audit.{name}"]]
        assert not missing, name
