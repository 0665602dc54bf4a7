"""What all SARIF logs of ours share: the tool, its rules, places and messages, within what GitHub takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from imgscan.errors import Effect
from imgscan.renderers.renderer import RenderOptions
from imgscan.renderers.text import one_line, printable
from imgscan.report import Finding, Rule, Severity

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
RESULTS = 25_000
"""Results of a run; GitHub refuses the whole file beyond."""
TAGS = 10

Object = dict[str, Any]

LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
    Severity.INFO: "note",
    Severity.NONE: "none",
}
_SCORES = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "2.0"}
"""GitHub calls above 9.0 critical, from 7.0 high, from 4.0 medium, above 0 low."""
NOTICE = {Effect.INCOMPLETE: "error", Effect.OPAQUE: "warning", Effect.NOTE: "note"}


def driver(options: RenderOptions, rules: list[Object]) -> Object:
    """The tool, with the rules of the run."""
    return {
        "name": "imgscan",
        "version": options.version,
        "semanticVersion": options.version,
        "shortDescription": {"text": "Forensic scanner for built container images"},
        "rules": rules,
    }


def rules_of(findings: Sequence[Finding]) -> list[Object]:
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
        "defaultConfiguration": {"level": LEVELS[worst.severity]},
        "properties": properties,
    }


def _tags(rule: Rule, worst: Finding) -> list[str]:
    security = ["security"] if worst.severity in _SCORES else []
    secret = ["secret"] if rule.family.endswith("-secret") else []
    return [*security, "container-image", str(rule.family), *secret][:TAGS]


def _precision(worst: Finding) -> str:
    return {"high": "high", "medium": "medium"}.get(str(worst.confidence), "low")


def physical(path: str, line: int) -> Object:
    """A line of a file, by its path relative to the repository."""
    # A colon in the first segment would read as a scheme: all but letters and a few signs are escaped.
    uri = quote(path.encode("utf-8", "surrogatepass"), safe="/-._~")
    return {"physicalLocation": {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}}


def message_text(text: str) -> str:
    """A message of SARIF, in which `[words](target)` would be a link (section 3.11.6)."""
    return printable(text).replace("](", "\\](") or "-"
