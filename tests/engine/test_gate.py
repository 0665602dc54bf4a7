"""A sample repository goes through the gate: build, inspect, accept, change, and one new finding at its line."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from tests.engine.builds import BUILDERS, build, write_context
from tests.engine.conftest import imgscan
from tests.renderers.test_sarif import check_what_github_needs

DOCKERFILE = """\
# The sample's image
FROM scratch AS base
ADD rootfs.tar /
ENV PATH=/bin

FROM base
WORKDIR /app

COPY app .
RUN echo built \\
    > built.txt

# What the next commit adds stands here
{change}
USER 1000
CMD ["/bin/sh"]
"""
CHANGE = "COPY deploy/production.env ./settings.env"
FILES = {
    "app/main.sh": "echo hello\n",
    "app/.env": "DATABASE_PASSWORD=super_secret_password_123\n",
    "deploy/production.env": "STRIPE_SECRET=rk_live_do_not_share_this\n",
}


@pytest.fixture(params=BUILDERS)
def sample(request, engine, rootfs, tmp_path):
    """Builds the repository with one line changed, and runs imgscan in it as its CI would."""
    repository = tmp_path / "sample"
    repository.mkdir()

    def at(change: str) -> str:
        write_context(repository, DOCKERFILE.format(change=change), {**FILES, "rootfs.tar": rootfs})
        return build(repository, f"sample-{request.param}", request.param)

    def run(*arguments: str, **environment: str):
        return imgscan(
            *arguments, CI_PROJECT_DIR=str(repository), XDG_CACHE_HOME=str(tmp_path / "cache"), **environment
        )

    return repository, at, run


def test_from_the_first_scan_to_one_new_finding_at_its_line(sample):
    repository, at, run = sample
    dockerfile, accepted = str(repository / "Dockerfile"), str(repository / "imgscan-baseline.json")
    documents = {name: repository / f"out.{name}" for name in ("sarif", "markdown", "junit", "json", "gitlab", "csv")}
    formats = [part for name, path in documents.items() for part in ("-f", f"{name}={path}")]

    tag = at("# nothing yet")
    first = run("inspect", tag, "--dockerfile", dockerfile, *formats)
    assert first.returncode == 1, first.stderr
    log = json.loads(documents["sarif"].read_text())
    check_what_github_needs(log)
    places = {result["ruleId"]: place_of(result) for result in log["runs"][0]["results"]}
    assert places["file-secret/keyword"] == ("Dockerfile", 9)
    assert "`Dockerfile:9`" in documents["markdown"].read_text()
    assert failures(documents["junit"]) == [("Dockerfile", "9")]

    assert run("baseline", tag, "-o", accepted).returncode == 0
    assert "super_secret" not in (repository / "imgscan-baseline.json").read_text()
    gate = ("--dockerfile", dockerfile, "--baseline", accepted)
    assert run("inspect", tag, *gate).returncode == 0

    tag = at(CHANGE)
    second = run("inspect", tag, *gate, *formats)
    assert second.returncode == 1, second.stderr
    (result,) = json.loads(documents["sarif"].read_text())["runs"][0]["results"]
    assert (place_of(result), result["baselineState"]) == (("Dockerfile", 14), "new")
    assert "**1 new finding** at `Dockerfile:14`" in documents["markdown"].read_text()
    assert failures(documents["junit"]) == [("Dockerfile", "14")]
    (issue,) = json.loads(documents["gitlab"].read_text())
    assert issue["location"] == {"path": "Dockerfile", "lines": {"begin": 14}}
    assert "1 new finding at Dockerfile:14" in run("inspect", tag, *gate).stdout
    for path in documents.values():
        for value in ("super_secret_password_123", "rk_live_do_not_share_this"):
            assert value not in path.read_text()


def test_a_workflow_on_github_gets_a_summary_and_annotations(sample):
    repository, at, run = sample
    summary = repository / "summary.md"
    done = run(
        "inspect", at(CHANGE), "--dockerfile", str(repository / "Dockerfile"), "-f", f"json={repository / 'out'}",
        GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY=str(summary), GITHUB_WORKSPACE=str(repository),
    )  # fmt: skip
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("::error ")]
    assert sorted(line.split(",title")[0] for line in errors) == [
        "::error file=Dockerfile,line=14",
        "::error file=Dockerfile,line=9",
    ]
    assert "`Dockerfile:14`" in summary.read_text()


def place_of(result):
    place = result["locations"][0]["physicalLocation"]
    return place["artifactLocation"]["uri"], place["region"]["startLine"]


def failures(junit):
    cases = ET.fromstring(junit.read_bytes()).iter("testcase")
    return [(case.get("file"), case.get("line")) for case in cases if case.find("failure") is not None]
