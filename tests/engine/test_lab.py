"""The lab, built by a real engine with both builders, says what its table says."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from fixtures.lab.engine import BUILDERS, build_lab
from fixtures.lab.scenarios import SCENARIOS
from tests.engine.conftest import absent, imgscan
from tests.test_lab_hygiene import TOLD as LESSONS

CASES = [(builder, scenario) for builder in BUILDERS for scenario in SCENARIOS]
IDS = [f"{builder}-{scenario.name}" for builder, scenario in CASES]
BUILT = [case for case in CASES if case[1].name != "hardened"]  # that one is the image before it, run with other flags


@pytest.fixture(scope="session")
def lab(engine, tmp_path_factory) -> dict[str, dict[str, str]]:
    """{builder: {scenario: tag}}. IMGSCAN_LAB_CACHE keeps the packages its bases are made of between runs."""
    for program in ("apt-get", "dpkg-deb", os.environ.get("DOCKER_CLI", "docker")):
        if shutil.which(program) is None:
            absent(f"there is no {program}, which the lab's bases are made with")
    cache = os.environ.get("IMGSCAN_LAB_CACHE")
    folder = Path(cache) if cache else tmp_path_factory.mktemp("lab")
    return {builder: build_lab(folder, builder=builder, version=builder) for builder in BUILDERS}


@pytest.fixture(scope="session")
def report(lab, tmp_path_factory):
    """The report on one image of the lab; each is inspected once, all with one cache."""
    cache = tmp_path_factory.mktemp("lab-cache")
    known = {}

    def inspect(builder, scenario):
        tag = lab[builder][scenario.name]
        if tag not in known:
            known[tag] = json.loads(run(tag, cache, "--format", "json", code=None).stdout)["reports"][0]
        return known[tag]

    inspect.cache = cache
    return inspect


def run(tag, cache, *arguments, code):
    done = imgscan("inspect", tag, *arguments, XDG_CACHE_HOME=str(cache))
    assert "Traceback" not in done.stderr, done.stderr
    if code is not None:
        assert done.returncode == code, done.stdout[-3000:] + done.stderr
    return done


@pytest.mark.parametrize(("builder", "scenario"), CASES, ids=IDS)
def test_user_secrets_tools_and_health_check_are_what_the_table_says(report, builder, scenario):
    told, expected = report(builder, scenario), scenario.expected
    assert told["summary"]["runs_as_root"] is expected["runs_as_root"]
    secrets: dict[str, list[str]] = {}
    for finding in told["findings"]:
        if finding["rule"].startswith("file-secret/"):
            secrets.setdefault(finding["location"]["path"], []).append(finding["secret"]["name"])
    assert secrets == {file["path"]: file["names"] for file in expected["file_secrets"]}
    assert bool(told["summary"]["build_tools"]) is expected["build_tools"]
    assert told["summary"]["healthcheck"] is expected["healthcheck"]
    assert told["coverage"]["complete"] is True


@pytest.mark.parametrize(("builder", "scenario"), CASES, ids=IDS)
def test_the_tools_that_are_there_are_told_and_the_others_are_not(report, builder, scenario):
    expected = scenario.expected["tools"]
    names = {Path(tool["path"]).name for tool in report(builder, scenario)["tools"]}
    told = names | {tool["name"] for tool in report(builder, scenario)["tools"]}
    assert set(expected["present"]) <= told
    assert not set(expected["absent"]) & told


@pytest.mark.parametrize(("builder", "scenario"), CASES, ids=IDS)
def test_the_exit_codes_are_those_of_the_table(lab, report, builder, scenario):
    report(builder, scenario)
    for severity, code in scenario.expected["exit_codes"].items():
        run(lab[builder][scenario.name], report.cache, "--fail-on", severity, code=code)


@pytest.mark.parametrize(("builder", "scenario"), BUILT, ids=lambda one: getattr(one, "name", one))
def test_the_files_that_are_in_the_image_are_those_of_the_table(engine, lab, builder, scenario):
    exported = engine.exported(lab[builder][scenario.name])
    expected = scenario.expected["files"]
    assert set(expected["present"]) <= exported.keys()
    assert not set(expected["absent"]) & exported.keys()


@pytest.mark.parametrize(("builder", "scenario"), BUILT, ids=lambda one: getattr(one, "name", one))
def test_waste_and_the_build_are_told_as_the_lab_teaches_and_add_up(report, builder, scenario):
    told = report(builder, scenario)
    rules = {one["rule"].partition("/")[2] for one in told["findings"] if one["rule"].startswith("image-hygiene/")}
    assert rules == LESSONS[scenario.name]
    assert sum(told["image"]["size_causes"].values()) == told["image"]["size"]
