"""The laws of docs/architecture.md as functions: each fails for an implementation that breaks it.

They know nothing of how a thing is made; tests/test_laws.py runs them over every implementation.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from imgscan.evidence import LayerScan, Match, MemberKind
from imgscan.image.blob import Readable
from imgscan.layers.cache import decode_scan, encode_scan
from imgscan.overlay import Fate, FateKind, Overlay

CHUNKS = (1, 511, 512, 513, 4096, None)
"""Bytes that a stream gives at a time; None for all that is asked for."""
BLOCKS = (512, 1024, 4096, 8 << 20)
"""Fresh bytes of a block; multiples of 512."""
SHORTEST_LEAK = 6
"""Consecutive characters of a secret that must appear nowhere."""


class Chunked:
    """A stream over bytes that gives at most `chunk` of them at a time, as pipes and sockets do."""

    def __init__(self, data: bytes, chunk: int | None = None) -> None:
        self._data = memoryview(data)
        self._chunk = chunk or max(len(data), 1)
        self._at = 0

    def read(self, size: int, /) -> bytes:
        data = bytes(self._data[self._at : self._at + min(size, self._chunk)])
        self._at += len(data)
        return data


Scan = Callable[[Readable, int], LayerScan]
"""Scan a stream in blocks of so many bytes."""


def law_1_a_scan_is_a_pure_value(scan: Scan, blob: bytes) -> LayerScan:
    """Same bytes, same plan: equal scans; equal after pickle and after the cache's form."""
    first, second = (scan(Chunked(blob), BLOCKS[-1]) for _ in range(2))
    assert first == second
    assert pickle.loads(pickle.dumps(first)) == first
    assert decode_scan(encode_scan(first)) == first
    assert encode_scan(decode_scan(encode_scan(first))) == encode_scan(first)
    return first


def law_2_the_cutting_does_not_matter(
    scan: Scan, blob: bytes, *, chunks: Sequence[int | None] = CHUNKS, blocks: Sequence[int] = BLOCKS
) -> LayerScan:
    """The scan is the same however the stream gives its bytes and however large the blocks are."""
    whole = scan(Chunked(blob), BLOCKS[-1])
    for chunk in chunks:
        assert scan(Chunked(blob, chunk), BLOCKS[-1]) == whole, f"chunks of {chunk} bytes"
    for block in blocks:
        assert scan(Chunked(blob), block) == whole, f"blocks of {block} bytes"
    return whole


def law_4_matchers_agree(scans: Iterable[LayerScan]) -> tuple[Match, ...]:
    """After confirmation it does not matter which matcher nominated."""
    first, *others = (scan.matches for scan in scans)
    for matches in others:
        assert matches == first
    return first


def law_5_overlay_is_what_unpacking_gives(scans: Sequence[LayerScan]) -> Overlay:
    """Fates, contents and the final tree are those of `Unpacked`."""
    overlay, oracle = Overlay(scans), Unpacked(scans)
    for place, fate in oracle.fates.items():
        assert overlay.fate(*place) == fate, (place, scans[place[0]].members[place[1]])
        assert overlay.version_of(*place).fate == fate
    for place in oracle.fates:
        assert overlay.content_of(*place) == oracle.contents.get(place, place)
        assert overlay.content_fate(*place) == oracle.content_fate(place)
    assert {(v.layer, v.member.index) for v in overlay.versions()} == set(oracle.fates)
    assert {v.path: (v.layer, v.member.index) for v in overlay.final_files()} == oracle.tree
    assert [v.path for v in overlay.final_files()] == sorted(oracle.tree, key=lambda path: path.split("/"))
    for place in oracle.fates:
        assert overlay.origin_of(*place) == oracle.origin(place)
    for path, place in oracle.tree.items():
        found = overlay.final(path)
        assert found is not None
        assert (found.layer, found.member.index) == place
    assert overlay.dead_bytes() + oracle.alive_bytes() == oracle.total_bytes()
    return overlay


def law_7_no_secret_in(secret: str, *outputs: bytes | str) -> None:
    """A planted secret, and any 6 consecutive characters of it, appear in no output."""
    pieces = {secret[at : at + SHORTEST_LEAK] for at in range(max(1, len(secret) - SHORTEST_LEAK + 1))}
    for output in outputs:
        text = output.decode("latin-1") if isinstance(output, bytes) else output
        found = [piece for piece in pieces if piece in text]
        assert not found, f"{len(found)} pieces of a secret are readable"


Place = tuple[int, int]
_MARKERS = (MemberKind.WHITEOUT, MemberKind.OPAQUE_WHITEOUT, MemberKind.ANOMALY)


@dataclass
class Unpacked:
    """Layers applied to a dict as image-spec, layer.md says, slowly: the oracle of law 5.

    Markers first, as they concern lower layers only; then the entries in tar order, each as if it were unpacked.
    """

    scans: Sequence[LayerScan]
    tree: dict[str, Place] = field(default_factory=dict)
    fates: dict[Place, Fate] = field(default_factory=dict)
    contents: dict[Place, Place] = field(default_factory=dict)
    newest: dict[str, Place] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for layer in range(len(self.scans)):
            self._apply(layer)

    def origin(self, place: Place) -> Place:
        """The first of the versions at one path that equal rewrites lead to `place` from."""
        path = self.scans[place[0]].members[place[1]].path
        before = [p for p in self.fates if p < place and self.scans[p[0]].members[p[1]].path == path]
        for other in sorted(before, reverse=True):
            if self.fates[other].kind is not FateKind.REWRITTEN:
                break
            place = other
        return place

    def _apply(self, layer: int) -> None:
        members = list(self.scans[layer].members)
        for member in members:
            if member.kind is MemberKind.WHITEOUT:
                self._remove([p for p in self.tree if p == member.path or _under(p, member.path)], layer, -1)
            elif member.kind is MemberKind.OPAQUE_WHITEOUT:
                self._remove([p for p in self.tree if _under(p, member.path)], layer, -1)
        for member in members:
            if member.kind not in _MARKERS:
                self._add(layer, member.index, member.path)

    def _add(self, layer: int, index: int, path: str) -> None:
        place = (layer, index)
        member = self.scans[layer].members[index]
        if member.kind is MemberKind.HARDLINK:
            target = self.newest.get(_normalised(member.linkname))
            if target is not None:
                self.contents[place] = self.contents.get(target, target)
        for above in [p for p in self.tree if _under(path, p) and self._kind(p) is not MemberKind.DIRECTORY]:
            self._end(above, Fate(FateKind.OVERWRITTEN, layer))
        if path in self.tree:
            same = self._same(self.tree[path], place)
            self._end(path, Fate(FateKind.REWRITTEN if same else FateKind.OVERWRITTEN, layer))
        if member.kind is not MemberKind.DIRECTORY:
            self._remove([p for p in self.tree if _under(p, path)], layer, index)
        self.tree[path] = place
        self.newest[path] = place
        self.fates[place] = Fate(FateKind.PRESENT)

    def _remove(self, paths: list[str], layer: int, index: int) -> None:
        """A version whose path the same layer fills again later is called overwritten, not deleted."""
        for path in paths:
            at = max(index, self.tree[path][1]) if self.tree[path][0] == layer else -1
            again = any(
                member.path == path and member.kind not in _MARKERS and member.index > at
                for member in self.scans[layer].members
            )
            self._end(path, Fate(FateKind.OVERWRITTEN if again else FateKind.DELETED, layer))

    def _end(self, path: str, fate: Fate) -> None:
        self.fates[self.tree.pop(path)] = fate

    def _kind(self, path: str) -> MemberKind:
        layer, index = self.tree[path]
        return self.scans[layer].members[index].kind

    def _same(self, one: Place, other: Place) -> bool:
        one, other = self.contents.get(one, one), self.contents.get(other, other)
        a, b = (self.scans[layer].members[index] for layer, index in (one, other))
        if a.kind is not b.kind:
            return False
        match a.kind:
            case MemberKind.FILE:
                return (a.size, a.checksum) == (b.size, b.checksum)
            case MemberKind.SYMLINK:
                return a.linkname == b.linkname
            case MemberKind.DIRECTORY:
                return True
            case _:
                return one == other

    def content_fate(self, place: Place) -> Fate:
        root = self.contents.get(place, place)
        names = [other for other in self.fates if self.contents.get(other, other) == root]
        return max((self.fates[name] for name in names), key=_aliveness)

    def alive_bytes(self) -> int:
        contents = {self.contents.get(place, place) for place in self.tree.values()}
        return sum(self._size(place) for place in contents)

    def total_bytes(self) -> int:
        return sum(self._size(place) for place in self.fates)

    def _size(self, place: Place) -> int:
        member = self.scans[place[0]].members[place[1]]
        return member.size if member.kind is MemberKind.FILE else 0


def _aliveness(fate: Fate) -> tuple[int, int]:
    order = (FateKind.DELETED, FateKind.OVERWRITTEN, FateKind.REWRITTEN, FateKind.PRESENT)
    return max(order.index(fate.kind), 1), fate.by_layer or 0


def _under(path: str, directory: str) -> bool:
    return path != directory and (not directory or path.startswith(directory + "/"))


def _normalised(linkname: str) -> str:
    parts: list[str] = []
    for part in linkname.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)
