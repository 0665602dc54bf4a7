"""What is asked of the stacked layers: versions, fates, the final file system."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from imgscan.errors import Problem
from imgscan.evidence import LayerScan, MemberKind, MemberTable, encode
from imgscan.overlay.fates import Fate, FateKind, FileVersion
from imgscan.overlay.stack import FATES
from imgscan.overlay.stacking import stack_up

_REWRITTEN = FATES.index(FateKind.REWRITTEN)
_MAX_LINKS = 40  # symlinks followed before a path counts as a loop: Linux's MAXSYMLINKS
_MAX_PATH = 4096  # bytes of a path or a link's target: Linux's PATH_MAX


class Overlay:
    """Every version of every file of an image. Paths have no leading slash; `""` is the root.

    A version is addressed by (layer, member); both count from 0.
    """

    def __init__(self, scans: Sequence[LayerScan]) -> None:
        self._stack = stack_up([scan.members for scan in scans])
        self._order = self._stack.order
        self._fates = self._stack.fates
        # Analyzers ask for the same paths, and the directories above them, again and again.
        self._finals: dict[str, FileVersion | None] = {}
        self._resolved: dict[str, FileVersion | None] = {}
        self._ranks = array("I")

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Oddities of the stacking: markers without effect, duplicate entries, links that lead nowhere."""
        return self._stack.problems.all()

    def version_of(self, layer: int, member: int) -> FileVersion:
        """The version that member `member` of layer `layer` is; a hard link's own, not its target's."""
        return FileVersion(layer, self._stack.tables[layer][member], self.fate(layer, member))

    def fate(self, layer: int, member: int) -> Fate:
        """What became of the name that a member is."""
        return self._stack.fate(self._stack.bases[layer] + member)

    def content_fate(self, layer: int, member: int) -> Fate:
        """The fate of the bytes behind a member: that of the most alive of the hard links that share them."""
        at = self._stack.bases[layer] + member
        root = self._stack.contents.get(at, at)
        return self._stack.hard_linked.get(root) or self._stack.fate(at)

    def content_of(self, layer: int, member: int) -> tuple[int, int]:
        """(layer, member) of the entry that holds the bytes of a member: itself, unless it is a hard link."""
        at = self._stack.bases[layer] + member
        return self._stack.locate(self._stack.contents.get(at, at))

    def versions(self, path: str | None = None) -> Iterator[FileVersion]:
        """All versions in path order, then layer order; or those of one path. Markers are no versions."""
        start, stop = (0, len(self._order)) if path is None else self._stack.positions(encode(path))
        for position in range(start, stop):
            yield self._version(self._order[position])

    @property
    def tables(self) -> tuple[MemberTable, ...]:
        """The members of each layer, base first."""
        return self._stack.tables

    def places(self) -> Iterator[tuple[int, int, FateKind, int | None]]:
        """(layer, member, fate, layer that ended it) of all versions in the order of `versions`, at 0.5 us each."""
        bases, ends = self._stack.bases, self._stack.ends
        for at in self._order:
            layer = bisect_right(bases, at) - 1
            kind = self._fates[at]
            yield layer, at - bases[layer], FATES[kind], ends[at] if kind else None

    def final(self, path: str) -> FileVersion | None:
        """What is at `path` in the final file system; symlinks are not followed."""
        if path not in self._finals:
            self._finals[path] = self._find_final(path)
        return self._finals[path]

    def _find_final(self, path: str) -> FileVersion | None:
        start, stop = self._stack.positions(encode(path))
        for position in range(stop - 1, start - 1, -1):
            if self._fates[self._order[position]] == 0:
                return self._version(self._order[position])
        return None

    def resolve(self, path: str) -> FileVersion | None:
        """What `path` leads to in the final file system, symlinks followed inside the image as chroot would.

        A hard link resolves to the entry that holds its bytes. None where it leads nowhere or in a loop.
        """
        if len(path) > _MAX_PATH:
            return None
        if path not in self._resolved:
            self._resolved[path] = self._resolve(path)
        return self._resolved[path]

    def _resolve(self, path: str) -> FileVersion | None:
        todo = [part for part in reversed(path.split("/")) if part not in ("", ".")]
        done: list[str] = []
        found: FileVersion | None = None
        links = 0
        while todo:
            part = todo.pop()
            if part == "..":
                done = done[:-1]
                found = None
                continue
            found = self.final("/".join([*done, part]))
            if found is None or found.member.kind is not MemberKind.SYMLINK:
                done.append(part)
                continue
            links += 1
            target = found.member.linkname
            if links > _MAX_LINKS or len(target) > _MAX_PATH or len(todo) + len(done) > _MAX_PATH:
                return None
            if target.startswith("/"):
                done = []
            todo.extend(name for name in reversed(target.split("/")) if name not in ("", "."))
            found = None
        found = found or self.final("/".join(done))
        if found is not None and found.member.kind is MemberKind.HARDLINK:
            layer, member = self.content_of(found.layer, found.member.index)
            return FileVersion(layer, self._stack.tables[layer][member], self.content_fate(layer, member))
        return found

    def listdir(self, path: str) -> list[FileVersion]:
        """The final entries directly in directory `path`, by name; empty where it is no directory."""
        sort_key = self._stack.sort_key
        prefix = encode(path).replace(b"/", b"\0") + b"\0" if path else b""
        entries = []
        position = bisect_left(self._order, prefix, key=sort_key)
        while position < len(self._order):
            at = self._order[position]
            key = sort_key(at)
            if not key.startswith(prefix):
                break
            below = key.find(b"\0", len(prefix))
            if below >= 0:  # deeper: skip the whole subtree
                position = bisect_left(self._order, key[:below] + b"\1", lo=position, key=sort_key)
                continue
            if key and self._fates[at] == 0:
                entries.append(self._version(at))
            position += 1
        return entries

    def members_below(self, path: str) -> Iterator[tuple[int, int]]:
        """(layer, member) of all that the final file system has below directory `path`, in path order.

        Without making a FileVersion of each: for directories with a hundred thousand files.
        """
        sort_key = self._stack.sort_key
        prefix = encode(path).replace(b"/", b"\0") + b"\0"
        for position in range(bisect_left(self._order, prefix, key=sort_key), len(self._order)):
            at = self._order[position]
            if not sort_key(at).startswith(prefix):
                return
            if self._fates[at] == 0:
                yield self._stack.locate(at)

    def final_files(self) -> Iterator[FileVersion]:
        """Everything in the final file system, in path order."""
        for at in self._order:
            if self._fates[at] == 0:
                yield self._version(at)

    def dead_bytes(self) -> int:
        """Bytes of file contents no longer reachable in the final file system, hard links counted once."""
        return sum(self._stack.tables[layer].sizes[member] for layer, member, _ in self.dead_contents())

    def dead_contents(self) -> Iterator[tuple[int, int, Fate]]:
        """(layer, member, fate) of each file whose bytes no name in the final file system leads to, base first.

        Equal bytes that a later layer has again are among them, as REWRITTEN: they are stored twice. Empty files are
        not. Cheap for what is alive: 0.1 us a member.
        """
        stack = self._stack
        for layer, table in enumerate(stack.tables):
            base = stack.bases[layer]
            fates = stack.fates[base : base + len(table)]
            if not any(fates):
                continue
            for index, (kind, size, dead) in enumerate(zip(table.kinds, table.sizes, fates, strict=True)):
                if dead and size and kind == MemberKind.FILE:
                    fate = stack.hard_linked.get(base + index) or stack.fate(base + index)
                    if fate.kind is not FateKind.PRESENT:
                        yield layer, index, fate

    def origin_of(self, layer: int, member: int) -> tuple[int, int]:
        """The first of the run of equal-bytes rewrites that ends in a version: who really brought the bytes."""
        if not self._ranks:
            self._ranks = self._stack.ranks()
        path = self._stack.tables[layer].path(member)
        first = self._stack.bases[layer] + member
        position = self._ranks[first]
        while position > 0 and self._fates[at := self._order[position - 1]] == _REWRITTEN and self._path(at) == path:
            first = at
            position -= 1
        return self._stack.locate(first)

    def _path(self, at: int) -> bytes:
        layer, member = self._stack.locate(at)
        return self._stack.tables[layer].path(member)

    def _version(self, at: int) -> FileVersion:
        return self.version_of(*self._stack.locate(at))
