"""CSV: one row for each finding, read back by a real reader, and nothing a spreadsheet runs."""

import csv
import io
from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from imgscan.renderers import RenderOptions
from imgscan.renderers.csv import COLUMNS, render
from tests.renderers.reports import clean, hostile, insecure, mapped, sensitive

ANY = st.text(st.characters(exclude_categories=()))
OPTIONS = RenderOptions("1.2.3")


def rows(*reports, options=OPTIONS):
    return list(csv.DictReader(io.StringIO(render(reports, options), newline=""), strict=True))


@given(ANY | st.text("=+-@\t\r\n\"',;＝", min_size=1))
@example("=cmd|' /C calc'!A0")
@example("\ud800")
def test_whatever_an_image_says_is_a_cell_and_never_a_formula(text):
    found = rows(hostile(text))
    assert len(found) == len(hostile(text).verdict.open) + 1
    for row in found:
        assert set(row) == set(COLUMNS)
        for cell in row.values():
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"))
            assert cell.isprintable()


def test_open_findings_come_first_and_suppressed_ones_say_why():
    found = rows(insecure(), clean())
    assert [row["rule"] for row in found[:-1]] == [finding.rule.id for finding in insecure().verdict.open]
    assert (found[-1]["suppressed"], found[-1]["suppressed_by"]) == ("placeholder", "the value is changeme")
    assert not any(row["suppressed"] for row in found[:-1])


def test_a_clean_image_has_the_header_alone():
    assert render((clean(),), OPTIONS) == ",".join(COLUMNS) + "\n"


def test_the_line_of_the_dockerfile_is_a_cell():
    (stripe,) = [row for row in rows(mapped()) if row["rule"] == "file-secret/stripe-key"]
    assert (stripe["dockerfile"], stripe["dockerfile_line"]) == ("docker/Dockerfile", "5")


def test_values_of_secrets_are_told_only_where_they_are_asked_for():
    assert "sk-live-abc123xyz789" not in render((insecure(),), OPTIONS)
    assert "sk-live-abc123xyz789" in render((insecure(),), replace(OPTIONS, show_secrets=True))


def test_ten_thousand_findings_are_all_there():
    many = replace(insecure(), verdict=replace(insecure().verdict, open=tuple(map(sensitive, range(10_000)))))
    assert len(rows(many)) == 10_001
