"""What a run found: rules, findings, the policy that judges them and the report that carries them."""

from imgscan.report.baseline import Baseline
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
from imgscan.report.ignores import Ignore
from imgscan.report.policy import Policy, Suppressed, Verdict
from imgscan.report.report import CoverageLedger, IgnorePattern, Report, Summary, Tool, ToolClass
from imgscan.report.requirements import Requirements

__all__ = [
    "AddedBy",
    "Baseline",
    "CoverageLedger",
    "Family",
    "Finding",
    "FindingFate",
    "Ignore",
    "IgnorePattern",
    "Location",
    "LocationKind",
    "Origin",
    "Policy",
    "Report",
    "Requirements",
    "Rule",
    "SecretSighting",
    "Severity",
    "Summary",
    "Suppressed",
    "Tool",
    "ToolClass",
    "Verdict",
]
