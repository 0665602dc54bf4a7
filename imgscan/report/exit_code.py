"""What a run ends with: the exit codes that scripts rely on."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum, StrEnum

from imgscan.errors import Effect
from imgscan.report.audit import AuditReport
from imgscan.report.report import Report


class ExitCode(IntEnum):
    """The exit codes of every command."""

    CLEAN = 0
    """Scanned; nothing at or above `--fail-on`."""
    FOUND = 1
    """Scanned; something at or above `--fail-on`."""
    USAGE = 2
    """Wrong usage, or an invalid config, baseline or rules file."""
    INCOMPLETE = 3
    """Not scanned, or not completely."""
    INTERRUPTED = 130
    """Ctrl-C."""


class Completeness(StrEnum):
    """How much of an image must have been read for a run to count as a scan of it."""

    LENIENT = "lenient"
    """`--allow-incomplete`: what was read is judged, whatever is missing."""
    PROMISED = "promised"
    """The default: all that can be read was read; what is unreadable by nature may be missing."""
    STRICT = "strict"
    """`--strict`: nothing may be missing, not even an encrypted archive or a foreign layer."""


def exit_code(report: Report, completeness: Completeness) -> ExitCode:
    """What one image's report means for the run. Incomplete comes before found."""
    if lacks_evidence(report, completeness):
        return ExitCode.INCOMPLETE
    return ExitCode.FOUND if report.verdict.failed else ExitCode.CLEAN


def lacks_evidence(report: Report, completeness: Completeness) -> bool:
    """Whether too little of the image was read, by the measure of `completeness`."""
    if completeness is Completeness.LENIENT:
        return False
    if not (report.complete and report.coverage.complete):
        return True
    opaque = any(problem.effect is Effect.OPAQUE for problem in report.problems) or bool(report.coverage.opaque)
    return completeness is Completeness.STRICT and opaque


def audit_exit_code(report: AuditReport, completeness: Completeness) -> ExitCode:
    """What an audit means for the run: like one image's report, over all of the registry."""
    lenient, strict = completeness is Completeness.LENIENT, completeness is Completeness.STRICT
    if not lenient and (not report.complete or (strict and report.opaque)):
        return ExitCode.INCOMPLETE
    return ExitCode.FOUND if report.failed else ExitCode.CLEAN


# Over several images: a wrong request says more than a scan that failed, and that more than a finding.
_ORDER = (ExitCode.INTERRUPTED, ExitCode.USAGE, ExitCode.INCOMPLETE, ExitCode.FOUND)


def combined(codes: Iterable[ExitCode]) -> ExitCode:
    """The exit code of a run over several images: 2 before 3 before 1 before 0."""
    seen = set(codes)
    return next((code for code in _ORDER if code in seen), ExitCode.CLEAN)
