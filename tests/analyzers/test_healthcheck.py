"""A health check is missing, switched off, there, or has no place in the format."""

from __future__ import annotations

import pytest

from imgscan.analyzers.healthcheck import HealthcheckAnalyzer
from imgscan.report import Severity
from tests.analyzers.evidence import evidence_of
from tests.image_builder import image, layer, step


def findings(healthcheck, *, oci_format: bool = False):
    built = image(layer({}), step("HEALTHCHECK NONE"), healthcheck=healthcheck)
    return HealthcheckAnalyzer().analyze(evidence_of(built, oci_format=oci_format)).findings


@pytest.mark.parametrize(
    ("healthcheck", "rule"),
    [
        (None, "healthcheck/missing"),
        ({"Test": []}, "healthcheck/missing"),
        (["NONE"], "healthcheck/disabled"),
    ],
)
def test_a_missing_and_a_disabled_check_are_told_apart(healthcheck, rule: str):
    (found,) = findings(healthcheck)
    assert found.rule.id == rule
    assert found.severity is Severity.LOW


@pytest.mark.parametrize("oci_format", [False, True])
def test_a_check_is_no_finding(oci_format: bool):
    assert not findings(["CMD-SHELL", "curl -f http://localhost/"], oci_format=oci_format)


def test_the_oci_format_has_no_field_for_one():
    (found,) = findings(None, oci_format=True)
    assert "OCI image format has no field" in found.message
    assert "--format docker" in found.remediation
    assert found.severity is Severity.LOW
