"""Programs that build, install, fetch or debug: told by what can be executed in the final file system."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from posixpath import basename, dirname

from imgscan.accounts import EffectiveUser, effective_user, may_execute
from imgscan.amounts import size_text
from imgscan.analyzers.analyzer import Evidence, Outcome
from imgscan.analyzers.build_tool_rules import RULES
from imgscan.analyzers.tool_names import ToolName, tool_named
from imgscan.errors import Effect, Problem
from imgscan.evidence import Depth, MemberKind, MemberTable, decode, encode
from imgscan.overlay import FateKind, FileVersion
from imgscan.packages import EXTRACTORS as PACKAGE_EXTRACTORS
from imgscan.packages import Packages
from imgscan.programs import search_path
from imgscan.report import Family, Finding, FindingFate, Location, LocationKind, Origin, Rule, Severity, Tool, ToolClass

# Directories programs are started from, whatever PATH says: those of distributions, of installers, of users.
_USUAL = re.compile(
    rb"(?:(?:usr/|usr/local/)?s?bin|(?:usr/|usr/local/)games|opt/(?:[^/]+/){0,3}s?bin|usr/local/[^/]+/s?bin"
    rb"|usr/(?:lib|share)/(?!node_modules/)[^/]+/(?:[^/]+/)?bin|usr/local/rustup/toolchains/[^/]+/bin"
    rb"|(?:root|home/[^/]+)/(?:[^/]+/){0,5}s?bin|(?:[^/]+/){0,3}\.?v?env/bin|(?:go|snap|command|busybox)(?:/bin)?"
    rb"|nix/var/nix/profiles/default/bin|usr/share/dotnet|usr/lib/dotnet)",
    re.DOTALL,
)
_KINDS = frozenset({MemberKind.FILE, MemberKind.SYMLINK, MemberKind.HARDLINK})
_MULTI_CALL = frozenset({"busybox", "toybox", "busybox.static", "busybox-extras"})
_MAX_CANDIDATES = 5_000  # the largest known images have about 600; each takes 0.1 to 0.4 ms
_APPLET_REMEDIATION = (
    "Applets come with busybox and go with it: build on a base image without a shell (distroless, scratch), or remove "
    "their links in the final stage."
)
# A runtime's launcher that builds only where its kit lies beside it.
_NEEDS_BESIDE = {"dotnet": "sdk"}


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An entry with a tool's name in some layer; `plain` is the name without triplet and version."""

    layer: int
    member: int
    path: str
    plain: str
    row: ToolName

    @property
    def rank(self) -> int:
        """How early the name stands in its row."""
        return self.row.names.index(self.plain) if self.plain in self.row.names else len(self.row.names)


@dataclass(frozen=True, slots=True)
class _Name:
    """A tool's name as found: `plain` without triplet and version; `target` is what the path leads to."""

    path: str
    plain: str
    row: ToolName
    target: FileVersion

    @property
    def content(self) -> tuple[int, int]:
        return self.target.layer, self.target.member.index


class BuildToolAnalyzer:
    """`build-tool`: what is in PATH-like directories and executable, by class; several names of a program are one tool.

    Names that lead to one program, and helpers of one tool in one package, are told as one (`gcc`, `cc`;
    `apt-get`, `apt`, `apt-cache`). An applet of busybox is a tool `busybox wget` of size 0: it can do what its name
    says, and is no program with bytes of its own; its shells are busybox itself. A tool that was deleted is told
    and not listed: its bytes are still in the image, and nobody can run it.
    """

    families: tuple[Family, ...] = (Family.BUILD_TOOL,)
    rules: tuple[Rule, ...] = tuple(RULES.values())
    depth = Depth.MEMBERS
    detectors: tuple[str, ...] = ()
    extractors: tuple[str, ...] = ("accounts", *PACKAGE_EXTRACTORS)

    def analyze(self, evidence: Evidence) -> Outcome:
        candidates = list(islice(_candidates(evidence), _MAX_CANDIDATES + 1))
        names = _names(evidence, candidates[:_MAX_CANDIDATES])
        multi_call = {name.content for name in names if basename(name.path) in _MULTI_CALL}
        applets = [name for name in names if name.content in multi_call and basename(name.path) not in _MULTI_CALL]
        programs = [name for name in names if name.content not in multi_call or basename(name.path) in _MULTI_CALL]
        packages = Packages(evidence)
        user = effective_user(evidence)
        telling = _Telling(evidence, packages, user)
        tools = [telling.tool(group) for group in _groups(programs, packages)]
        findings = [telling.finding(tool, others) for tool, others in tools]
        listed = [tool for tool, _ in tools]
        for applet in telling.applets(applets):
            listed.append(applet)
            findings.append(telling.applet_finding(applet))
        present = {name.row.names[0] for name in names}
        findings += _deleted(evidence, candidates[:_MAX_CANDIDATES], present)
        order = list(ToolClass)
        return Outcome(
            findings=tuple(findings),
            tools=tuple(sorted(listed, key=lambda tool: (order.index(tool.tool_class), tool.name, tool.path))),
            problems=(*_unread_databases(evidence), *_cut(len(candidates))),
        )


def _names(evidence: Evidence, candidates: Iterable[_Candidate]) -> list[_Name]:
    """The candidates that are in the final file system and lead to an executable file, in path order."""
    found = []
    for candidate in candidates:
        if not evidence.overlay.version_of(candidate.layer, candidate.member).present:
            continue
        target = evidence.overlay.resolve(candidate.path)
        if target is None or target.member.kind is not MemberKind.FILE or not target.member.mode & 0o111:
            continue
        beside = _NEEDS_BESIDE.get(candidate.plain)
        if beside and not evidence.overlay.listdir(f"{dirname(target.path)}/{beside}"):
            continue
        found.append(_Name(candidate.path, candidate.plain, candidate.row, target))
    return sorted(found, key=lambda name: name.path)


def _candidates(evidence: Evidence) -> Iterator[_Candidate]:
    """Every entry of any layer that lies directly in a program directory and has the name of a tool."""
    directories = set()
    for directory in search_path(evidence.image.config):
        version = evidence.overlay.resolve(directory)
        directories |= {encode(directory), encode(version.path if version is not None else directory)}
    for layer, scan in enumerate(evidence.scans):
        for member in _in_directories(scan.members, directories):
            path = decode(scan.members.path(member))
            named = tool_named(basename(path))
            if named is not None:
                yield _Candidate(layer, member, path, *named)


def _in_directories(table: MemberTable, directories: set[bytes]) -> Iterator[int]:
    """Members directly in one of `directories` or a usual one.

    One search over the buffer of all names instead of a look at each path: 40 ms for 100,000 members.
    """
    ends = b"|".join({b"bin/", b"games/", b"dotnet/", *(re.escape(path + b"/") for path in directories if path)})
    seen = -1
    for hit in re.finditer(ends, table.names):
        member = bisect_right(table.name_ends, hit.start())
        if member <= seen:
            continue
        start = table.name_ends[member - 1] if member else 0
        stop = table.name_ends[member]
        slash = table.names.rfind(b"/", start, stop)
        if slash < hit.end() - 1 or slash + 1 == stop or table.kinds[member] not in _KINDS:
            continue  # the hit runs over into the next name, or nothing that can be executed
        seen = member
        directory = bytes(table.names[start:slash])
        if directory in directories or _USUAL.fullmatch(directory):
            yield member


def _groups(names: Iterable[_Name], packages: Packages) -> list[list[_Name]]:
    """Names that are one tool, in path order."""
    programs: dict[tuple[int, int], list[_Name]] = {}
    for name in names:
        programs.setdefault(name.content, []).append(name)
    groups: dict[tuple[str, str], list[_Name]] = {}
    for same in programs.values():
        # One program under names of several rows (sh and dash) is what its own file says.
        own = tool_named(basename(same[0].target.path))
        row = own[1] if own else min((name.row for name in same), key=lambda row: row.names)
        kept = [name for name in same if name.row == row] or same
        owner = packages.owner(same[0].target.path) or dirname(same[0].target.path)
        groups.setdefault((row.names[0], owner), []).extend(kept)
    return [groups[key] for key in sorted(groups)]


class _Telling:
    """Makes tools and findings of names."""

    def __init__(self, evidence: Evidence, packages: Packages, user: EffectiveUser) -> None:
        self._evidence = evidence
        self._packages = packages
        self._user = user
        self._path = {directory: rank for rank, directory in enumerate(search_path(evidence.image.config))}

    def tool(self, names: list[_Name]) -> tuple[Tool, list[str]]:
        """(the tool, its other names)."""
        row = names[0].row
        best = min(names, key=self._rank)
        sizes = {name.content: name.target.member.size for name in names}
        others = sorted({basename(name.path) for name in names} - {basename(best.path)})
        return self._make(
            best.plain if best.plain in row.names else basename(best.path), best, sum(sizes.values())
        ), others

    def _rank(self, name: _Name) -> tuple[int, int, str]:
        """The best name of a tool comes first in its row, then in PATH, then by path."""
        names = name.row.names
        in_path = self._path.get(dirname(name.path), len(self._path))
        return names.index(name.plain) if name.plain in names else len(names), in_path, name.path

    def _make(self, label: str, name: _Name, size: int) -> Tool:
        layer, _ = self._evidence.overlay.origin_of(name.target.layer, name.target.member.index)
        return Tool(
            name=label,
            tool_class=name.row.tool_class,
            path=name.path,
            layer=layer,
            instruction=self._evidence.added_by(layer).instruction,
            package=self._packages.owner(name.target.path) or self._packages.owner(name.path),
            size=size,
            origin=Origin.UNKNOWN,
            usable=may_execute(self._user, self._evidence.overlay, name.path),
        )

    def finding(self, tool: Tool, others: list[str]) -> Finding:
        rule = RULES[tool.tool_class]
        parts = [f"{tool.name} ({tool.tool_class})", f"package {tool.package}" if tool.package else "of no package"]
        if others:
            parts.append(f"also {', '.join(others[:6])}{', ...' if len(others) > 6 else ''}")
        parts += [size_text(tool.size), f"brought in by layer {tool.layer}"]
        if not tool.usable:
            parts.append("not executable by the configured user")
        return self._finding(tool, ", ".join(parts), rule.severity, rule.remediation)

    def applets(self, names: list[_Name]) -> list[Tool]:
        """Applets as tools, by class and name; the shells among them are busybox itself."""
        found: dict[str, Tool] = {}
        for name in sorted(names, key=self._rank):
            if name.row.tool_class is not ToolClass.SHELL and name.row.names[0] not in found:
                program = basename(name.target.path) if basename(name.target.path) in _MULTI_CALL else "busybox"
                found[name.row.names[0]] = self._make(f"{program} {basename(name.path)}", name, 0)
        order = list(ToolClass)
        return sorted(found.values(), key=lambda tool: (order.index(tool.tool_class), tool.name))

    def applet_finding(self, tool: Tool) -> Finding:
        rule = RULES[tool.tool_class]
        message = f"{tool.name} ({tool.tool_class}), an applet, brought in by layer {tool.layer}"
        if not tool.usable:
            message += ", not executable by the configured user"
        return self._finding(tool, message, min(rule.severity, Severity.LOW), _APPLET_REMEDIATION)

    def _finding(self, tool: Tool, message: str, severity: Severity, remediation: str) -> Finding:
        return Finding(
            rule=RULES[tool.tool_class],
            location=Location(LocationKind.FILE, path=tool.path, layer=tool.layer, name=tool.name),
            message=message,
            severity=severity,
            fate=FindingFate(FateKind.PRESENT),
            added_by=self._evidence.added_by(tool.layer),
            remediation=remediation,
        )


def _deleted(evidence: Evidence, candidates: Iterable[_Candidate], present: set[str]) -> list[Finding]:
    """One finding for each tool that a lower layer has and the final file system does not."""
    gone: dict[str, list[_Candidate]] = {}
    for candidate in candidates:
        if candidate.row.names[0] not in present:
            version = evidence.overlay.version_of(candidate.layer, candidate.member)
            kind = evidence.overlay.content_fate(candidate.layer, candidate.member).kind
            executable = version.member.kind is MemberKind.FILE and version.member.mode & 0o111
            if executable and kind is FateKind.DELETED:
                gone.setdefault(candidate.row.names[0], []).append(candidate)
    return [
        _deleted_finding(evidence, min(gone[key], key=lambda one: (one.rank, one.layer, one.path)))
        for key in sorted(gone)
    ]


def _deleted_finding(evidence: Evidence, gone: _Candidate) -> Finding:
    version = evidence.overlay.version_of(gone.layer, gone.member)
    fate = evidence.fate_of(version)
    return Finding(
        rule=RULES[gone.row.tool_class],
        location=Location(LocationKind.FILE, path=gone.path, layer=gone.layer, name=gone.plain),
        message=f"{gone.plain} ({gone.row.tool_class}) came with layer {gone.layer} and was deleted by layer "
        f"{fate.layer}: nobody can run it, and its {size_text(version.member.size)} are still shipped",
        severity=Severity.INFO,
        fate=fate,
        added_by=evidence.added_by(gone.layer),
        remediation="Install and remove it in one RUN instruction, or use it in an earlier stage only.",
    )


def _cut(count: int) -> Iterator[Problem]:
    if count > _MAX_CANDIDATES:
        message = f"more than {_MAX_CANDIDATES:,} files have the name of a tool; the others were not judged"
        yield Problem("too-many-tools", message, Effect.INCOMPLETE)


_DATABASE_LOGS = ("var/lib/rpm/rpmdb.sqlite-wal", "usr/lib/sysimage/rpm/rpmdb.sqlite-wal")


def _unread_databases(evidence: Evidence) -> Iterator[Problem]:
    """Package records that exist and are in no form that is read."""
    for path in _DATABASE_LOGS:
        version = evidence.overlay.final(path) if evidence.scans else None
        if version is not None and version.member.size:
            message = "packages in an unfinished SQLite log are not known: owners of programs may be missing"
            yield Problem("package-database-log", message, Effect.OPAQUE, path, version.layer)
