"""Packs of git (gitformat-pack(5)): every version of every file that a repository remembers, deltas resolved.

Commits and trees are read first, so that a file can be told by a commit that has it and its path there. Objects that
only another pack or a loose file could complete are opaque.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import OrderedDict
from collections.abc import Iterator
from io import BytesIO

from imgscan.image.blob import Readable
from imgscan.image.compression import Compression, CorruptStream, EmbeddedStream
from imgscan.layers.unpack.content import Content
from imgscan.layers.unpack.git_objects import Names
from imgscan.layers.unpack.unpacker import Damaged, Inner, Opaque

_KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
_OFS_DELTA, _REF_DELTA = 6, 7
_LARGEST = 64 << 20
"""Bytes of an object that is made from deltas, which takes memory; whole ones are streamed."""
_KEPT = 24 << 20  # bytes of resolved objects kept for those that build on them
_LONGEST_CHAIN = 4096
_MOST_WORK = 4 << 30  # bytes made while resolving all deltas of one pack
_MOST_TREES = 256 << 20


class GitPackUnpacker:
    """All objects of a pack but trees: names of files are no content."""

    name = "git pack"
    magic = rb"PACK\0\0\0[\x02\x03]"
    certain = True
    streams = False

    def unpack(self, content: Content) -> Iterator[Inner | Opaque]:
        """In stored order."""
        pack = _Pack(content)
        names = _names(pack)
        for index in range(len(pack.offsets)):
            kind = pack.kind(index)
            if kind == "tree":
                continue
            if kind is None:
                yield Opaque(f"object {index}", "git delta without its base")
                continue
            digest = pack.digest(index)
            if digest is not None:
                yield Inner(names.of(kind, digest), pack.stream(index))
                continue
            data = pack.object(index)
            if data is None:
                yield Opaque(f"{kind} {index}", f"git object over {_LARGEST >> 20} MiB")
                continue
            yield Inner(names.of(kind, _digest(kind, data)), BytesIO(data))
        if pack.damage:
            raise Damaged(pack.damage)


def _names(pack: _Pack) -> Names:
    """What commits and trees say of paths, of as many as fit."""
    names = Names()
    left = _MOST_TREES
    for index in range(len(pack.offsets)):
        kind = pack.kind(index)
        if kind in ("commit", "tree") and left > 0:
            data = pack.object(index)
            if data is not None:
                names.add(kind, pack.digest(index) or _digest(kind, data), data)
                left -= len(data)
    return names


def _digest(kind: str, data: bytes) -> bytes:
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data, usedforsecurity=False).digest()


class _Pack:
    """Where objects are, what they build on, and what they are made of."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self.offsets = array("Q")
        self._types = array("B")
        self._sizes = array("Q")
        self._bases = array("q")
        """Index of the object that a delta builds on; -1 for none, -2 for one that is not here."""
        self._data = array("Q")
        self._digests = bytearray()
        """20 bytes an object; zeros for a delta."""
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._kept_bytes = 0
        self._work = 0
        self.damage = ""
        self._scan()

    def kind(self, index: int) -> str | None:
        """Of the object that the chain of deltas begins with; None where it cannot be found."""
        for _ in range(_LONGEST_CHAIN):
            if self._types[index] in _KINDS:
                return _KINDS[self._types[index]]
            index = self._bases[index]
            if index < 0:
                return None
        return None

    def object(self, index: int) -> bytes | None:
        """The whole object; None where it is too large. Damaged where resolving costs too much."""
        chain = []
        while (data := self._kept.get(index)) is None and self._bases[index] >= 0:
            chain.append(index)
            index = self._bases[index]
        if data is None:
            data = self._inflate(index)
            self._keep(index, data)
        for delta in reversed(chain):
            if data is None:
                return None
            data = _apply(data, self._inflate(delta) or b"")
            self._work += len(data or b"")
            if self._work > _MOST_WORK:
                raise Damaged("its deltas make too much of too little")
            self._keep(delta, data)
        return data

    def digest(self, index: int) -> bytes | None:
        """Of an object that is stored whole."""
        return bytes(self._digests[20 * index : 20 * index + 20]) if self._types[index] in _KINDS else None

    def stream(self, index: int) -> Readable:
        """An object that is stored whole."""
        return EmbeddedStream(
            self._content.stream(self._data[index]), Compression.ZLIB, chunk=_chunk(self._sizes[index])
        )

    def _scan(self) -> None:
        """Find all objects. The one after another's end is found by inflating that."""
        count = int.from_bytes(self._content.read_at(8, 4), "big")
        places: dict[int, int] = {}
        refs: list[tuple[int, bytes]] = []
        at = 12
        for index in range(count):
            head = self._content.read_at(at, 64)
            kind, size, used = _object_header(head)
            base = -1
            if kind == _OFS_DELTA:
                distance, used = _distance(head, used)
                base = places.get(at - distance, -2)
            elif kind == _REF_DELTA:
                refs.append((index, head[used : used + 20]))
                base, used = -2, used + 20
            elif kind not in _KINDS:
                self.damage = f"no object at byte {at}"
                return
            stream = EmbeddedStream(self._content.stream(at + used), Compression.ZLIB, chunk=_chunk(size))
            digest = hashlib.sha1(b"%s %d\0" % (_KINDS.get(kind, "").encode(), size), usedforsecurity=False)
            try:
                while data := stream.read(256 << 10):
                    digest.update(data)
            except CorruptStream as error:
                self.damage = f"the object at byte {at}: {error}"
                return
            places[at] = index
            self.offsets.append(at)
            self._types.append(kind)
            self._sizes.append(min(size, (1 << 63) - 1))
            self._bases.append(base)
            self._data.append(at + used)
            self._digests += digest.digest() if kind in _KINDS else bytes(20)
            at += used + stream.consumed
        if refs:
            known = {self.digest(index): index for index in range(len(self.offsets))}
            for index, name in refs:
                self._bases[index] = known.get(name, -2)

    def _inflate(self, index: int) -> bytes | None:
        size = self._sizes[index]
        if size > _LARGEST:
            return None
        stream = self.stream(index)
        parts = []
        while size >= 0 and (data := stream.read(256 << 10)):
            parts.append(data)
            size -= len(data)
        return b"".join(parts)

    def _keep(self, index: int, data: bytes | None) -> None:
        if data is None or len(data) > _KEPT // 4:
            return
        self._kept[index] = data
        self._kept_bytes += len(data)
        while self._kept_bytes > _KEPT:
            _, dropped = self._kept.popitem(last=False)
            self._kept_bytes -= len(dropped)


def _chunk(size: int) -> int:
    """Stored bytes to read at a time for an object of this size, so that little is read twice."""
    return 256 << 10 if size > 64 << 10 else 4096 if size > 2048 else 1024


def _object_header(head: bytes) -> tuple[int, int, int]:
    """Type, size, and the bytes that tell them; type 0 where there is none."""
    if not head:
        return 0, 0, 0
    kind, size, shift, used = head[0] >> 4 & 7, head[0] & 15, 4, 1
    while head[used - 1] & 0x80:
        if used >= min(len(head), 10):
            return 0, 0, 0
        size |= (head[used] & 0x7F) << shift
        shift += 7
        used += 1
    return kind, size, used


def _distance(head: bytes, used: int) -> tuple[int, int]:
    value = -1
    for at in range(used, min(len(head), used + 10)):
        value = (value + 1) << 7 | head[at] & 0x7F
        if not head[at] & 0x80:
            return value, at + 1
    return 0, used


def _apply(base: bytes, delta: bytes) -> bytes | None:
    """What a delta makes of its base; None where that is too large. What the base does not have is left out."""
    at = 0
    sizes = []
    for _ in range(2):
        value = shift = 0
        while at < len(delta):
            byte = delta[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80 or shift > 63:
                break
        sizes.append(value)
    if sizes[1] > _LARGEST:
        return None
    out = bytearray()
    while at < len(delta) and len(out) <= sizes[1]:
        code = delta[at]
        at += 1
        if not code & 0x80:
            out += delta[at : at + code]
            at += code
            continue
        values = [0] * 7
        for bit in range(7):
            if code & 1 << bit and at < len(delta):
                values[bit] = delta[at]
                at += 1
        offset = int.from_bytes(bytes(values[:4]), "little")
        out += base[offset : offset + (int.from_bytes(bytes(values[4:]), "little") or 0x10000)]
    return bytes(out[: sizes[1]])
