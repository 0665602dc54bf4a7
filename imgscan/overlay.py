"""The reduce step: the layers of an image stacked into every version of every file, each with its fate.

All entries of all layers are sorted by path once; a directory's subtree is then one run, and every fate is
decided in a single pass over the sorted entries: a version ends at the first event after its layer that
concerns it. Events are a new entry at its path, a whiteout of its path or of a directory above, an opaque
marker in a directory above, and a directory above that stops being one. Symlinks are never followed while
stacking (image-spec, layer.md: markers name literal paths).
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from imgscan.errors import Problem, ProblemLog
from imgscan.evidence import LayerScan, Member, MemberKind, MemberTable, decode, encode


class FateKind(StrEnum):
    """What became of a file version."""

    PRESENT = "present"
    DELETED = "deleted"
    """Removed by a whiteout of it or of a directory above it, an opaque directory, or a change of type above it."""
    OVERWRITTEN = "overwritten"
    """A later entry has another content at its path."""
    REWRITTEN = "rewritten"
    """A later entry has the same bytes at its path (chown, chmod, touch): nothing was lost."""


@dataclass(frozen=True, slots=True)
class Fate:
    """`by_layer` is the layer that ended the version, None for PRESENT."""

    kind: FateKind
    by_layer: int | None = None


@dataclass(frozen=True, slots=True)
class FileVersion:
    """One version of one path: the member of the layer that brought it, and what became of it."""

    layer: int
    member: Member
    fate: Fate

    @property
    def path(self) -> str:
        return self.member.path

    @property
    def present(self) -> bool:
        return self.fate.kind is FateKind.PRESENT


PRESENT = Fate(FateKind.PRESENT)
_KINDS = tuple(FateKind)
_MARKERS = frozenset({MemberKind.WHITEOUT, MemberKind.OPAQUE_WHITEOUT})
_NO_FILE = frozenset({MemberKind.WHITEOUT, MemberKind.OPAQUE_WHITEOUT, MemberKind.ANOMALY})
# Sort key of an entry: its path with NUL for "/" (a subtree sorts directly behind its directory), two NULs
# (which no path has), then layer and member. One bytes object an entry keeps a million of them under 100 MB.
_TAIL = struct.Struct(">HHI")
_ALIVE = {FateKind.PRESENT: 2, FateKind.REWRITTEN: 1, FateKind.OVERWRITTEN: 0, FateKind.DELETED: 0}
_MAX_LINKS = 255  # symlinks followed before a path counts as a loop; Linux stops at 40


class Overlay:
    """Every version of every file of an image. Paths have no leading slash; `""` is the root.

    A version is addressed by (layer, member); both count from 0.
    """

    def __init__(self, scans: Sequence[LayerScan]) -> None:
        self._tables = [scan.members for scan in scans]
        self._bases = array("Q")
        count = 0
        for table in self._tables:
            self._bases.append(count)
            count += len(table)
        self._fates = array("B", bytes(count))
        self._ends = array("H", bytes(2 * count))
        self._order = array("Q")
        self._contents: dict[int, int] = {}
        self._hard_linked: dict[int, Fate] = {}
        self._problems = ProblemLog()
        _Stacker(self).run()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Oddities of the stacking: markers without effect and duplicate entries."""
        return self._problems.all()

    def version_of(self, layer: int, member: int) -> FileVersion:
        """The version that member `member` of layer `layer` is; a hard link's own, not its target's."""
        return FileVersion(layer, self._tables[layer][member], self.fate(layer, member))

    def fate(self, layer: int, member: int) -> Fate:
        """What became of the name that a member is."""
        return self._fate(self._bases[layer] + member)

    def content_fate(self, layer: int, member: int) -> Fate:
        """The fate of the bytes behind a member: that of the most alive of the hard links that share them."""
        at = self._bases[layer] + member
        root = self._contents.get(at, at)
        return self._hard_linked.get(root) or self._fate(at)

    def content_of(self, layer: int, member: int) -> tuple[int, int]:
        """(layer, member) of the entry that holds the bytes of a member: itself, unless it is a hard link."""
        at = self._bases[layer] + member
        return self._locate(self._contents.get(at, at))

    def versions(self, path: str | None = None) -> Iterator[FileVersion]:
        """All versions in path order, then layer order; or those of one path. Markers are no versions."""
        start, stop = (0, len(self._order)) if path is None else self._run(encode(path))
        for position in range(start, stop):
            yield self.version_of(*self._locate(self._order[position]))

    def final(self, path: str) -> FileVersion | None:
        """What is at `path` in the final file system; symlinks are not followed."""
        start, stop = self._run(encode(path))
        for position in range(stop - 1, start - 1, -1):
            if self._fates[self._order[position]] == 0:
                return self.version_of(*self._locate(self._order[position]))
        return None

    def resolve(self, path: str) -> FileVersion | None:
        """What `path` leads to in the final file system, symlinks followed inside the image as chroot would.

        A hard link resolves to the entry that holds its bytes. None where it leads nowhere or in a loop.
        """
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
            if links > _MAX_LINKS:
                return None
            target = found.member.linkname
            if target.startswith("/"):
                done = []
            todo.extend(name for name in reversed(target.split("/")) if name not in ("", "."))
            found = None
        found = found or self.final("/".join(done))
        if found is not None and found.member.kind is MemberKind.HARDLINK:
            layer, member = self.content_of(found.layer, found.member.index)
            return FileVersion(layer, self._tables[layer][member], self.content_fate(layer, member))
        return found

    def listdir(self, path: str) -> list[FileVersion]:
        """The final entries directly in directory `path`, by name; empty where it is no directory."""
        prefix = encode(path).replace(b"/", b"\0") + b"\0" if path else b""
        entries = []
        position = bisect_left(self._order, prefix, key=self._path_key)
        while position < len(self._order):
            at = self._order[position]
            key = self._path_key(at)
            if not key.startswith(prefix):
                break
            below = key.find(b"\0", len(prefix))
            if below >= 0:  # deeper: skip the whole subtree
                position = bisect_left(self._order, key[:below] + b"\1", lo=position, key=self._path_key)
                continue
            if key and self._fates[at] == 0:
                entries.append(self.version_of(*self._locate(at)))
            position += 1
        return entries

    def final_files(self) -> Iterator[FileVersion]:
        """Everything in the final file system, in path order."""
        for at in self._order:
            if self._fates[at] == 0:
                yield self.version_of(*self._locate(at))

    def dead_bytes(self) -> int:
        """Bytes of file contents no longer reachable in the final file system, hard links counted once."""
        total = 0
        for layer, table in enumerate(self._tables):
            base = self._bases[layer]
            for index, kind in enumerate(table.kinds):
                if kind == MemberKind.FILE and table.sizes[index]:
                    at = base + index
                    if self._fates[at] != 0:
                        fate = self._hard_linked.get(at)
                        if fate is None or fate.kind is not FateKind.PRESENT:
                            total += table.sizes[index]
        return total

    def origin_of(self, layer: int, member: int) -> tuple[int, int]:
        """The first of the run of equal-bytes rewrites that ends in a version: who really brought the bytes."""
        start, stop = self._run(self._tables[layer].path(member))
        first = (layer, member)
        for position in range(stop - 1, start - 1, -1):
            at = self._locate(self._order[position])
            if at >= (layer, member):
                continue
            if self._fates[self._order[position]] != _KINDS.index(FateKind.REWRITTEN):
                break
            first = at
        return first

    # -- addressing: `at` numbers all members of all layers, base first

    def _fate(self, at: int) -> Fate:
        kind = self._fates[at]
        return Fate(_KINDS[kind], self._ends[at]) if kind else PRESENT

    def _locate(self, at: int) -> tuple[int, int]:
        layer = bisect_right(self._bases, at) - 1
        return layer, at - self._bases[layer]

    def _path_key(self, at: int) -> bytes:
        layer, member = self._locate(at)
        return self._tables[layer].path(member).replace(b"/", b"\0")

    def _run(self, path: bytes) -> tuple[int, int]:
        """The positions in `_order` of the versions of one path."""
        key = path.replace(b"/", b"\0")
        start = bisect_left(self._order, key, key=self._path_key)
        stop = start
        while stop < len(self._order) and self._path_key(self._order[stop]) == key:
            stop += 1
        return start, stop


@dataclass(slots=True)
class _Above:
    """A directory above the current path that ends things: everything under `prefix` below any of `layers`."""

    prefix: bytes
    layers: tuple[int, ...]


class _Stacker:
    """One pass over the sorted entries of all layers; fills an Overlay."""

    def __init__(self, overlay: Overlay) -> None:
        self._overlay = overlay
        self._tables = overlay._tables
        self._bases = overlay._bases
        self._above: list[_Above] = []
        self._pending: list[tuple[int, int]] = []  # pairs of versions, equal if their bytes are

    def run(self) -> None:
        keys = self._sorted_keys()
        order = self._overlay._order
        tables, bases = self._tables, self._bases
        unpack = _TAIL.unpack_from
        count = len(keys)
        position = 0
        while position < count:
            key = keys[position]
            path = key[: -_TAIL.size]
            stop = position + 1
            while stop < count and keys[stop][: -_TAIL.size] == path:
                stop += 1
            above = self._above
            while above and not path.startswith(above[-1].prefix):
                above.pop()
            _, layer, member = unpack(key, len(path))
            kind = tables[layer].kinds[member]
            if stop == position + 1 and not above and kind not in _NO_FILE and kind == MemberKind.DIRECTORY:
                order.append(bases[layer] + member)  # one directory and nothing above it ends anything
            elif stop == position + 1 and not above and kind not in _NO_FILE and not _is_below(keys, stop, path):
                order.append(bases[layer] + member)
            else:
                entries = [unpack(keys[at], len(path))[1:] for at in range(position, stop)]
                self._decide(path, entries, keys, stop)
            position = stop
        del keys
        self._join_hard_links()
        self._tell_equal_rewrites()

    def _sorted_keys(self) -> list[bytes]:
        pack = _TAIL.pack
        keys: list[bytes] = []
        for layer, table in enumerate(self._tables):
            names = bytes(table.names).replace(b"/", b"\0")
            start = 0
            for member, end in enumerate(table.name_ends):
                keys.append(names[start:end] + pack(0, layer, member))
                start = end
        keys.sort()
        return keys

    def _decide(self, path: bytes, entries: list[tuple[int, int]], keys: list[bytes], after: int) -> None:
        """Fates of all versions at one path, and what the path ends below itself."""
        kinds = [self._tables[layer].kinds[member] for layer, member in entries]
        files = [entry for entry, kind in zip(entries, kinds, strict=True) if kind not in _NO_FILE]
        whiteouts = [entry[0] for entry, kind in zip(entries, kinds, strict=True) if kind == MemberKind.WHITEOUT]
        opaques = [entry[0] for entry, kind in zip(entries, kinds, strict=True) if kind == MemberKind.OPAQUE_WHITEOUT]
        below = _is_below(keys, after, path)
        above = self._above[-1].layers if self._above else ()
        replaced = [entry[0] for entry in files if self._kind(entry) != MemberKind.DIRECTORY]
        implicit = sorted(_layers_below(self._tables, keys, after, path)) if replaced and below else []
        for index, entry in enumerate(files):
            self._overlay._order.append(self._bases[entry[0]] + entry[1])
            self._end(entry, files[index + 1 : index + 2], (*above, *whiteouts), implicit)
        if below:
            ends = tuple(sorted({*above, *whiteouts, *opaques, *replaced}))
            if ends != above:
                self._above.append(_Above(path + b"\0" if path else b"", ends))
        self._tell_oddities(path, files, whiteouts, opaques, below=below)

    def _end(
        self, entry: tuple[int, int], following: list[tuple[int, int]], removals: tuple[int, ...], implicit: list[int]
    ) -> None:
        """The first event after a version decides. At one layer a new entry comes before removals: it replaces."""
        layer = entry[0]
        removed = min((at for at in removals if at > layer), default=None)
        if self._kind(entry) != MemberKind.DIRECTORY:
            directory = min((at for at in implicit if at > layer), default=None)
            earlier = [at for at in (following[0][0] if following else None, removed) if at is not None]
            if directory is not None and directory < min(earlier, default=directory + 1):
                self._set(entry, FateKind.OVERWRITTEN, directory)
                return
        if following and (removed is None or following[0][0] <= removed):
            self._set(entry, FateKind.OVERWRITTEN, following[0][0])
            at, successor = (self._bases[e[0]] + e[1] for e in (entry, following[0]))
            if not any(layer < at_layer <= following[0][0] for at_layer in removals):
                self._pending.append((at, successor))
        elif removed is not None:
            self._set(entry, FateKind.DELETED, removed)

    def _kind(self, entry: tuple[int, int]) -> int:
        return self._tables[entry[0]].kinds[entry[1]]

    def _set(self, entry: tuple[int, int], kind: FateKind, by_layer: int) -> None:
        at = self._bases[entry[0]] + entry[1]
        self._overlay._fates[at] = _KINDS.index(kind)
        self._overlay._ends[at] = by_layer

    def _tell_oddities(
        self, path: bytes, files: list[tuple[int, int]], whiteouts: list[int], opaques: list[int], *, below: bool
    ) -> None:
        name = decode(path.replace(b"\0", b"/"))
        add = self._overlay._problems.add
        for layer in sorted({*whiteouts, *opaques}):
            if layer == 0:
                add("marker-in-base-layer", "a whiteout in the base layer hides nothing", path=name, layer=layer)
        lowest = min((entry[0] for entry in files), default=None)
        for layer in whiteouts:
            if layer and not below and (lowest is None or lowest >= layer):
                add("whiteout-without-target", "a whiteout of a path that no lower layer has", path=name, layer=layer)
        for first, second in pairwise(files):
            if first[0] == second[0]:
                add("duplicate-entry", "twice in one layer; the last entry counts", path=name, layer=first[0])

    def _join_hard_links(self) -> None:
        """Find the entry that holds each hard link's bytes, and the fate of contents with several names."""
        overlay = self._overlay
        for layer, table in enumerate(self._tables):
            for member, kind in enumerate(table.kinds):
                if kind == MemberKind.HARDLINK:
                    self._follow(layer, member)
        for at, root in overlay._contents.items():
            best = overlay._hard_linked.get(root) or overlay._fate(root)
            other = overlay._fate(at)
            if _ALIVE[other.kind] > _ALIVE[best.kind] or (
                _ALIVE[other.kind] == _ALIVE[best.kind] == 0 and (other.by_layer or 0) > (best.by_layer or 0)
            ):
                best = other
            overlay._hard_linked[root] = best

    def _follow(self, layer: int, member: int) -> None:
        """Resolve one hard link, through links to links; a loop or a missing target leaves it its own content."""
        contents = self._overlay._contents
        chain: list[int] = []
        at = self._bases[layer] + member
        while at not in contents and self._kind(self._overlay._locate(at)) == MemberKind.HARDLINK:
            if at in chain[-_MAX_LINKS:]:
                return
            chain.append(at)
            layer, member = self._overlay._locate(at)
            target = self._target(layer, self._tables[layer].linkname(member), at)
            if target is None:
                return
            at = target
        root = contents.get(at, at)
        for link in chain:
            contents[link] = root

    def _target(self, layer: int, linkname: bytes, link: int) -> int | None:
        """The entry a hard link means: the one in its own layer, else the newest below."""
        path = b"/".join(part for part in linkname.split(b"/") if part not in (b"", b".", b".."))
        start, stop = self._overlay._run(path)
        for position in range(stop - 1, start - 1, -1):
            at = self._overlay._order[position]
            if at != link and self._overlay._locate(at)[0] <= layer:
                return at
        return None

    def _tell_equal_rewrites(self) -> None:
        overlay = self._overlay
        for at, successor in self._pending:
            if self._same(at, successor):
                overlay._fates[at] = _KINDS.index(FateKind.REWRITTEN)

    def _same(self, at: int, successor: int) -> bool:
        """Whether two versions have equal type and bytes (or link target)."""
        contents = self._overlay._contents
        old_layer, old = self._overlay._locate(contents.get(at, at))
        new_layer, new = self._overlay._locate(contents.get(successor, successor))
        old_table, new_table = self._tables[old_layer], self._tables[new_layer]
        kind = old_table.kinds[old]
        if kind != new_table.kinds[new]:
            return False
        if kind == MemberKind.FILE:
            return (
                old_table.sizes[old] == new_table.sizes[new]
                and old_table.checksums[old] == new_table.checksums[new]
                and (old_table.checksums[old] != 0 or old_table.sizes[old] == 0)  # 0: bytes were not read
            )
        return kind == MemberKind.DIRECTORY or (
            kind == MemberKind.SYMLINK and old_table.linkname(old) == new_table.linkname(new)
        )


def _is_below(keys: list[bytes], position: int, path: bytes) -> bool:
    """Whether the entry at `position` lies under directory `path` (all of a subtree sorts behind it)."""
    if position >= len(keys):
        return False
    return not path or (keys[position].startswith(path + b"\0") and keys[position][len(path) + 1] != 0)


def _layers_below(tables: Sequence[MemberTable], keys: list[bytes], position: int, path: bytes) -> set[int]:
    """Layers with real entries under `path`: there the path is a directory, even where no entry says so."""
    layers = set()
    while _is_below(keys, position, path):
        _, layer, member = _TAIL.unpack_from(keys[position], len(keys[position]) - _TAIL.size)
        if tables[layer].kinds[member] not in _NO_FILE:
            layers.add(layer)
        position += 1
    return layers
