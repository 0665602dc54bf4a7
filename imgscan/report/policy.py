"""The policy that judges findings: which count, and which fail a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from imgscan.evidence import Confidence
from imgscan.report.baseline import Baseline, Entry
from imgscan.report.finding import Family, Finding, Origin, Severity
from imgscan.report.ignores import Ignore
from imgscan.report.requirements import Requirements


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A finding set aside, with the reason (`placeholder`, `ignored`, `baseline`, ...) and who says so."""

    finding: Finding
    reason: str
    by: str = ""
    justification: str = ""
    """Why, in the words of whoever decided it: an ignore's reason, a baseline entry's note."""

    @property
    def baseline_state(self) -> str | None:
        """`unchanged` for what a baseline has; None for what was never compared with one."""
        return "unchanged" if self.reason == "baseline" else None


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
    fail_on_inherited: Severity | None = None
    """In place of `fail_on` for findings of the base image's layers; None judges them like all others."""
    fail_on_families: tuple[tuple[str, Severity], ...] = ()
    """In place of `fail_on` for families; where both apply to a finding, the more lenient one does."""
    severities: tuple[tuple[str, Severity], ...] = ()
    """Other severities for rules: (id or glob, severity)."""
    min_confidence: Confidence = Confidence.LOW
    """Findings of a lower one are set aside."""
    ignores: tuple[Ignore, ...] = ()
    baseline: Baseline | None = None
    requirements: Requirements = field(default_factory=Requirements)
    today: date | None = None
    """The day by which ignores end; without one, none does."""
    show_suppressed: bool = False
    """List all findings that were set aside; without it, those beyond the first 1,000 of a reason are counted only."""

    def threshold(self, finding: Finding) -> Severity:
        """The severity from which a finding like this one fails the run; NONE where none does."""
        family = finding.rule.family
        usual = self.fail_on
        if family is Family.POLICY and usual is not Severity.NONE:
            usual = Severity.INFO  # a requirement is one, whatever the severity
        chosen = next((level for name, level in self.fail_on_families if name == family), usual)
        if finding.origin is Origin.BASE and self.fail_on_inherited is not None:
            return max(chosen, self.fail_on_inherited, key=lambda level: (level is Severity.NONE, level.rank))
        return chosen

    def fails(self, finding: Finding) -> bool:
        """Whether one open finding fails the run."""
        threshold = self.threshold(finding)
        return threshold is not Severity.NONE and finding.severity >= threshold


@dataclass(frozen=True, slots=True)
class Verdict:
    """Findings after judgement, in report order: worst first, then by place."""

    open: tuple[Finding, ...]
    suppressed: tuple[Suppressed, ...] = ()
    failed: bool = False
    """Whether an open finding is at or above what the policy fails on."""
    unlisted: tuple[tuple[str, int], ...] = ()
    """(reason, count) of suppressed findings that are counted only: see `Policy.show_suppressed`."""
    baseline: str | None = None
    """The baseline that findings were compared with: then all that are open are new. None without one."""
    absent: tuple[Entry, ...] = ()
    """Entries of the baseline that this image does not have."""
    unused: tuple[Ignore, ...] = ()
    """Ignores in force that met nothing in this image."""

    @property
    def baseline_state(self) -> str | None:
        """Of every open finding: `new`; None where nothing was compared."""
        return "new" if self.baseline is not None else None

    @property
    def suppressed_counts(self) -> dict[str, int]:
        """How many findings each reason set aside, by reason, those that are not listed among them."""
        counts = dict(self.unlisted)
        for item in self.suppressed:
            counts[item.reason] = counts.get(item.reason, 0) + 1
        return dict(sorted(counts.items()))
