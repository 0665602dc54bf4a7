"""Files with rights of their own, files that everybody may change, and files that somebody else runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from posixpath import basename

from imgscan.accounts import EffectiveUser, effective_user
from imgscan.analyzers.analyzer import Evidence, Outcome
from imgscan.analyzers.run_files import Weakness, weaknesses
from imgscan.analyzers.setuid_file_rules import (
    CAPABILITY,
    DIRECTORY,
    FILE,
    REPLACEABLE,
    RUNS_ANYTHING,
    SETGID,
    SETUID,
    SHIPPED,
)
from imgscan.analyzers.world_writable import MAX_PLACES, Place, world_writable
from imgscan.evidence import Confidence, Depth, MemberKind
from imgscan.file_capabilities import ATTRIBUTE, FileCapabilities, file_capabilities
from imgscan.overlay import FateKind, FileVersion
from imgscan.ownership import EXTRACTORS, Owner, Ownership, Standing
from imgscan.report import Family, Finding, FindingFate, Location, LocationKind, Rule, Severity
from imgscan.tampering import OTHERS

_SETUID, _SETGID, _EXECUTE = 0o4000, 0o2000, 0o111
_VERSION = re.compile(r"[-.]?\d[\w.]*$")
_MAX_PROGRAMS = 1_000
"""Programs that are told one by one; a full desktop has 60."""


@dataclass(slots=True)
class _Program:
    """One content with rights of its own, in the final file system; `names` are its hard links, in path order."""

    content: FileVersion
    names: list[FileVersion] = field(default_factory=list)
    capabilities: FileCapabilities | None = None
    unread: bool = False
    """It has the attribute of capabilities, and what it says is none."""

    @property
    def mode(self) -> int:
        mode = 0
        for version in self.names:
            mode |= version.member.mode
        return mode & 0o7777

    @property
    def version(self) -> FileVersion:
        return self.names[0]

    @property
    def name(self) -> str:
        return basename(self.version.path)


class SetuidFileAnalyzer:
    """`setuid-file`: the final file system alone; what was deleted gives nobody any rights.

    Where the container runs as root, what may be replaced is judged for everybody else.
    """

    families: tuple[Family, ...] = (Family.SETUID_FILE,)
    rules: tuple[Rule, ...] = (SETUID, SETGID, CAPABILITY, DIRECTORY, FILE, REPLACEABLE)
    depth = Depth.MEMBERS
    detectors: tuple[str, ...] = ()
    extractors: tuple[str, ...] = ("accounts", *EXTRACTORS)

    def analyze(self, evidence: Evidence) -> Outcome:
        if not evidence.scans or evidence.image.config.platform.os == "windows":
            return Outcome()
        user = effective_user(evidence)
        found = weaknesses(evidence, OTHERS if user.is_root or user.missing else user)
        found.sort(key=lambda weakness: -weakness.severity.rank)  # `sort` is stable: by path within a severity
        findings = [_replaceable_finding(evidence, user, weakness) for weakness in found[:MAX_PLACES]]
        findings += _beyond(evidence, REPLACEABLE, [weakness.version for weakness in found[MAX_PLACES:]])
        known = {weakness.version.path for weakness in found}
        places = world_writable(evidence, known)
        findings += [_place_finding(evidence, place) for place in places[:MAX_PLACES]]
        findings += _beyond(evidence, DIRECTORY, [place.version for place in places[MAX_PLACES:]])
        programs = _programs(evidence)[:_MAX_PROGRAMS]
        if programs:
            telling = _Telling(evidence)
            for program in programs:
                findings += telling.findings(program)
        return Outcome(tuple(findings))


def _programs(evidence: Evidence) -> list[_Program]:
    """Executables with a bit or capabilities in the final file system, by path."""
    overlay = evidence.overlay
    found: dict[tuple[int, int], _Program] = {}
    for layer, scan in enumerate(evidence.scans):
        table = scan.members
        bits = {index for index, mode in enumerate(table.modes) if mode & (_SETUID | _SETGID)}
        bits |= {index for index, pairs in table.xattrs.items() if any(name == ATTRIBUTE for name, _ in pairs)}
        for index in sorted(bits):
            if table.kinds[index] not in (MemberKind.FILE, MemberKind.HARDLINK):
                continue
            if overlay.fate(layer, index).kind is not FateKind.PRESENT:
                continue
            place = overlay.content_of(layer, index)
            program = found.setdefault(place, _Program(overlay.version_of(*place)))
            version = overlay.version_of(layer, index)
            program.names.append(version)
            attribute = any(name == ATTRIBUTE for name, _ in version.member.xattrs)
            program.capabilities = program.capabilities or file_capabilities(version.member.xattrs)
            program.unread = program.unread or (attribute and program.capabilities is None)
    for program in found.values():
        program.names.sort(key=lambda version: version.path)
    return sorted(found.values(), key=lambda program: program.version.path)


class _Telling:
    """Makes findings of programs; the package records are read when the first one is asked about."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._ownership = Ownership(evidence)
        rows = [
            row for path in ("etc/passwd", "etc/group") for row in evidence.rows_at("accounts", path) or () if row[1]
        ]
        self._users = {row[2]: str(row[1]) for row in reversed(rows) if row[0] == "user"}
        self._groups = {row[2]: str(row[1]) for row in reversed(rows) if row[0] == "group"}

    def findings(self, program: _Program) -> Iterator[Finding]:
        owner = self._ownership.owner(program.content)
        # A package may be installed under the other name of a hard link.
        owner = owner or next((found for each in program.names if (found := self._ownership.owner(each))), None)
        mode = program.mode
        if mode & _SETUID and mode & _EXECUTE:
            yield self._finding(program, SETUID, self._setuid_severity(program), self._rights(program), owner)
        elif mode & _SETGID and mode & _EXECUTE:
            yield self._finding(program, SETGID, SETGID.severity, self._rights(program), owner)
        if program.capabilities is not None:
            root_like = program.capabilities.root_like
            rights = f"has {_clipped(program.capabilities.text)} for whoever starts it"
            if root_like:
                rights += f"; {root_like[0]} is as good as root"
            severity = Severity.HIGH if root_like else CAPABILITY.severity
            yield self._finding(program, CAPABILITY, severity, rights, owner)
        elif program.unread:
            rights = "has an attribute security.capability that no kernel can read"
            finding = self._finding(program, CAPABILITY, CAPABILITY.severity, rights, None)
            yield replace(finding, confidence=Confidence.LOW)

    def _rights(self, program: _Program) -> str:
        member, mode = program.version.member, program.mode
        user, group = (
            self._users.get(member.uid, f"uid {member.uid}"),
            self._groups.get(member.gid, f"gid {member.gid}"),
        )
        who = user if mode & _SETUID else f"group {group}"
        if mode & _SETUID and mode & _SETGID:
            who += f" and group {group}"
        return f"runs as {who} whoever starts it (mode {mode:04o})"

    @staticmethod
    def _setuid_severity(program: _Program) -> Severity:
        if program.version.member.uid != 0:
            return SETUID.severity
        names = {program.name, _VERSION.sub("", program.name)}
        return Severity.HIGH if names & RUNS_ANYTHING else SETUID.severity

    def _finding(
        self,
        program: _Program,
        rule: Rule,
        severity: Severity,
        rights: str,
        owner: Owner | None,
    ) -> Finding:
        names = {basename(version.path) for version in (program.content, *program.names)}
        shipped = bool(names & SHIPPED) and owner is not None and owner.standing is not Standing.DIFFERS
        version = program.version
        others = [each.path for each in program.names[1:]]
        also = f", also as {', '.join(others[:3])}{', ...' if len(others) > 3 else ''}" if others else ""
        return Finding(
            rule=rule,
            location=Location(LocationKind.FILE, path=version.path, layer=version.layer),
            message=f"{program.name}{also} {rights}; {_origin(owner, shipped=shipped)}",
            severity=Severity.LOW if shipped else severity,
            fate=FindingFate(FateKind.PRESENT),
            added_by=self._evidence.added_by(version.layer),
            remediation=rule.remediation,
        )


def _origin(owner: Owner | None, *, shipped: bool) -> str:
    if owner is None:
        return "no package vouches for it"
    if shipped:
        return f"shipped so by package {owner.package}, unchanged"
    if owner.standing is Standing.DIFFERS:
        return f"it claims to be of package {owner.package} and differs from it"
    return f"its bytes are of package {owner.package}, which is not known to ship it so"


def _clipped(text: str, length: int = 200) -> str:
    return text if len(text) <= length else f"{text[: length - 3]}..."


def _replaceable_finding(evidence: Evidence, user: EffectiveUser, weakness: Weakness) -> Finding:
    version = weakness.version
    who = "everybody" if user.is_root or user.missing else f"the container's user {user.name or user.uid}"
    shown = [_clipped(run) for run in weakness.runs[:3]]
    if len(weakness.runs) > len(shown):
        shown.append(f"{len(weakness.runs) - len(shown)} more")
    what = "in it" if version.member.kind is MemberKind.DIRECTORY else "to it"
    return Finding(
        rule=REPLACEABLE,
        location=Location(LocationKind.FILE, path=version.path or ".", layer=version.layer),
        message=f"{who} may write {what}, and so replace {', '.join(shown)}",
        severity=weakness.severity,
        fate=FindingFate(FateKind.PRESENT),
        added_by=evidence.added_by(version.layer),
        remediation=REPLACEABLE.remediation,
    )


def _place_finding(evidence: Evidence, place: Place) -> Finding:
    version = place.version
    mode = f"mode {version.member.mode & 0o7777:04o}"
    if place.is_directory:
        rule = DIRECTORY
        message = f"everybody may replace what is in {version.path or '/'} ({mode}, no sticky bit)"
        if place.count:
            message += f"; {place.count:,} {'entry' if place.count == 1 else 'entries'} below it may be changed as well"
    elif place.count == 1:
        rule, message = FILE, f"everybody may change {version.path} ({mode})"
    else:
        more = ", ..." if place.count > len(place.inside) else ""
        rule = FILE
        message = (
            f"everybody may change {place.count:,} files beside each other ({mode}): {', '.join(place.inside)}{more}"
        )
    return Finding(
        rule=rule,
        location=Location(LocationKind.FILE, path=version.path or ".", layer=version.layer),
        message=message,
        severity=rule.severity,
        fate=FindingFate(FateKind.PRESENT),
        added_by=evidence.added_by(version.layer),
        remediation=rule.remediation,
    )


def _beyond(evidence: Evidence, rule: Rule, versions: list[FileVersion]) -> Iterator[Finding]:
    """One finding for the places beyond those that are told."""
    if versions:
        version = versions[0]
        yield Finding(
            rule=rule,
            location=Location(LocationKind.FILE, path=version.path, layer=version.layer, name="and more"),
            message=f"{len(versions):,} more places, {version.path} among them",
            severity=rule.severity,
            fate=FindingFate(FateKind.PRESENT),
            added_by=evidence.added_by(version.layer),
            remediation=rule.remediation,
        )
