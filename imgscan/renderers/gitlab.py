"""GitLab's code quality report: what merge requests show beside the lines of a diff (docs.gitlab.com, "Code Quality").

A JSON list of issues, of which GitLab reads `description`, `check_name`, `fingerprint`, `severity` and `location`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from imgscan.renderers.document import write
from imgscan.renderers.renderer import RenderOptions
from imgscan.renderers.sentences import advice, image_names, repository_place, sentence
from imgscan.renderers.text import printable
from imgscan.report import Finding, Report, Severity

_SEVERITIES = {
    Severity.CRITICAL: "blocker",
    Severity.HIGH: "critical",
    Severity.MEDIUM: "major",
    Severity.LOW: "minor",
}


def render(reports: Sequence[Report], options: RenderOptions) -> str:
    """The open findings of all images as one list, an issue on a line; suppressed ones are none."""
    return write(
        [
            _issue(report, name, finding, options)
            for report, name in zip(reports, image_names(reports), strict=True)
            for finding in report.verdict.open
        ],
        1,
    )


def _issue(report: Report, name: str, finding: Finding, options: RenderOptions) -> dict[str, object]:
    place = repository_place(report, finding)
    told = sentence(finding, show_secrets=options.show_secrets)
    return {
        "description": f"{printable(finding.rule.title)} ({name}): {told}. {advice(finding)}",
        "check_name": printable(finding.rule.id),
        # Two images may have equal findings, and GitLab keeps one issue of a fingerprint.
        "fingerprint": hashlib.sha256(f"{name}\0{finding.fingerprint}".encode()).hexdigest()[:40],
        "severity": _SEVERITIES.get(finding.severity, "info"),
        "location": {"path": place.path, "lines": {"begin": place.line}},
    }
