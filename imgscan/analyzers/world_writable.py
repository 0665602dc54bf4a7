"""Files and directories that everybody may write to, whole trees of them told as one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from posixpath import dirname

from imgscan.analyzers.analyzer import Evidence
from imgscan.evidence import MemberKind, MemberTable, decode
from imgscan.overlay import FateKind, FileVersion
from imgscan.tampering import STICKY

_BY_OTHERS = 0o002
_SEARCH_BY_OTHERS = 0o001
_KINDS = frozenset({MemberKind.FILE, MemberKind.HARDLINK, MemberKind.DIRECTORY})
# Mounted over when a container runs, or everybody's by design.
_LEFT_OUT = ("dev/", "proc/", "sys/", "tmp/", "var/tmp/")
MAX_PLACES = 500
"""Places that are told; the others are counted."""


@dataclass(slots=True)
class Place:
    """A directory that everybody may write to, or the files of one that they may not; `inside` is told by name."""

    version: FileVersion
    inside: list[str] = field(default_factory=list)
    count: int = 0

    @property
    def is_directory(self) -> bool:
        return self.version.member.kind is MemberKind.DIRECTORY


def world_writable(evidence: Evidence, known: set[str]) -> list[Place]:
    """The places in the final file system, by path. What lies in the directories `known` is told elsewhere."""
    directories, files = _candidates(evidence)
    writable = {version.path: version for version in directories}
    places: dict[str, Place] = {}
    for path in sorted(writable):
        above = _uppermost(path, writable, known)
        if above is None:
            if _within_reach(evidence, path):
                places[path] = Place(writable[path])
        elif above in places:
            places[above].count += 1
    for version in sorted(files, key=lambda version: version.path):
        above = _uppermost(version.path, writable, known)
        if above is not None:
            if above in places:
                places[above].count += 1
        elif _within_reach(evidence, version.path):
            place = places.setdefault(f"{dirname(version.path)}/", Place(version))
            place.count += 1
            if len(place.inside) < 3:
                place.inside.append(version.path.rpartition("/")[2])
    return [places[key] for key in sorted(places)]


def _candidates(evidence: Evidence) -> tuple[list[FileVersion], list[FileVersion]]:
    """(directories without the sticky bit, files) that are present and have the others' bit."""
    directories, files = [], []
    overlay = evidence.overlay
    for layer, scan in enumerate(evidence.scans):
        for index in _marked(scan.members):
            if overlay.fate(layer, index).kind is not FateKind.PRESENT:
                continue
            if decode(scan.members.path(index)).startswith(_LEFT_OUT):
                continue
            version = overlay.version_of(layer, index)
            if version.member.kind is not MemberKind.DIRECTORY:
                files.append(version)
            elif not version.member.mode & STICKY and version.path not in ("tmp", "var/tmp"):
                directories.append(version)
    return directories, files


def _marked(table: MemberTable) -> Iterator[int]:
    """One look at each mode: 40 ns a member."""
    kinds = table.kinds
    for index, mode in enumerate(table.modes):
        if mode & _BY_OTHERS and kinds[index] in _KINDS:
            yield index


def _uppermost(path: str, writable: dict[str, FileVersion], known: set[str]) -> str | None:
    """The uppermost directory above (or, of the known ones, at) a path that takes it with it."""
    if path and ("" in known or "" in writable):
        return ""
    end = path.find("/")
    while end >= 0:
        above = path[:end]
        if above in known or above in writable:
            return above
        end = path.find("/", end + 1)
    return path if path in known else None


def _within_reach(evidence: Evidence, path: str) -> bool:
    """Whether everybody may enter the directories above."""
    end = path.find("/")
    while end >= 0:
        directory = evidence.overlay.final(path[:end])
        if directory is not None and not directory.member.mode & _SEARCH_BY_OTHERS:
            return False
        end = path.find("/", end + 1)
    return True
