"""What package managers left behind: caches, package lists, sparse logs and temporary files, with their bytes."""

from __future__ import annotations

from imgscan.amounts import counted, size_text
from imgscan.analyzers.analyzer import Evidence, Outcome
from imgscan.caches import KINDS, Cached, caches
from imgscan.evidence import Depth
from imgscan.overlay import FateKind
from imgscan.report import Family, Finding, FindingFate, Location, LocationKind, Rule, Severity

_EXPLANATION = (
    "A package manager keeps what it fetched in order not to fetch it again. An image never asks again: the files "
    "are dead weight in every pull, and lists of packages go out of date in it."
)
RULES = {
    kind.id: Rule(
        id=f"image-hygiene/{kind.id}",
        title=f"Left in the image: {kind.title}",
        severity=Severity.LOW,
        explanation=_EXPLANATION,
        remediation=kind.remedy,
    )
    for kind in KINDS
}
_TOLD = 16_384  # bytes: a log of an installation or an empty database is not worth a change


class CachesAnalyzer:
    """`image-hygiene`: one finding for each manager, by what is really there and not by what a command looks like."""

    families: tuple[Family, ...] = (Family.IMAGE_HYGIENE,)
    rules: tuple[Rule, ...] = tuple(RULES.values())
    depth = Depth.MEMBERS
    detectors: tuple[str, ...] = ()
    extractors: tuple[str, ...] = ()

    def analyze(self, evidence: Evidence) -> Outcome:
        found = (_finding(evidence, cached) for cached in caches(evidence) if cached.bytes >= _TOLD)
        return Outcome(tuple(found))


def _finding(evidence: Evidence, cached: Cached) -> Finding:
    rule = RULES[cached.kind.id]
    most, _ = max(cached.layers, key=lambda pair: (pair[1], -pair[0]))
    message = f"{cached.kind.title}: {size_text(cached.bytes)} in {counted(cached.files, 'file')} below {cached.place}"
    if len(cached.layers) > 1:
        message += f", most of them from layer {most} of {len(cached.layers)}"
    return Finding(
        rule=rule,
        location=Location(LocationKind.FILE, path=cached.place, layer=most),
        message=message,
        severity=rule.severity,
        fate=FindingFate(FateKind.PRESENT),
        added_by=evidence.added_by(most),
        remediation=rule.remediation,
    )
