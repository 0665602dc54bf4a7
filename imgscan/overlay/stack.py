"""All members of all layers under one numbering, and what was found out of each: arrays, for a million members."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from imgscan.errors import ProblemLog
from imgscan.evidence import MemberKind, MemberTable
from imgscan.overlay.fates import PRESENT, Fate, FateKind

FATES = tuple(FateKind)
"""`Stack.fates` holds indexes of it."""
MARKERS = frozenset({MemberKind.WHITEOUT, MemberKind.OPAQUE_WHITEOUT, MemberKind.ANOMALY})
"""Members that are no version of a file."""


class Stack:
    """`at` numbers all members of all layers: those of the base layer first, in tar order.

    So `at` also orders what happened: an entry with a greater one came later.
    """

    __slots__ = ("bases", "contents", "ends", "fates", "hard_linked", "kinds", "order", "problems", "tables")

    def __init__(self, tables: Sequence[MemberTable]) -> None:
        self.tables = tuple(tables)
        self.bases = array("Q")
        """The number of each layer's first member."""
        kinds = bytearray()
        for table in self.tables:
            self.bases.append(len(kinds))
            kinds += table.kinds.tobytes()
        self.kinds = bytes(kinds)
        self.fates = array("B", bytes(len(kinds)))
        self.ends = array("I", bytes(4 * len(kinds)))
        """The layer that ended each version; 0 for one that is present."""
        self.order = array("Q")
        """All versions by path, the paths of a directory directly behind it; versions of one path base first."""
        self.contents: dict[int, int] = {}
        """Hard link -> the entry that holds its bytes."""
        self.hard_linked: dict[int, Fate] = {}
        """Entry that hard links lead to -> the fate of the most alive of its names."""
        self.problems = ProblemLog()

    def locate(self, at: int) -> tuple[int, int]:
        """(layer, member)."""
        layer = self.layer(at)
        return layer, at - self.bases[layer]

    def layer(self, at: int) -> int:
        return bisect_right(self.bases, at) - 1

    def fate(self, at: int) -> Fate:
        """The fate of one name, whatever hard links its bytes have."""
        kind = self.fates[at]
        return Fate(FATES[kind], self.ends[at]) if kind else PRESENT

    def end(self, at: int, kind: FateKind, by_layer: int) -> None:
        self.fates[at] = FATES.index(kind)
        self.ends[at] = by_layer

    def sort_key(self, at: int) -> bytes:
        """A path with NUL for `/`: so the paths of a directory sort directly behind it."""
        layer = bisect_right(self.bases, at) - 1
        return self.tables[layer].path(at - self.bases[layer]).replace(b"/", b"\0")

    def ranks(self) -> array[int]:
        """Where each version is in `order`: its inverse, 0 for markers."""
        ranks = array("I", bytes(4 * len(self.kinds)))
        for position, at in enumerate(self.order):
            ranks[at] = position
        return ranks

    def positions(self, path: bytes) -> tuple[int, int]:
        """Where the versions of one path are in `order`."""
        key = path.replace(b"/", b"\0")
        start = stop = bisect_left(self.order, key, key=self.sort_key)
        while stop < len(self.order) and self.sort_key(self.order[stop]) == key:
            stop += 1
        return start, stop

    def same_bytes(self, at: int, other: int) -> bool:
        """Whether two versions have equal type and bytes (or link target); False where bytes were not read."""
        at, other = self.contents.get(at, at), self.contents.get(other, other)
        kind = self.kinds[at]
        if at == other or kind != self.kinds[other]:
            return at == other
        (layer, member), (other_layer, other_member) = self.locate(at), self.locate(other)
        table, other_table = self.tables[layer], self.tables[other_layer]
        if kind == MemberKind.FILE:
            size, checksum = table.sizes[member], table.checksums[member]
            same = (size, checksum) == (other_table.sizes[other_member], other_table.checksums[other_member])
            return same and (checksum != 0 or size == 0)
        return kind == MemberKind.DIRECTORY or (
            kind == MemberKind.SYMLINK and table.linkname(member) == other_table.linkname(other_member)
        )
