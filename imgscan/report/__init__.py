"""What a run found: rules, findings, the policy that judges them and the report that carries them."""

from imgscan.report.finding import (
    AddedBy,
    Family,
    Finding,
    FindingFate,
    Location,
    LocationKind,
    Origin,
    Rule,
    SecretSighting,
    Severity,
)
from imgscan.report.policy import Policy, Suppressed, Verdict
from imgscan.report.report import CoverageLedger, IgnorePattern, Report, Summary, Tool, ToolClass

__all__ = [
    "AddedBy",
    "CoverageLedger",
    "Family",
    "Finding",
    "FindingFate",
    "IgnorePattern",
    "Location",
    "LocationKind",
    "Origin",
    "Policy",
    "Report",
    "Rule",
    "SecretSighting",
    "Severity",
    "Summary",
    "Suppressed",
    "Tool",
    "ToolClass",
    "Verdict",
]
