"""`imgscan inspect` tells the lab's table of the lab's images, whoever built them and however they are stored."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fixtures.lab.build import VARIANTS, archive_name, write_all
from fixtures.lab.scenarios import SCENARIOS, Scenario
from imgscan.cli import main
from tests.lab_table import expected_row, row, wrong_tools

EVERY = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
STORED = pytest.mark.parametrize("variant", VARIANTS)


@pytest.fixture(scope="module")
def archives(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("lab")
    assert list(write_all(folder))
    return folder


def inspect(archive: Path, capsys, *options: str) -> tuple[int, dict]:
    """The exit code, and the one report of the JSON document."""
    code = main(["inspect", str(archive), "--format", "json", "--no-cache", *options])
    (report,) = json.loads(capsys.readouterr().out)["reports"]
    return code, report


@STORED
@EVERY
def test_an_image_of_the_lab_is_told_as_the_table_says(scenario: Scenario, variant: str, archives, capsys):
    code, report = inspect(archives / archive_name(scenario, variant), capsys)
    assert row(report) == expected_row(scenario.expected)
    assert not wrong_tools(report, scenario.expected)
    assert code == scenario.expected["exit_codes"]["high"]
    assert report["coverage"]["complete"]


@EVERY
def test_a_medium_threshold_also_fails_for_build_tools(scenario: Scenario, archives, capsys):
    code, _ = inspect(archives / archive_name(scenario, "buildkit"), capsys, "--fail-on", "medium")
    assert code == scenario.expected["exit_codes"]["medium"]


@pytest.mark.parametrize("name", ["insecure", "nonroot"])
def test_each_secret_is_told_with_its_line_and_with_the_step_that_brought_it(name, archives, capsys):
    _, report = inspect(archives / f"{name}-buildkit.tar", capsys)
    found = sorted(
        (one for one in report["findings"] if one["rule"].startswith("file-secret/")),
        key=lambda one: one["location"]["line"],
    )
    assert [one["location"]["line"] for one in found] == [1, 2, 3]
    assert {one["fate"]["state"] for one in found} == {"present"}
    brought = "COPY . ." if name == "insecure" else "RUN chown -R appuser:appuser /app"
    assert {one["added_by"]["instruction"] for one in found} <= {"COPY . .", brought}


def test_the_values_of_secrets_are_in_no_report(archives, capsys):
    for output in ("json", "table"):
        main(["inspect", str(archives / "insecure-classic.tar"), "--format", output, "--no-cache"])
        text = capsys.readouterr().out
        assert "DATABASE_PASSWORD" in text
        assert not any(value in text for value in ("super_secret_password_123", "sk-live-abc123xyz789", "do_not_share"))
