"""What every renderer is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from imgscan.evidence import Depth
from imgscan.report import Family, Finding, Origin, Policy, Report, Severity
from imgscan.report.audit import AuditReport
from imgscan.report.exit_code import Completeness, ExitCode

MINIMUM_WIDTH = 40
"""Columns below which no text format can be read; narrower wishes are raised to it."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An image that could not be scanned at all: what was asked for, the fact and the next step."""

    reference: str
    message: str
    tip: str = ""
    code: ExitCode = ExitCode.INCOMPLETE
    """What it means for the run: 3, or 2 where the request itself was wrong."""


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """What a renderer may be told besides the reports; formats for machines ignore what only concerns looks."""

    version: str
    """Of imgscan, for the output to name."""
    width: int = 100
    """Columns of the terminal."""
    colour: bool = False
    """Whether ANSI escapes may be used; nothing may be told by colour alone."""
    unicode: bool = True
    """Whether the output's encoding has more than ASCII."""
    show_suppressed: bool = False
    """Whether a text format lists suppressed findings; formats for machines always do."""
    show_secrets: bool = False
    fail_on: Severity = Severity.HIGH
    policy: Policy | None = None
    """Where families or inherited layers fail at other severities; None where `fail_on` says it all."""
    completeness: Completeness = Completeness.PROMISED
    failures: tuple[Failure, ...] = ()
    """Images of the same run that gave no report."""
    families: frozenset[Family] = frozenset()
    """The families asked for; all of them where it is empty. What was not looked for must not look absent."""
    only: Origin | None = None
    """Whose findings were asked for: the image's own or its base's; all of them where it is None."""
    depth: Depth = Depth.CONTENT
    """How far the run looked."""
    started: str = "1970-01-01T00:00:00"
    """When the run began, UTC to the second, for the formats that must have a time."""

    def fails(self, finding: Finding) -> bool:
        """Whether one open finding fails the run."""
        return (self.policy or Policy(fail_on=self.fail_on)).fails(finding)


class Renderer(Protocol):
    """One format. Implemented by a module: `render` is a function at its top."""

    def render(self, reports: Sequence[Report], options: RenderOptions) -> str:
        """The whole document, ending in a newline. Pure: equal reports and options give equal text.

        The text is Unicode without lone surrogates; encoding it is the caller's business.
        """
        ...


class AuditRenderer(Protocol):
    """One format of audits. Implemented by a module: `lines` is a function at its top."""

    def lines(self, report: AuditReport, options: RenderOptions) -> Iterator[str]:
        """The document in pieces. Pure, and Unicode without lone surrogates, as `Renderer.render`."""
        ...
