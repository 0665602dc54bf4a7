"""The policy that judges findings: which count, and which fail a run."""

from __future__ import annotations

from dataclasses import dataclass

from imgscan.report.finding import Finding, Origin, Severity


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A finding set aside, with the reason (`placeholder`, `ignored`, `baseline`, ...) and who says so."""

    finding: Finding
    reason: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a user wants to know of and fail on. `fail_on` NONE means that nothing fails a run."""

    fail_on: Severity = Severity.HIGH
    families: tuple[str, ...] = ()
    """Families to report; empty means all."""
    only: Origin | None = None
    """Report what is the image's own, or what it inherited, alone; what nobody knows of counts as its own."""
    own_packages: tuple[str, ...] = ()
    """Globs of packages that are not public, whatever their records say; they win over `public_packages`."""
    public_packages: tuple[str, ...] = ()
    """Globs of packages that everybody can have."""
    trust_packages: bool = True
    """Whether what the checksums of public packages vouch for is no secret of the image."""
    show_suppressed: bool = False
    """List all findings that were set aside; without it, those beyond the first 1,000 of a reason are counted only."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Findings after judgement, in report order: worst first, then by place."""

    open: tuple[Finding, ...]
    suppressed: tuple[Suppressed, ...] = ()
    failed: bool = False
    """Whether an open finding is at or above `Policy.fail_on`."""
    unlisted: tuple[tuple[str, int], ...] = ()
    """(reason, count) of suppressed findings that are counted only: see `Policy.show_suppressed`."""

    @property
    def suppressed_counts(self) -> dict[str, int]:
        """How many findings each reason set aside, by reason, those that are not listed among them."""
        counts = dict(self.unlisted)
        for item in self.suppressed:
            counts[item.reason] = counts.get(item.reason, 0) + 1
        return dict(sorted(counts.items()))
