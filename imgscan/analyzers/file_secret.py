"""Secrets in files: of every layer, every version, also those that a later layer removed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from operator import attrgetter

from imgscan.accounts import effective_user, may_read
from imgscan.analyzers.analyzer import Evidence, Outcome
from imgscan.credentials import message, remedy, secret_rule, secret_rules, sighting_of
from imgscan.evidence import Confidence, Depth, Match, MemberKind, Part, Validation, decode
from imgscan.overlay import FateKind, FileVersion
from imgscan.ownership import EXTRACTORS, Owner, Ownership, Standing
from imgscan.report import (
    Family,
    Finding,
    FindingFate,
    Location,
    LocationKind,
    Rule,
    Suppressed,
)
from imgscan.secrets.kinds import Precision, precision_of
from imgscan.vendored import VendoredTrees

_MARKERS = frozenset({MemberKind.WHITEOUT, MemberKind.OPAQUE_WHITEOUT, MemberKind.ANOMALY})


MAX_LISTED = 1_000
"""Findings of one reason that are listed without --show-suppressed: 20,000 of them took 3 s to write down."""


class FileSecretAnalyzer:
    """`file-secret`: one finding a secret and file version.

    Versions that a later layer rewrites with equal bytes (chown, touch) are one with the last of them: the
    finding names the layer that brought the bytes, and the fate that the last one met.

    What a public package brought is set aside, but for tokens whose checksum is right: somebody issued those.
    In trees of other people's code without checksums what has a form of its own counts for less, the rest is set aside.

    What is in no file of the image is told as well: behind the end of a layer's tar, and in blobs of the archive that
    belong to no image of it.
    """

    families: tuple[Family, ...] = (Family.FILE_SECRET,)
    rules: tuple[Rule, ...] = secret_rules(Family.FILE_SECRET)
    depth: Depth = Depth.CONTENT
    detectors: tuple[str, ...] = ("all",)
    extractors: tuple[str, ...] = ("accounts", *EXTRACTORS)

    def analyze(self, evidence: Evidence) -> Outcome:
        user = effective_user(evidence)
        ownership = Ownership(evidence)
        trees = VendoredTrees(evidence)
        findings: list[Finding] = []
        suppressed: list[Suppressed] = []
        aside = _SetAside(MAX_LISTED if not evidence.policy.show_suppressed else None)
        for version, matches in _versions_with_matches(evidence):
            fate = _fate(evidence, version)
            readable = None
            if version.present and not all(match.suppressed for match in matches):
                readable = may_read(user, evidence.overlay, version.path)
            for match in matches:
                if match.suppressed and not aside.lists(match.suppressed):
                    continue
                finding = _finding(evidence, version, match, fate, None if match.suppressed else readable)
                if match.suppressed:
                    suppressed.append(Suppressed(finding, match.suppressed, match.suppressed_by or "the value"))
                elif match.validation is not Validation.CHECKSUM_OK and (by := ownership.voucher(version, match)):
                    suppressed.append(Suppressed(finding, "package-owned", by))
                elif (owner := ownership.owner(version)) is None and (tree := _tree_of(trees, version, match)):
                    if _says_little(match):
                        suppressed.append(Suppressed(finding, "vendored", tree))
                    else:
                        findings.append(replace(finding, confidence=_LESS[finding.confidence]))
                else:
                    findings.append(_told_with_owner(finding, owner))
        for finding, match in _outside_of_files(evidence):
            if match.suppressed and not aside.lists(match.suppressed):
                continue
            if match.suppressed:
                suppressed.append(Suppressed(finding, match.suppressed, match.suppressed_by or "the value"))
            else:
                findings.append(finding)
        return Outcome(tuple(findings), suppressed=tuple(suppressed), unlisted=aside.unlisted)


class _SetAside:
    """Counts what values set aside by themselves: code has thousands of `password = "..."`, and nobody reads them."""

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._counts: dict[str, int] = {}

    def lists(self, reason: str) -> bool:
        """Count one more; whether it is among those that are listed."""
        count = self._counts[reason] = self._counts.get(reason, 0) + 1
        return self._most is None or count <= self._most

    @property
    def unlisted(self) -> tuple[tuple[str, int], ...]:
        most = self._most
        if most is None:
            return ()
        return tuple((reason, count - most) for reason, count in sorted(self._counts.items()) if count > most)


def _versions_with_matches(evidence: Evidence) -> Iterator[tuple[FileVersion, list[Match]]]:
    """Matches of one member follow one another. Names and attributes are config-secret's."""
    for layer, scan in enumerate(evidence.scans):
        in_data = (match for match in scan.matches if match.part is Part.DATA)
        for member, matches in groupby(in_data, attrgetter("member")):
            version = evidence.overlay.version_of(layer, member)
            if version.fate.kind is not FateKind.REWRITTEN:
                yield version, list(matches)


_LESS = {Confidence.HIGH: Confidence.MEDIUM, Confidence.MEDIUM: Confidence.LOW, Confidence.LOW: Confidence.LOW}


def _says_little(match: Match) -> bool:
    """Whether its name alone, or with a value that is easy to guess its place, makes it a secret."""
    precision = precision_of(match.rule)
    return precision < Precision.PLACE or (precision is Precision.PLACE and match.confidence is not Confidence.HIGH)


def _tree_of(trees: VendoredTrees, version: FileVersion, match: Match) -> str:
    """The tree of other people's code that lowers what a match says; a right checksum says that it was issued."""
    return "" if match.validation is Validation.CHECKSUM_OK else trees.tree_of(version, match.inner_path)


def _finding(
    evidence: Evidence, version: FileVersion, match: Match, fate: FindingFate, readable: bool | None
) -> Finding:
    layer = version.layer if match.suppressed else evidence.overlay.origin_of(version.layer, match.member)[0]
    step = evidence.step(layer)
    rule = secret_rule(Family.FILE_SECRET, match.rule, evidence.rules)
    secret = sighting_of(match, evidence.rules, fate.state, readable)
    return Finding(
        rule=rule,
        location=Location(
            LocationKind.FILE,
            path=version.path,
            inner_path=match.inner_path,
            layer=layer,
            line=match.line,
            offset=match.offset,
            name=match.name,
        ),
        message=message(secret, version.path),
        severity=rule.severity,
        confidence=match.confidence,
        fate=fate,
        added_by=evidence.added_by(layer),
        secret=secret,
        remediation=remedy(
            Family.FILE_SECRET, match.rule, step.instruction.keyword if step is not None else "", evidence.rules
        ),
    )


_BEHIND = "Nothing that unpacks the layer shows it, and whoever may pull the layer has it: build the image again."
_UNREFERENCED = "It belongs to no image, and goes with the archive to whoever gets that: save the image again."


def _outside_of_files(evidence: Evidence) -> Iterator[tuple[Finding, Match]]:
    """What is in no file of the image."""
    for layer, scan in enumerate(evidence.scans):
        for match in scan.matches:
            if match.part is Part.TRAILING:
                place = Location(LocationKind.IMAGE, layer=layer, offset=match.offset, name=Part.TRAILING)
                where = f"the data after the end of layer {layer}"
                yield _loose(evidence, match, place, where, _BEHIND), match
    for blob, scan in evidence.unreferenced:
        for match in scan.matches:
            path = decode(scan.members.path(match.member)) if match.member >= 0 else ""
            inner = "!/".join(part for part in (path, match.inner_path) if part) or None
            line = match.line if inner is not None else None
            place = Location(LocationKind.IMAGE, path=blob, inner_path=inner, line=line, offset=match.offset)
            where = f"{inner} of {blob}" if inner is not None else blob
            yield _loose(evidence, match, place, f"{where}, which belongs to no image", _UNREFERENCED), match


def _loose(evidence: Evidence, match: Match, place: Location, where: str, advice: str) -> Finding:
    rule = secret_rule(Family.FILE_SECRET, match.rule, evidence.rules)
    secret = sighting_of(match, evidence.rules)
    general = remedy(Family.FILE_SECRET, match.rule, "", evidence.rules).partition(" Then keep it out")[0]
    return Finding(
        rule=rule,
        location=place,
        message=message(secret, where),
        severity=rule.severity,
        confidence=match.confidence,
        added_by=evidence.added_by(place.layer) if place.layer is not None else None,
        secret=secret,
        remediation=f"{general} {advice}",
    )


def _told_with_owner(finding: Finding, owner: Owner | None) -> Finding:
    if owner is None:
        return finding
    told = {
        Standing.PUBLISHED: "; the file is as {} has it",
        Standing.UNPUBLISHED: "; the file is of {}, which is not known to be public",
        Standing.DIFFERS: "; the file claims to be of {} and differs from it",
    }[owner.standing]
    return replace(finding, message=finding.message + told.format(owner.package))


def _fate(evidence: Evidence, version: FileVersion) -> FindingFate:
    """A whiteout with content is no file of the image: what it holds is gone where it stands, and recoverable."""
    if version.member.kind not in _MARKERS:
        return evidence.fate_of(version)
    step = evidence.step(version.layer)
    return FindingFate(FateKind.DELETED, version.layer, step.instruction.text if step is not None else None)
