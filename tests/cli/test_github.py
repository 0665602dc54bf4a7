"""On GitHub Actions: commands that its runner reads as they are meant, a summary after other steps', else nothing."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imgscan.cli.github import SHOWN, defused, workflow_commands
from imgscan.renderers import RenderOptions
from imgscan.report import Severity
from tests.renderers.reports import KEYWORD, clean, file_secret, hostile, insecure, mapped

ANY = st.text(st.characters(exclude_categories=()))
OPTIONS = RenderOptions("1.2.3")


def read(line: str):
    """A workflow command as actions/runner's ActionCommand reads it."""
    command, properties, data = re.fullmatch(r"::([a-z]+) ([^\n]*?)::([^\n]*)", line).groups()
    pairs = dict(part.split("=", 1) for part in properties.split(",") if part)

    def unescaped(text: str, *extra: tuple[str, str]) -> str:
        for escaped, meant in (*extra, ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
            text = text.replace(escaped, meant)
        return text

    return (
        command,
        {key: unescaped(value, ("%3A", ":"), ("%2C", ",")) for key, value in pairs.items()},
        unescaped(data),
    )


@given(ANY)
@example("::stop-commands::x")
@example("a,file=b::c")
@example("100%0A\n::error::x")
def test_whatever_an_image_says_stays_in_its_message(text):
    lines = workflow_commands([hostile(text)], OPTIONS)
    assert lines
    for line in lines:
        assert line.isprintable()
        command, properties, _ = read(line)
        assert command in ("error", "warning")
        assert set(properties) == {"title"}


@given(st.lists(st.sampled_from(["::", ":", "\n", " ", "\u3000", "\x85", "##[", "#", "[", "error", "x"])).map("".join))
def test_no_line_of_a_text_for_people_is_a_command(text):
    told = defused(text)
    assert told.replace("\u200b", "") == text
    for line in re.split(r"\r?\n|\r", told):
        assert not line.strip().startswith("::")
        assert "##[" not in line


def test_findings_that_fail_are_errors_at_their_lines_and_the_others_warnings():
    found = [read(line) for line in workflow_commands([mapped()], OPTIONS)]
    assert ("error", "5") in [(command, properties.get("line")) for command, properties, _ in found]
    assert {properties["file"] for _, properties, _ in found} == {"docker/Dockerfile"}
    lenient = [read(line) for line in workflow_commands([mapped()], replace(OPTIONS, fail_on=Severity.NONE))]
    assert {command for command, _, _ in lenient} == {"warning"}


def test_no_more_of_a_level_than_github_shows():
    found = tuple(file_secret(KEYWORD, f"NAME_{n}", f"v{n}***", n + 1) for n in range(40))
    report = replace(insecure(), verdict=replace(insecure().verdict, open=found))
    assert len(workflow_commands([report], OPTIONS)) == SHOWN


def test_a_clean_image_has_no_annotation():
    assert workflow_commands([clean()], OPTIONS) == []


@pytest.fixture
def workflow(pipeline, monkeypatch, tmp_path):
    """The environment of a step; its summary."""
    summary = tmp_path / "summary.md"
    summary.write_text("# another step's\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    return summary


def test_a_step_gets_its_results_annotations_and_a_summary_after_the_others(workflow, imgscan):
    done = imgscan("inspect", "insecure")
    assert done.code == 1
    assert "::error " in done.err
    assert "::error " not in done.out
    assert workflow.read_text().startswith("# another step's\n")
    assert "insecure-app:latest" in workflow.read_text()


def test_quiet_leaves_the_annotations_out(workflow, imgscan):
    assert imgscan("inspect", "insecure", "--quiet").err == ""
    assert "insecure-app:latest" in workflow.read_text()


def test_elsewhere_nothing_of_it_is_written(workflow, imgscan, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "false")
    assert "::error" not in imgscan("inspect", "insecure").err
    assert workflow.read_text() == "# another step's\n"


def test_a_summary_that_cannot_be_written_changes_nothing_but_is_told(workflow, imgscan, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(workflow.parent))
    done = imgscan("inspect", "clean")
    assert done.code == 0
    assert "step summary" in done.err
