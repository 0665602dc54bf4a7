"""zip and all that is one: jar, war, whl, egg, nupkg, apk, docx, xlsx.

Source of the format: PKWARE's APPNOTE.TXT 6.3.10. The central directory is read entry by entry, so that one of
a million entries takes no memory; then the gaps between the entries' data are searched for local headers that the
directory does not name. Where there is no directory, the whole file is one gap.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from imgscan.image.blob import Readable
from imgscan.image.compression import Compression, CorruptStream, EmbeddedStream
from imgscan.layers.unpack.content import Content, Joined
from imgscan.layers.unpack.unpacker import Damaged, Inner, Opaque

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_END_REACH = _END.size + (1 << 16)
_STORED, _LZMA = 0, 14
_METHODS = {8: Compression.DEFLATE, 12: Compression.BZIP2, 93: Compression.ZSTD, 95: Compression.XZ}
_ENCRYPTED = 0x41
_END_MARKED = 0x2  # of LZMA streams: they say themselves where they end
_UTF8 = 0x800
_SEARCH = 1 << 20


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    flags: int
    method: int
    stored_size: int
    size: int
    local: int
    """Offset of the local header."""


class ZipUnpacker:
    """zip files, also those that lie about themselves; encrypted entries are opaque."""

    name = "zip"
    magic = rb"PK(?:\x03\x04|\x05\x06|\x07\x08PK\x03\x04|00PK\x03\x04)"
    certain = True
    streams = False

    def unpack(self, content: Content) -> Iterator[Inner | Opaque]:
        """The central directory's entries in its order, then those of local headers that it does not name."""
        taken: array[int] = array("Q")  # pairs of where an entry begins and ends
        directory = _directory(content)
        if directory is not None:
            for entry in _entries(content, *directory):
                start = _data_start(content, entry.local)
                if start is None:
                    yield Opaque(entry.name, "damaged zip entry", entry.size)
                    continue
                taken.extend((entry.local, min(start + entry.stored_size, content.size)))
                if not entry.name.endswith("/") or entry.size:
                    yield _opened(content, entry, start)
            taken.extend((directory[0], content.size))
        yield from _unnamed(content, taken)


def _directory(content: Content) -> tuple[int, int] | None:
    """Where the central directory begins and ends, and the bytes before the archive; None where there is none."""
    tail_start = max(0, content.size - _END_REACH)
    tail = content.read_at(tail_start, _END_REACH)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        return None
    size, offset = _END.unpack_from(tail, at)[5:7]
    end = tail_start + at
    if size == 0xFFFFFFFF or offset == 0xFFFFFFFF:
        wide = content.read_at(end - 20 - _END_64.size, _END_64.size)
        if len(wide) == _END_64.size and wide.startswith(b"PK\x06\x06"):
            size, offset = _END_64.unpack(wide)[8:10]
            end -= 20 + _END_64.size
    # What was put before the archive moves everything; the directory ends where its end record begins.
    start = end - size
    if start < 0 or (size and content.read_at(start, 4) != b"PK\x01\x02"):
        start = offset
        if not 0 <= start < content.size or content.read_at(start, 4) != b"PK\x01\x02":
            return None
    return start, end


def _entries(content: Content, start: int, end: int) -> Iterator[_Entry]:
    shift: int | None = None
    at = start
    while at + _CENTRAL.size <= end:
        raw = content.read_at(at, _CENTRAL.size)
        if len(raw) < _CENTRAL.size or not raw.startswith(b"PK\x01\x02"):
            return
        fields = _CENTRAL.unpack(raw)
        flags, method, stored_size, size = fields[3], fields[4], fields[8], fields[9]
        name_length, extra_length, comment_length, local = fields[10], fields[11], fields[12], fields[16]
        more = content.read_at(at + _CENTRAL.size, name_length + extra_length)
        name = _name(more[:name_length], flags)
        size, stored_size, local = _wide(more[name_length:], size, stored_size, local)
        if shift is None:  # a stub before the archive: offsets count from behind it
            shift = 0
            if content.read_at(local, 4) != b"PK\x03\x04":
                shift = _stub(content, local, start)
        yield _Entry(name, flags, method, stored_size, size, local + shift)
        at += _CENTRAL.size + name_length + extra_length + comment_length


def _stub(content: Content, local: int, directory: int) -> int:
    """Bytes before the archive that its offsets do not count, 0 where no sense can be made of them."""
    tail = content.read_at(max(0, content.size - _END_REACH), _END_REACH)
    at = tail.rfind(b"PK\x05\x06")
    offset = _END.unpack_from(tail, at)[6]
    shift = directory - offset
    return shift if shift > 0 and content.read_at(local + shift, 4) == b"PK\x03\x04" else 0


def _wide(extra: bytes, size: int, stored_size: int, local: int) -> tuple[int, int, int]:
    """The 64-bit values of the extra field 1, for those that do not fit into 32."""
    values = [size, stored_size, local]
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            field = extra[at + 4 : at + 4 + length]
            for index, value in enumerate(values):
                if value == 0xFFFFFFFF and len(field) >= 8:
                    values[index] = int.from_bytes(field[:8], "little")
                    field = field[8:]
        at += 4 + length
    return values[0], values[1], values[2]


def _data_start(content: Content, local: int) -> int | None:
    raw = content.read_at(local, _LOCAL.size)
    if len(raw) < _LOCAL.size or not raw.startswith(b"PK\x03\x04"):
        return None
    name_length, extra_length = _LOCAL.unpack(raw)[9:11]
    start = local + _LOCAL.size + int(name_length) + int(extra_length)
    return start if start <= content.size else None


def _unnamed(content: Content, taken: array[int]) -> Iterator[Inner | Opaque]:
    """Entries of local headers in the gaps between those that the directory names."""
    spans = sorted(zip(taken[::2], taken[1::2], strict=True))
    at = 0
    for start, end in [*spans, (content.size, content.size)]:
        while at + _LOCAL.size <= start:
            local = _find_local(content, at, start)
            if local < 0:
                break
            entry = _local_entry(content, local)
            begin = _data_start(content, local)
            if entry is None or begin is None:
                at = local + 4
                continue
            at = begin + max(entry.stored_size, 0) if entry.stored_size else begin
            yield _opened(content, entry, begin)
        at = max(at, end)


def _find_local(content: Content, start: int, end: int) -> int:
    while start + 4 <= end:
        data = content.read_at(start, min(_SEARCH, end - start))
        found = data.find(b"PK\x03\x04")
        if found >= 0:
            return start + found
        if len(data) < 4:
            return -1
        start += len(data) - 3
    return -1


def _local_entry(content: Content, local: int) -> _Entry | None:
    raw = content.read_at(local, _LOCAL.size)
    if len(raw) < _LOCAL.size:
        return None
    _, version, flags, method, _, _, _, stored_size, size, name_length, extra_length = _LOCAL.unpack(raw)
    if version & 0xFF > 99 or method > 99:
        return None
    more = content.read_at(local + _LOCAL.size, name_length + extra_length)
    size, stored_size, _ = _wide(more[name_length:], size, stored_size, 0)
    return _Entry(_name(more[:name_length], flags), flags, method, stored_size, size, local)


def _name(raw: bytes, flags: int) -> str:
    return raw.decode("utf-8" if flags & _UTF8 or raw.isascii() else "cp437", "replace")


def _opened(content: Content, entry: _Entry, start: int) -> Inner | Opaque:
    if entry.flags & _ENCRYPTED:
        return Opaque(entry.name, "encrypted", entry.size)
    # Without sizes (bit 3 of a local header) a compressed stream knows its own end.
    unknown = entry.stored_size == 0 and entry.method != _STORED
    stored = content.stream(start, None if unknown else entry.stored_size)
    if entry.method == _STORED:
        return Inner(entry.name, stored)
    if entry.method == _LZMA:
        return Inner(entry.name, _Decoded(_as_lzma_file(entry, stored), Compression.XZ))
    compression = _METHODS.get(entry.method)
    if compression is None:
        return Opaque(entry.name, f"zip method {entry.method}", entry.size)
    return Inner(entry.name, _Decoded(stored, compression))


def _as_lzma_file(entry: _Entry, stored: Readable) -> Readable:
    """zip stores a version and a length before the properties, a `.lzma` file the size behind them."""
    head = stored.read(9)
    size = (1 << 64) - 1 if entry.flags & _END_MARKED else min(entry.size, (1 << 64) - 2)
    return Joined(head[4:] + size.to_bytes(8, "little"), stored)


class _Decoded:
    """A compressed entry; its claimed size is ignored."""

    def __init__(self, stored: Readable, compression: Compression) -> None:
        self._stream = EmbeddedStream(stored, compression)

    def read(self, size: int, /) -> bytes:
        try:
            return self._stream.read(size)
        except CorruptStream as error:
            raise Damaged(f"a compressed entry: {error}") from None
