"""Images side by side, and what got better and worse from one to the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from imgscan.accounts import Row as FactRow
from imgscan.evidence import Fact, MemberKind, decode
from imgscan.file_capabilities import ATTRIBUTE, decode_capabilities
from imgscan.overlay import FateKind, Overlay
from imgscan.report import Finding, LocationKind, Report, Severity, Tool
from imgscan.report.container import ContainerReport
from imgscan.report.report import CAUSES

PACKAGES = {
    "dpkg": "deb",
    "apk": "apk",
    "rpm": "rpm",
    "python_packages": "python",
    "npm_packages": "npm",
}
"""Extractor -> what its packages are called; npm's are those that are installed globally."""
_SETUID, _SETGID = 0o4000, 0o2000


class Evidence(Protocol):
    """What is needed of the evidence."""

    @property
    def overlay(self) -> Overlay: ...
    def rows_at(self, kind: str, path: str) -> tuple[FactRow, ...] | None: ...
    def final_facts(self, kind: str) -> Iterator[tuple[int, Fact]]: ...


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a report does not list and a comparison needs: of the final file system, name -> what it is.

    `packages` are called `deb bash`, and are their versions; `users` are their ids, home and shell; `privileged` are
    paths of programs that run with more rights than whoever starts them.
    """

    packages: Mapping[str, str] = field(default_factory=dict)
    users: Mapping[str, str] = field(default_factory=dict)
    privileged: Mapping[str, str] = field(default_factory=dict)


def inventory(evidence: Evidence) -> Inventory:
    """Take stock of an image; the scan must have had the extractors of PACKAGES and `accounts`."""
    return Inventory(_packages(evidence), _users(evidence), dict(_privileged(evidence.overlay)))


def _packages(evidence: Evidence) -> dict[str, str]:
    versions: dict[str, set[str]] = {}
    for kind, called in PACKAGES.items():
        named = kind in ("python_packages", "npm_packages")  # known by a directory; the name is the column behind it
        for _, fact in evidence.final_facts(kind):
            for row in fact.rows:
                if row[0] != "package" or (kind == "dpkg" and row[6] and not str(row[6]).endswith(" installed")):
                    continue
                name, version = (row[2], row[3]) if named else (row[1], row[2])
                versions.setdefault(f"{called} {name}", set()).add(str(version))
    return {name: ", ".join(sorted(found)) for name, found in sorted(versions.items())}


def _users(evidence: Evidence) -> dict[str, str]:
    rows = [row for row in evidence.rows_at("accounts", "etc/passwd") or () if row[0] == "user"]
    return {
        str(name): f"uid {uid}, gid {gid}, home {home}, shell {shell or 'none'}"
        for _, name, uid, gid, home, shell, *_ in reversed(rows)  # the first line of a name counts
    }


def _privileged(overlay: Overlay) -> Iterator[tuple[str, str]]:
    tables = overlay.tables
    for layer, index, fate, _ in overlay.places():
        table = tables[layer]
        mode = table.modes[index] & (_SETUID | _SETGID)
        if fate is not FateKind.PRESENT or not (mode or index in table.xattrs):
            continue
        member = table[index]
        if member.kind not in (MemberKind.FILE, MemberKind.HARDLINK):
            continue
        told = [f"setuid {member.uid}"] if mode & _SETUID else []
        told += [f"setgid {member.gid}"] if mode & _SETGID else []
        for name, value in member.xattrs:
            found = decode_capabilities(value) if name == ATTRIBUTE else None
            told += [found.text] if found is not None else []
        if told:
            yield decode(table.path(index)), ", ".join(told)


# --- what is compared


@dataclass(frozen=True, slots=True)
class Compared:
    """One image of a comparison, or one container: then with the report on that and on the image it runs."""

    name: str
    report: Report
    inventory: Inventory = field(default_factory=Inventory)
    container: ContainerReport | None = None

    @property
    def runs_as_root(self) -> bool:
        if self.container is not None and self.container.runs_as_root is not None:
            return self.container.runs_as_root
        return self.report.summary.runs_as_root

    @property
    def user(self) -> str:
        return self.container.user if self.container is not None else self.report.summary.user

    @property
    def constraints(self) -> str:
        """In a few words; `none` for an image, which can bring none."""
        return self.container.constraints if self.container is not None else "none"

    def size_difference(self, first: Compared) -> tuple[int, float | None]:
        """Bytes more than `first`, and how many percent of it that is; None where it has no bytes."""
        more = self.report.image.size - first.report.image.size
        return more, (100 * more / first.report.image.size if first.report.image.size else None)


@dataclass(frozen=True, slots=True)
class Changes:
    """Named things of two images: (name, what it is), and for changed ones (name, before, after)."""

    added: tuple[tuple[str, str], ...] = ()
    removed: tuple[tuple[str, str], ...] = ()
    changed: tuple[tuple[str, str, str], ...] = ()

    @classmethod
    def between(cls, before: Mapping[str, str], after: Mapping[str, str]) -> Changes:
        return cls(
            tuple((name, after[name]) for name in sorted(after.keys() - before.keys())),
            tuple((name, before[name]) for name in sorted(before.keys() - after.keys())),
            tuple(
                (name, before[name], after[name])
                for name in sorted(before.keys() & after.keys())
                if before[name] != after[name]
            ),
        )

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True)
class Difference:
    """What is different in a second image: findings are the same where their fingerprints are."""

    new: tuple[Finding, ...]
    """Of the second image, worst first."""
    fixed: tuple[Finding, ...]
    """Of the first image, worst first."""
    unchanged: int
    tools_added: tuple[Tool, ...]
    tools_removed: tuple[Tool, ...]
    settings: Changes
    """Of the image as a whole: who it runs as, its health check, its platform."""
    users: Changes
    privileged: Changes
    packages: Changes
    size_before: int
    size_after: int
    sizes: tuple[tuple[str, int, int], ...]
    """(cause, bytes before, bytes after), as in `report.CAUSES`; none where no layer was opened."""

    @property
    def empty(self) -> bool:
        """Whether nothing that is compared differs."""
        lists = (self.new, self.fixed, self.tools_added, self.tools_removed)
        changes = (self.settings, self.users, self.privileged, self.packages)
        sizes = any(before != after for _, before, after in self.sizes)
        return not (any(lists) or any(changes) or sizes or self.size_before != self.size_after)

    def fails(self, severity: Severity) -> bool:
        """Whether something new is this bad or worse; NONE never fails."""
        return severity is not Severity.NONE and any(finding.severity >= severity for finding in self.new)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What `imgscan compare` tells: a row for each image, then one for each container; of two images the difference."""

    rows: tuple[Compared, ...]
    difference: Difference | None = None

    @classmethod
    def of(cls, images: Sequence[Compared], containers: Sequence[Compared] = ()) -> Comparison:
        both = difference(*images) if len(images) == 2 else None
        return cls((*images, *containers), both)


def difference(before: Compared, after: Compared) -> Difference:
    """What got better and worse from one image to the other."""
    old, new = before.report, after.report
    old_findings = {_identity(finding): finding for finding in old.verdict.open}
    new_findings = {_identity(finding): finding for finding in new.verdict.open}
    old_tools, new_tools = _by_name(old.tools), _by_name(new.tools)
    return Difference(
        new=tuple(finding for key, finding in new_findings.items() if key not in old_findings),
        fixed=tuple(finding for key, finding in old_findings.items() if key not in new_findings),
        unchanged=len(old_findings.keys() & new_findings.keys()),
        tools_added=tuple(tool for key, tool in new_tools.items() if key not in old_tools),
        tools_removed=tuple(tool for key, tool in old_tools.items() if key not in new_tools),
        settings=Changes.between(_settings(old), _settings(new)),
        users=Changes.between(before.inventory.users, after.inventory.users),
        privileged=Changes.between(before.inventory.privileged, after.inventory.privileged),
        packages=Changes.between(before.inventory.packages, after.inventory.packages),
        size_before=old.image.size,
        size_after=new.image.size,
        sizes=tuple(_sizes(old, new)),
    )


def _identity(finding: Finding) -> tuple[str, int] | str:
    """Equal in both images: the fingerprint, but for findings about an image as such, which has a name in it."""
    place = finding.location
    about_all = place.kind is LocationKind.IMAGE and place.path is None and place.layer is None
    return (finding.rule.id, finding.ordinal) if about_all else finding.fingerprint


def _by_name(tools: Iterable[Tool]) -> dict[tuple[str, str], Tool]:
    """A tool is the same wherever it lies."""
    return {(str(tool.tool_class), tool.name): tool for tool in tools}


def _settings(report: Report) -> dict[str, str]:
    return {
        "runs as": report.summary.user,
        "health check": "yes" if report.summary.healthcheck else "no",
        "platform": report.image.platform,
        "layers": str(len(report.image.layers)),
    }


def _sizes(old: Report, new: Report) -> Iterator[tuple[str, int, int]]:
    if not (old.size_causes and new.size_causes):
        return
    for cause in CAUSES:
        before, after = (sum(getattr(layer, cause) for layer in report.size_causes) for report in (old, new))
        yield cause, before, after
