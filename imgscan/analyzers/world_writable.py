"""Files and directories that everybody may write to, whole trees of them told as one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from posixpath import dirname

from imgscan.analyzers.analyzer import Evidence
from imgscan.evidence import MemberKind, MemberTable, decode
from imgscan.overlay import FateKind, FileVersion
from imgscan.tampering import DEEPEST, STICKY

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


@dataclass(frozen=True, slots=True)
class _Entry:
    """What has the others' bit, or a directory that is told elsewhere (`layer` -1); versions are made for few."""

    path: str
    layer: int = -1
    index: int = -1
    is_directory: bool = True


def world_writable(evidence: Evidence, known: set[str]) -> list[Place]:
    """The places in the final file system, by path. What lies in the directories `known` is told elsewhere."""
    # One pass over all in the order of a tree: what an uppermost directory takes with it lies directly behind it.
    order = [*map(_Entry, known), *_candidates(evidence)]
    order.sort(key=lambda entry: (entry.path.replace("/", "\0"), entry.layer >= 0))
    places: dict[str, Place] = {}
    above: str | None = None
    for entry in order:
        path = entry.path
        if above is not None and (path == above or path.startswith(f"{above}/") or not above):
            if above in places:
                places[above].count += 1
            continue
        if entry.is_directory:
            above = path
        key = path if entry.is_directory else f"{dirname(path)}/"
        if entry.layer >= 0 and (key in places or _within_reach(evidence, path)):
            if key not in places:
                places[key] = Place(evidence.overlay.version_of(entry.layer, entry.index))
            if not entry.is_directory:
                places[key].count += 1
                if len(places[key].inside) < 3:
                    places[key].inside.append(path.rpartition("/")[2])
    return [places[key] for key in sorted(places)]


def _candidates(evidence: Evidence) -> Iterator[_Entry]:
    """Directories without the sticky bit, and files, that are present and have the others' bit."""
    for layer, scan in enumerate(evidence.scans):
        table = scan.members
        for index in _marked(table):
            is_directory = table.kinds[index] == MemberKind.DIRECTORY
            if is_directory and table.modes[index] & STICKY:
                continue
            if evidence.overlay.fate(layer, index).kind is not FateKind.PRESENT:
                continue
            path = decode(table.path(index))
            if not f"{path}/".startswith(_LEFT_OUT):
                yield _Entry(path, layer, index, is_directory)


def _marked(table: MemberTable) -> Iterator[int]:
    """One look at each mode: 40 ns a member."""
    kinds = table.kinds
    for index, mode in enumerate(table.modes):
        if mode & _BY_OTHERS and kinds[index] in _KINDS:
            yield index


def _within_reach(evidence: Evidence, path: str) -> bool:
    """Whether everybody may enter the directories above; of a hostile path the first ones are looked at."""
    end = path.find("/")
    for _ in range(DEEPEST):
        if end < 0:
            break
        directory = evidence.overlay.final(path[:end])
        if directory is not None and not directory.member.mode & _SEARCH_BY_OTHERS:
            return False
        end = path.find("/", end + 1)
    return True
