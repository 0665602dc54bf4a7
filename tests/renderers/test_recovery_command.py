"""Findings in files that are gone quote the command that gives them back, and that command does."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wcwidth import wcswidth

from imgscan.cli import main
from imgscan.renderers import RenderOptions, load_renderer, phrases
from imgscan.report import FindingFate, LocationKind
from tests.image_builder import docker_archive_hybrid, image, layer
from tests.renderers.reports import insecure

ENV = "API_KEY=sk-live-abc123xyz789\n"


def gone(path: str, asked: str):
    """A report whose only finding is in a deleted file."""
    report = insecure()
    first = next(one for one in report.verdict.open if one.location.kind is LocationKind.FILE)
    finding = replace(
        first, location=replace(first.location, path=path, layer=2), fate=FindingFate("deleted", 3, "RUN rm x")
    )
    verdict = replace(report.verdict, open=(finding,))
    return replace(report, image=replace(report.image, asked=asked), verdict=verdict)


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(codec=None), min_size=1, max_size=200), st.integers(40, 120))
def test_any_name_fits_the_table_and_is_one_word_of_the_command(path, width):
    report = gone(path, "app:1")
    shown = load_renderer("table").render([report], RenderOptions("0", width=width))
    assert "TO RECOVER WHAT IS GONE" in shown
    assert all(0 <= wcswidth(line) <= width for line in shown.splitlines())
    command = phrases.recovery(report.image, report.verdict.open[0])
    assert command is not None
    assert shlex.split(command)[:3] == ["imgscan", "extract", "app:1"]
    assert shlex.split(command)[-2:] == ["--layer", "2"]
    assert len(shlex.split(command)) == 6


def test_what_is_there_needs_no_command():
    report = insecure()
    present = [one for one in report.verdict.open if one.fate is None or one.fate.state in ("present", "rewritten")]
    assert present
    assert {phrases.recovery(replace(report.image, asked="x"), one) for one in present} == {None}


def test_an_image_that_cannot_be_asked_for_again_has_no_command():
    report = gone("a", "")
    assert phrases.recovery(report.image, report.verdict.open[0]) is None


NAMES = [
    "app/.env",
    "app/my settings/.env",
    "app/it's/.env",
    "app/caf\udce9/.env",
    "a\nb/.env",
    r"a\xe9/.env",
    "-o/.env",
]


@pytest.mark.parametrize("name", NAMES)
def test_the_command_that_a_report_quotes_gives_the_bytes_back(name, tmp_path, capfdbinary, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    above, _, last = name.rpartition("/")
    path = docker_archive_hybrid(
        image(layer({name: ENV}), layer({f"{above}/.wh.{last}": ""})), tmp_path / "an image.tar"
    )
    assert main(["inspect", str(path), "-f", "json", "--families", "file-secret"]) == 1
    (report,) = json.loads(capfdbinary.readouterr().out)["reports"]
    (command,) = {finding["recover"] for finding in report["findings"]}
    assert main(shlex.split(command)[1:]) == 0
    assert capfdbinary.readouterr().out == ENV.encode()
