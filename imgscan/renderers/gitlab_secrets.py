"""GitLab's secret detection report, schema 15.0.7: what its vulnerability pages read (security-report-schemas).

Secrets alone, each sighting a vulnerability; the excerpt of the source that the schema has room for is left out.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from imgscan.errors import Effect
from imgscan.renderers import phrases
from imgscan.renderers.document import write
from imgscan.renderers.renderer import RenderOptions
from imgscan.renderers.sentences import advice, image_names, repository_place, sentence
from imgscan.renderers.text import one_line, printable
from imgscan.report import Finding, Report
from imgscan.report.exit_code import lacks_evidence

VERSION = "15.0.7"
NO_COMMIT = "0" * 40
"""What GitLab's own analyzers write where no commit is known; the key is required."""
_NAMESPACE = uuid.UUID("6d2b1f0e-5a54-5f8a-9d3b-3d0c1b8f4a11")
_MESSAGES = 100

Object = dict[str, Any]


def render(reports: Sequence[Report], options: RenderOptions) -> str:
    """The open secrets of all images as one report, a vulnerability on a line."""
    program = {
        "id": "imgscan",
        "name": "imgscan",
        "version": options.version,
        "vendor": {"name": "imgscan"},
    }
    incomplete = any(lacks_evidence(report, options.completeness) for report in reports) or bool(options.failures)
    document = {
        "version": VERSION,
        "scan": {
            "analyzer": program,
            "scanner": program,
            "type": "secret_detection",
            "start_time": options.started,
            "end_time": options.started,
            "status": "failure" if incomplete else "success",
            "messages": _messages(reports, options),
        },
        "vulnerabilities": [
            _vulnerability(report, name, finding, options)
            for report, name in zip(reports, image_names(reports), strict=True)
            for finding in report.verdict.open
            if finding.secret is not None
        ],
    }
    return write(document, 2)


def _messages(reports: Sequence[Report], options: RenderOptions) -> list[Object]:
    levels = {Effect.INCOMPLETE: "fatal", Effect.OPAQUE: "warn", Effect.NOTE: "info"}
    told = [
        {"level": "fatal", "value": printable(f"{failure.reference}: {failure.message}")}
        for failure in options.failures
    ]
    told += [
        {"level": levels[problem.effect], "value": phrases.problem_text(problem) or printable(problem.code)}
        for report in reports
        for problem in report.problems
    ]
    return told[:_MESSAGES]


def _vulnerability(report: Report, name: str, finding: Finding, options: RenderOptions) -> Object:
    place = repository_place(report, finding)
    rule = printable(finding.rule.id)
    return {
        "id": str(uuid.uuid5(_NAMESPACE, f"{name}\0{finding.fingerprint}")),
        "name": one_line(finding.rule.title, 250),
        "description": f"{sentence(finding, show_secrets=options.show_secrets)} (image {name})",
        "severity": str(finding.severity).capitalize() if finding.severity.rank else "Unknown",
        "solution": advice(finding),
        "identifiers": [{"type": "imgscan_rule_id", "name": f"imgscan rule {rule}", "value": rule}],
        "location": {
            "file": place.path,
            "start_line": place.line,
            "end_line": place.line,
            "commit": {"sha": NO_COMMIT},
        },
        "tracking": {
            "type": "source",
            "items": [
                {
                    "file": place.path,
                    "start_line": place.line,
                    "end_line": place.line,
                    "signatures": [{"algorithm": "imgscan_fingerprint_v1", "value": finding.fingerprint}],
                }
            ],
        },
    }
