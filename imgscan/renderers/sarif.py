"""SARIF 2.1.0 (OASIS), within what GitHub's code scanning takes.

One run for each image, told apart by `automationDetails.id`: GitHub refuses two runs of one tool and category. Its
limits (GitHub Docs, "SARIF results exceed limits"): 20 runs a file, 25,000 results a run, of which 5,000 are shown, 10
tags of a rule, 10 MB gzipped. It needs a location with a relative URI for each result, takes a rule's severity from
`security-severity`, knows a result again by `primaryLocationLineHash`, and shows suppressed results as open alerts
(github/codeql-action, issue 1230): they are written where suppressed findings are asked for, and only there.
"""

from __future__ import annotations

from collections.abc import Sequence

from imgscan.errors import Problem
from imgscan.renderers import phrases
from imgscan.renderers.document import write
from imgscan.renderers.renderer import RenderOptions
from imgscan.renderers.sarif_parts import (
    LEVELS,
    NOTICE,
    RESULTS,
    SCHEMA,
    Object,
    driver,
    message_text,
    physical,
    rules_of,
)
from imgscan.renderers.sentences import advice, image_names, repository_place, sentence
from imgscan.renderers.text import one_line, printable
from imgscan.report import Finding, Report, Suppressed
from imgscan.report.exit_code import exit_code, lacks_evidence

NOTIFICATIONS = 1000


def render(reports: Sequence[Report], options: RenderOptions) -> str:
    """All reports as one log, a result on a line."""
    names = image_names(reports)
    log: Object = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [_run(report, name, options) for report, name in zip(reports, names, strict=True)],
    }
    if not log["runs"]:
        log["runs"] = [_failed_run(options)]
    else:
        log["runs"][0]["invocations"][0]["toolExecutionNotifications"] += _failures(options)
    return write(log, 4)


def _run(report: Report, name: str, options: RenderOptions) -> Object:
    told: list[tuple[Finding, Suppressed | None]] = [(finding, None) for finding in report.verdict.open]
    if options.show_suppressed:
        told += [(item.finding, item) for item in report.verdict.suppressed]
    left_out, told = told[RESULTS:], told[:RESULTS]
    rules = rules_of([finding for finding, _ in told])
    places = _Places(report)
    code = exit_code(report, options.completeness)
    return {
        "tool": {"driver": driver(options, rules)},
        "automationDetails": {"id": f"imgscan/{name.replace('/', '-')}/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not lacks_evidence(report, options.completeness),
                "exitCode": int(code),
                "toolExecutionNotifications": [
                    *_left_out(len(left_out)),
                    *(_notification(problem) for problem in report.problems[:NOTIFICATIONS]),
                ],
            }
        ],
        "properties": {
            "image": printable(report.image.reference),
            "imageId": printable(report.image.image_id),
            "platform": printable(report.image.platform),
            "manifestDigest": printable(report.image.manifest_digest or ""),
        },
        "results": [
            _result(finding, suppressed, places, state=_state(report, suppressed), show_secrets=options.show_secrets)
            for finding, suppressed in told
        ],
    }


def _failed_run(options: RenderOptions) -> Object:
    """A log needs a run, also where no image could be scanned: one that says so."""
    notices = _failures(options)
    code = max((int(failure.code) for failure in options.failures), default=0)
    invocation: Object = {"executionSuccessful": not notices, "exitCode": code, "toolExecutionNotifications": notices}
    return {"tool": {"driver": driver(options, [])}, "invocations": [invocation], "results": []}


def _failures(options: RenderOptions) -> list[Object]:
    return [
        {"level": "error", "message": {"text": message_text(f"{failure.reference}: {failure.message}")}}
        for failure in options.failures
    ]


def _left_out(count: int) -> list[Object]:
    if not count:
        return []
    text = (
        f"{count:,} results beyond the first {RESULTS:,} are left out, the least severe ones; the JSON report has all"
    )
    return [{"level": "warning", "message": {"text": text}}]


def _notification(problem: Problem) -> Object:
    return {
        "level": NOTICE[problem.effect],
        "descriptor": {"id": printable(problem.code)},
        "message": {"text": message_text(phrases.problem_text(problem))},
    }


# --- results


def _result(
    finding: Finding, suppressed: Suppressed | None, places: _Places, *, state: str | None, show_secrets: bool
) -> Object:
    result: Object = {
        "ruleId": printable(finding.rule.id),
        "level": LEVELS[finding.severity],
        "message": {"text": message_text(f"{sentence(finding, show_secrets=show_secrets)}. {advice(finding)}")},
        "locations": [places.of(finding)],
        "partialFingerprints": {
            "primaryLocationLineHash": f"{finding.fingerprint}:1",
            "imgscanFingerprint/v1": finding.fingerprint,
        },
        "properties": _properties(finding),
    }
    related = places.related(finding)
    if related:
        result["relatedLocations"] = related
    if state is not None:
        result["baselineState"] = state
    if suppressed is not None:
        result["suppressions"] = [
            {
                "kind": "external",
                "status": "accepted",
                "justification": printable(
                    ": ".join(filter(None, (suppressed.reason, suppressed.by, suppressed.justification)))
                ),
            }
        ]
    return result


def _state(report: Report, suppressed: Suppressed | None) -> str | None:
    """`baselineState`, which all results of a run have or none (section 3.27.24)."""
    if report.verdict.baseline_state is None:
        return None
    # What was set aside for another reason was never looked up; it is none of what is new.
    return report.verdict.baseline_state if suppressed is None else "unchanged"


def _properties(finding: Finding) -> Object:
    properties: Object = {
        "severity": str(finding.severity),
        "confidence": str(finding.confidence),
        "origin": str(finding.origin),
    }
    if finding.fate is not None:
        properties["state"] = finding.fate.state
    if finding.secret is not None:
        properties["secret"] = {"id": finding.secret.id, "kind": printable(finding.secret.kind)}
    return properties


class _Places:
    """Locations in the terms of SARIF: a file of the repository, and the image, layer and instruction."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._image = printable(report.image.reference) or "image"
        self._layers = {layer.index: printable(layer.diff_id) for layer in report.image.layers}

    def of(self, finding: Finding) -> Object:
        place = repository_place(self._report, finding)
        return {**physical(place.path, place.line), "logicalLocations": self._logical(finding)}

    def related(self, finding: Finding) -> list[Object]:
        """The instruction that deleted or replaced the file, where the Dockerfile's line of it is known."""
        fate, dockerfile = finding.fate, self._report.dockerfile
        if fate is None or fate.layer is None or dockerfile is None:
            return []
        step = next((layer.history for layer in self._report.image.layers if layer.index == fate.layer), None)
        line = dockerfile.line_of_step(step)
        if line is None:
            return []
        text = message_text(f"{fate.state} here, still in the layer below")
        return [{**physical(printable(dockerfile.path), line), "message": {"text": text}}]

    def _logical(self, finding: Finding) -> list[Object]:
        place, added = finding.location, finding.added_by
        found: list[Object] = [{"name": self._image, "fullyQualifiedName": self._image, "kind": "image"}]
        layer = place.layer if place.layer is not None else added.layer if added is not None else None
        if layer is not None:
            name = f"{self._image}/{self._layers.get(layer) or f'layer {layer}'}"
            found.append({"name": f"layer {layer}", "fullyQualifiedName": name, "kind": "layer"})
        if added is not None and added.instruction:
            instruction = one_line(added.instruction, 500)
            step = "" if added.history is None else f"history {added.history}: "
            found.append({"name": instruction, "fullyQualifiedName": f"{step}{instruction}", "kind": "instruction"})
        text = phrases.place(place)
        if text:
            found.append({"name": text, "fullyQualifiedName": f"{self._image}/{text}", "kind": str(place.kind)})
        return found
