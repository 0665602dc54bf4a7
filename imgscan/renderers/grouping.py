"""Findings as people want to be told them: what belongs together, once.

One secret in five places is one thing to rotate; twenty-seven build tools are a few classes to leave out; forty
files of one kind, brought in by one step, are one mistake.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from imgscan.report import (
    AddedBy,
    Family,
    Finding,
    FindingFate,
    LocationKind,
    Report,
    SecretSighting,
    Severity,
    Tool,
    ToolClass,
)

Key = tuple[object, ...]

_CLASSES = {tool_class.replace(" ", "-").lower(): tool_class for tool_class in ToolClass}


@dataclass(frozen=True, slots=True)
class Group:
    """Findings told together, in report order; at least one. `severity` is the worst among them."""

    severity: Severity
    findings: tuple[Finding, ...]
    tools: tuple[Tool, ...] = ()
    """Those of the report that the findings are about, for groups of build tools; deleted ones are not among them."""

    @property
    def first(self) -> Finding:
        """The finding that stands for the group: one of its worst."""
        return max(self.findings, key=lambda finding: finding.severity.rank)

    @property
    def about_tools(self) -> bool:
        """Whether all findings are about build tools of one class."""
        return self.first.rule.family is Family.BUILD_TOOL

    @property
    def tool_class(self) -> ToolClass | None:
        """The class of the build tools, which their rule is named after."""
        return _CLASSES.get(self.first.rule.id.partition("/")[2]) if self.about_tools else None

    @property
    def secret(self) -> SecretSighting | None:
        """What all findings of the group saw, where that is a secret."""
        return self.first.secret

    @property
    def remediation(self) -> str:
        """What to do about all of them."""
        return self.first.remediation or self.first.rule.remediation


@dataclass(frozen=True, slots=True)
class Cause:
    """What findings share when one line may tell them."""

    added_by: AddedBy | None
    fate: FindingFate | None


def groups(report: Report) -> list[Group]:
    """The open findings of a report: worst first, secrets before the rest, each group once."""
    tools = {(tool.path, tool.layer): tool for tool in report.tools}
    members: dict[Key, list[Finding]] = {}
    for number, finding in enumerate(report.verdict.open):
        members.setdefault(_key(finding, number), []).append(finding)
    made = []
    for findings in members.values():
        severity = max(finding.severity for finding in findings)
        if findings[0].rule.family is not Family.BUILD_TOOL:
            made.append(Group(severity, tuple(findings)))
            continue
        found = [tools.get((finding.location.path or "", finding.location.layer or 0)) for finding in findings]
        made.append(Group(severity, tuple(findings), tuple(tool for tool in found if tool)))
    # `sorted` is stable: within a severity and rank the order of the report stays.
    return sorted(made, key=lambda group: (-group.severity.rank, _rank(group)))


def _rank(group: Group) -> int:
    if group.secret:
        return 0
    return 2 if group.about_tools else 1


def _key(finding: Finding, number: int) -> Key:
    """Equal for findings that are told together."""
    if finding.secret:
        identity = finding.secret.id or finding.secret.key
        return ("secret", identity or number)
    if finding.rule.family is Family.BUILD_TOOL:
        alive = finding.fate is None or finding.fate.state == "present"
        return ("tool", finding.rule.id, finding.severity, alive)
    if finding.location.kind is LocationKind.FILE:
        return ("files", finding.rule.id, finding.severity)
    return ("rule", finding.rule.id, finding.severity, finding.message)


def by_cause(findings: Iterable[Finding]) -> list[tuple[Cause, list[Finding]]]:
    """Findings that were brought in by one step and met the same fate, together, in order of appearance."""
    made: dict[Cause, list[Finding]] = {}
    for finding in findings:
        made.setdefault(Cause(finding.added_by, finding.fate), []).append(finding)
    return list(made.items())
