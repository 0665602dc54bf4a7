"""What the lab teaches about waste and the build is told of its images, whoever built them."""

from __future__ import annotations

import pytest

from fixtures.lab.build import VARIANTS, archive_name, write_all
from fixtures.lab.scenarios import SCENARIOS, Scenario
from imgscan.pipeline import Options, inspect_image
from imgscan.report import Family, Finding, Origin, Policy, Severity
from tests.image_builder import docker_archive_legacy, image, layer
from tests.laws import law_7_no_secret_in

WASTEFUL = {"oversized-base", "cache-breaking-order", "started-by-installer"}
TOLD = {
    "insecure": {*WASTEFUL, "context-leftovers"},
    "nonroot": {*WASTEFUL, "context-leftovers", "metadata-rewrite"},
    "secure-copy": {*WASTEFUL, "metadata-rewrite"},
    "multistage": {"metadata-rewrite"},
    "hardened": {"metadata-rewrite"},
    "slim-with-npm": {"metadata-rewrite"},
}
"""Beside the tag, which is `latest` for all, and what the made-up base images' own history says."""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    assert list(write_all(folder))

    def findings(scenario: Scenario, variant: str) -> dict[str, Finding]:
        options = Options(policy=Policy(families=("image-hygiene",)))
        (report,) = inspect_image(str(folder / archive_name(scenario, variant)), options)
        assert report.size_causes
        return {finding.rule.id.partition("/")[2]: finding for finding in report.verdict.open}

    return findings


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_each_scenario_is_told_its_lessons_and_no_other(scenario: Scenario, variant: str, found):
    told = found(scenario, variant)
    assert set(told) - {"latest-tag", "unverified-download"} == TOLD[scenario.name]
    assert {finding.severity for finding in told.values()} == {Severity.LOW}


def test_the_insecure_image_is_told_what_its_base_leaves_unused_and_what_to_take_instead(found):
    told = found(SCENARIOS[0], "buildkit")
    assert told["oversized-base"].message.startswith("node:20 brings ")
    assert "node:20-slim" in told["oversized-base"].remediation
    assert "npm install" in told["cache-breaking-order"].message
    assert told["cache-breaking-order"].remediation.startswith("COPY package-lock.json package.json ./ first")
    assert "'**/.env*'" in told["context-leftovers"].remediation
    assert told["cache-breaking-order"].origin is not Origin.BASE


def test_the_chown_step_is_told_with_the_copy_that_makes_it_needless(found):
    rewrite = found(SCENARIOS[1], "buildkit")["metadata-rewrite"]
    assert rewrite.added_by is not None
    assert rewrite.added_by.instruction == "RUN chown -R appuser:appuser /app"
    assert rewrite.remediation.startswith("Use COPY --chown")


def test_no_message_quotes_a_secret_of_a_command(tmp_path):
    secret = "sk-live-abc123xyz789"
    steps = [
        f"echo API_KEY={secret} > /app/.env && chmod 777 /app/.env",
        f"curl -k -o /app/x -H 'X-API-KEY: {secret}' https://user:{secret}@a.example/{secret}/latest/x?api_key={secret}",
        f"API_KEY={secret} pip install flask && API_KEY={secret} sudo rm /app/big",
    ]
    layers = [
        layer({f"app/{at}": "x"}, created_by=f"RUN /bin/sh -c {text} # buildkit") for at, text in enumerate(steps)
    ]
    gone = layer({"app/.wh.big": ""}, created_by=f"RUN /bin/sh -c API_KEY={secret} rm /app/big # buildkit")
    built = image(layer({"app/big": "x" * 1_200_000, "app/.env": f"API_KEY={secret}\n"}), *layers, gone)
    (report,) = inspect_image(str(docker_archive_legacy(built, tmp_path / "a.tar")), Options())
    told = {one.rule.id for one in report.verdict.open if one.rule.family is Family.IMAGE_HYGIENE}
    assert {"image-hygiene/tls-check-off", "image-hygiene/sudo", "image-hygiene/dead-bytes"} <= told
    law_7_no_secret_in(secret, *(f"{one.message} {one.remediation} {one.location}" for one in report.verdict.open))
