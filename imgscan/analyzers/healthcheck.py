"""Whether an orchestrator can ask the image if it is well."""

from __future__ import annotations

from imgscan.analyzers.analyzer import Evidence, Outcome
from imgscan.evidence import Depth
from imgscan.report import Family, Finding, Location, LocationKind, Rule, Severity

MISSING = Rule(
    id="healthcheck/missing",
    title="No health check",
    severity=Severity.LOW,
    explanation=(
        "Without a health check Docker and Swarm only see whether the process runs. One that hangs, has lost its "
        "database or answers nothing but errors counts as healthy and keeps its traffic. Kubernetes has probes of "
        "its own and ignores the image's."
    ),
    remediation="Add a HEALTHCHECK that asks the service what a client would ask, with a timeout below its interval.",
)
DISABLED = Rule(
    id="healthcheck/disabled",
    title="Health check switched off",
    severity=Severity.LOW,
    explanation=(
        "HEALTHCHECK NONE removes the check that the base image brought. Where that was done to silence a check that "
        "did not fit the service, nothing took its place."
    ),
    remediation="Replace HEALTHCHECK NONE with a check that fits this image's service.",
)


class HealthcheckAnalyzer:
    """`healthcheck`: missing, or switched off. The OCI format has no field for it, so there it is told differently."""

    families: tuple[Family, ...] = (Family.HEALTHCHECK,)
    rules: tuple[Rule, ...] = (MISSING, DISABLED)
    depth = Depth.CONFIG
    detectors: tuple[str, ...] = ()
    extractors: tuple[str, ...] = ()

    def analyze(self, evidence: Evidence) -> Outcome:
        check = evidence.image.config.healthcheck
        if check is not None and check.test[:1] == ("NONE",):
            return Outcome((_finding(evidence, DISABLED, "HEALTHCHECK NONE switches the base image's check off"),))
        if check is not None and check.test:
            return Outcome()
        if evidence.image.oci_format:
            # BuildKit adds Docker's field to OCI configs, and Docker reads it; buildah drops it with a warning.
            message = "no health check; the OCI image format has no field for one, and only Docker's tools add it"
            tip = (
                "Define the check where the image runs (compose healthcheck, Kubernetes probes, docker run "
                "--health-cmd), or add a HEALTHCHECK with a builder that keeps it (docker build, podman build "
                "--format docker)."
            )
            return Outcome((_finding(evidence, MISSING, message, tip),))
        return Outcome((_finding(evidence, MISSING, "no health check: a process that hangs counts as healthy"),))


def _finding(evidence: Evidence, rule: Rule, message: str, remediation: str = "") -> Finding:
    return Finding(
        rule=rule,
        location=Location(LocationKind.CONFIG, pointer="/config/Healthcheck"),
        message=message,
        severity=rule.severity,
        added_by=evidence.set_by("HEALTHCHECK"),
        remediation=remediation or rule.remediation,
    )
