"""SARIF 2.1.0 (OASIS), within what GitHub's code scanning takes.

One run for each image, told apart by `automationDetails.id`: GitHub refuses two runs of one tool and category. Its
limits (GitHub Docs, "SARIF results exceed limits"): 20 runs a file, 25,000 results a run, of which 5,000 are shown, 10
tags of a rule, 10 MB gzipped. It needs a location with a relative URI for each result, takes a rule's severity from
`security-severity`, knows a result again by `primaryLocationLineHash`, and shows suppressed results as open alerts
(github/codeql-action, issue 1230): they are written where suppressed findings are asked for, and only there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from imgscan.errors import Effect, Problem
from imgscan.renderers import phrases
from imgscan.renderers.document import write
from imgscan.renderers.renderer import RenderOptions
from imgscan.renderers.sentences import advice, image_names, repository_place, sentence
from imgscan.renderers.text import one_line, printable
from imgscan.report import Finding, Report, Rule, Severity, Suppressed
from imgscan.report.exit_code import exit_code, lacks_evidence

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
RESULTS = 25_000
"""Results of a run; GitHub refuses the whole file beyond."""
NOTIFICATIONS = 1000
TAGS = 10

Object = dict[str, Any]

_LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
    Severity.NONE: "none",
}
_SCORES = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "2.0"}
"""GitHub calls above 9.0 critical, from 7.0 high, from 4.0 medium, above 0 low."""
_NOTICE = {Effect.INCOMPLETE: "error", Effect.OPAQUE: "warning", Effect.NOTE: "note"}


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
    rules = _rules([finding for finding, _ in told])
    places = _Places(report)
    code = exit_code(report, options.completeness)
    return {
        "tool": {"driver": _driver(options, rules)},
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
    return {"tool": {"driver": _driver(options, [])}, "invocations": [invocation], "results": []}


def _failures(options: RenderOptions) -> list[Object]:
    return [
        {"level": "error", "message": {"text": _text(f"{failure.reference}: {failure.message}")}}
        for failure in options.failures
    ]


def _driver(options: RenderOptions, rules: list[Object]) -> Object:
    return {
        "name": "imgscan",
        "version": options.version,
        "semanticVersion": options.version,
        "shortDescription": {"text": "Forensic scanner for built container images"},
        "rules": rules,
    }


def _left_out(count: int) -> list[Object]:
    if not count:
        return []
    text = (
        f"{count:,} results beyond the first {RESULTS:,} are left out, the least severe ones; the JSON report has all"
    )
    return [{"level": "warning", "message": {"text": text}}]


def _notification(problem: Problem) -> Object:
    return {
        "level": _NOTICE[problem.effect],
        "descriptor": {"id": printable(problem.code)},
        "message": {"text": _text(phrases.problem_text(problem))},
    }


# --- rules


def _rules(findings: Sequence[Finding]) -> list[Object]:
    """The rules that hold somewhere, by id; each as severe as its worst finding here, as GitHub ranks by rule."""
    worst: dict[str, Finding] = {}
    for finding in findings:
        known = worst.get(finding.rule.id)
        if known is None or finding.severity > known.severity:
            worst[finding.rule.id] = finding
    return [_rule(worst[rule_id].rule, worst[rule_id]) for rule_id in sorted(worst)]


def _rule(rule: Rule, worst: Finding) -> Object:
    title, why, what = one_line(rule.title, 255), printable(rule.explanation), printable(rule.remediation)
    properties: Object = {"tags": _tags(rule, worst), "precision": _precision(worst)}
    if worst.severity in _SCORES:
        properties["security-severity"] = _SCORES[worst.severity]
    return {
        "id": printable(rule.id),
        "name": "".join(part.capitalize() for part in printable(rule.id).replace("/", "-").split("-")),
        "shortDescription": {"text": title or printable(rule.id)},
        "fullDescription": {"text": one_line(why, 1000) or title},
        "help": {
            "text": f"{why} What to do: {what}",
            "markdown": f"{why}\n\n**What to do**\n\n{what}\n\n`imgscan rules {printable(rule.id)}` tells more.",
        },
        "defaultConfiguration": {"level": _LEVELS[worst.severity]},
        "properties": properties,
    }


def _tags(rule: Rule, worst: Finding) -> list[str]:
    security = ["security"] if worst.severity in _SCORES else []
    secret = ["secret"] if rule.family.endswith("-secret") else []
    return [*security, "container-image", str(rule.family), *secret][:TAGS]


def _precision(worst: Finding) -> str:
    return {"high": "high", "medium": "medium"}.get(str(worst.confidence), "low")


# --- results


def _result(
    finding: Finding, suppressed: Suppressed | None, places: _Places, *, state: str | None, show_secrets: bool
) -> Object:
    result: Object = {
        "ruleId": printable(finding.rule.id),
        "level": _LEVELS[finding.severity],
        "message": {"text": _text(f"{sentence(finding, show_secrets=show_secrets)}. {advice(finding)}")},
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
        return {**_physical(place.path, place.line), "logicalLocations": self._logical(finding)}

    def related(self, finding: Finding) -> list[Object]:
        """The instruction that deleted or replaced the file, where the Dockerfile's line of it is known."""
        fate, dockerfile = finding.fate, self._report.dockerfile
        if fate is None or fate.layer is None or dockerfile is None:
            return []
        step = next((layer.history for layer in self._report.image.layers if layer.index == fate.layer), None)
        line = dockerfile.line_of_step(step)
        if line is None:
            return []
        text = _text(f"{fate.state} here, still in the layer below")
        return [{**_physical(printable(dockerfile.path), line), "message": {"text": text}}]

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


def _physical(path: str, line: int) -> Object:
    # A colon in the first segment would read as a scheme: all but letters and a few signs are escaped.
    uri = quote(path.encode("utf-8", "surrogatepass"), safe="/-._~")
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}}


def _text(text: str) -> str:
    """A message of SARIF, in which `[words](target)` would be a link (section 3.11.6)."""
    return printable(text).replace("](", "\\](") or "-"
