"""7z archives, as 7-Zip's 7zFormat.txt and Methods.txt describe them.

Folders whose coders form a chain of LZMA, LZMA2, deflate, bzip2, zstd or nothing, with the branch filters that liblzma
knows. Encrypted ones, BCJ2 and PPMd are opaque.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from imgscan.image.blob import Readable
from imgscan.image.compression import Compression, CorruptStream, EmbeddedStream
from imgscan.layers.unpack.content import CHUNK, Content
from imgscan.layers.unpack.unpacker import Damaged, Inner, Opaque

_START = 32
_LONGEST_HEADER = 64 << 20
_MOST = 1_000_000
_LARGEST_DICTIONARY = 256 << 20
_END, _HEADER, _ARCHIVE_PROPERTIES, _STREAMS, _FILES, _PACK, _FOLDERS, _SUBSTREAMS = 0, 1, 2, 4, 5, 6, 7, 8
_SIZE, _CRC, _FOLDER, _UNPACK_SIZE, _COUNTS, _EMPTY, _NAMES, _ENCODED = 9, 10, 11, 12, 13, 14, 17, 23
_LZMA, _LZMA2, _AES = b"\3\1\1", b"\x21", b"\6\xf1\7\1"
_STREAMED = {b"\4\1\x08": Compression.DEFLATE, b"\4\2\2": Compression.BZIP2, b"\4\xf7\x11\1": Compression.ZSTD}
_FILTERS = {
    b"\3\3\1\3": lzma.FILTER_X86,
    b"\4": lzma.FILTER_X86,
    b"\3\3\2\5": lzma.FILTER_POWERPC,
    b"\3\3\5\1": lzma.FILTER_ARM,
    b"\3\3\7\1": lzma.FILTER_ARMTHUMB,
    b"\3\3\x08\5": lzma.FILTER_SPARC,
}


@dataclass(slots=True)
class _Folder:
    """One compressed stream. `coders` are in the order of encoding: a filter before the compression."""

    coders: list[tuple[bytes, bytes]]
    chain: bool
    sizes: list[int] = field(default_factory=list)
    """What each coder gives; the first one's is the folder's."""
    checked: bool = False
    """It has a digest of its own."""
    packed: list[tuple[int, int]] = field(default_factory=list)
    """Offset and size of its stored streams."""
    files: list[int] = field(default_factory=list)
    """Sizes of the files that it holds one after another."""
    inputs: int = 1
    outputs: int = 1
    reverse: bool = False


class SevenZipUnpacker:
    """Files with content, in stored order."""

    name = "7z"
    magic = rb"7z\xbc\xaf\x27\x1c"
    certain = True
    streams = False

    def unpack(self, content: Content) -> Iterator[Inner | Opaque]:
        """In stored order: a solid archive is one stream."""
        head = content.read_at(0, _START)
        start, size = int.from_bytes(head[12:20], "little"), int.from_bytes(head[20:28], "little")
        if size > _LONGEST_HEADER:
            raise Damaged(f"a header of {size:,} bytes")
        header = content.read_at(_START + start, size)
        if len(header) < size:
            raise Damaged("it ends before its header")
        for _ in range(4):
            if header[:1] != bytes([_ENCODED]):
                break
            reader = _Reader(header, 1)
            folders = reader.streams()
            if not folders:
                raise Damaged("a header without a stream")
            folder = folders[0]
            reason = _unsupported(folder)
            if reason:
                yield Opaque("", reason)
                return
            header = _read_all(_plain(content, folder))
        yield from _files(content, header)


def _files(content: Content, header: bytes) -> Iterator[Inner | Opaque]:
    if header[:1] != bytes([_HEADER]):
        if header:
            raise Damaged("no header where one is due")
        return
    folders, names = _Reader(header, 1).header()
    at = 0
    for folder in folders:
        reason = _unsupported(folder)
        stream = None if reason else _plain(content, folder)
        for size in folder.files:
            name = names[at] if at < len(names) else f"file-{at}"
            at += 1
            if stream is None:
                yield Opaque(name, reason, size)
                continue
            part = _Part(stream, size)
            yield Inner(name, part)
            while part.read(CHUNK):
                pass


def _unsupported(folder: _Folder) -> str:
    """Why a folder cannot be read; empty where it can."""
    if any(coder == _AES for coder, _ in folder.coders):
        return "encrypted"
    methods = [coder for coder, _ in folder.coders if coder not in _FILTERS and coder != b"\3"]
    known = len(methods) == 1 and methods[0] in (_LZMA, _LZMA2, b"\0", *_STREAMED)
    filtered = len(folder.coders) > 1 and methods[:1] not in ([_LZMA], [_LZMA2])
    if not folder.chain or not known or filtered or len(folder.packed) != 1:
        return "7z method"
    return ""


def _plain(content: Content, folder: _Folder) -> Readable:
    ((offset, size),) = folder.packed
    stored = content.stream(_START + offset, size)
    method, properties = next((c, p) for c, p in folder.coders if c not in _FILTERS and c != b"\3")
    total = folder.sizes[0]
    if method == b"\0":
        return _Part(stored, total)
    if method in _STREAMED:
        return _Part(_Streamed(EmbeddedStream(stored, _STREAMED[method])), total)
    filters: list[dict[str, Any]] = []
    for coder, more in folder.coders:
        if coder == b"\3":
            filters.append({"id": lzma.FILTER_DELTA, "dist": (more[0] if more else 0) + 1})
        elif coder in _FILTERS:
            filters.append({"id": _FILTERS[coder]})
    filters.append(_lzma_filter(method, properties))
    try:
        decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
    except (lzma.LZMAError, ValueError, OverflowError):
        raise Damaged("properties that no coder has") from None
    return _Part(_Lzma(stored, decoder), total)


def _lzma_filter(method: bytes, properties: bytes) -> dict[str, Any]:
    if method == _LZMA2:
        bits = properties[0] if properties else 40
        size = 0xFFFFFFFF if bits == 40 else (2 | bits & 1) << bits // 2 + 11
        parameters: dict[str, Any] = {"id": lzma.FILTER_LZMA2}
    else:
        if len(properties) < 5 or properties[0] >= 9 * 5 * 5:
            raise Damaged("properties that LZMA does not have")
        value, lc = divmod(properties[0], 9)
        pb, lp = divmod(value, 5)
        size = int.from_bytes(properties[1:5], "little")
        parameters = {"id": lzma.FILTER_LZMA1, "lc": lc, "lp": lp, "pb": pb}
    if size > _LARGEST_DICTIONARY:
        raise Damaged(f"a dictionary of {size:,} bytes")
    return {**parameters, "dict_size": max(size, 4096)}


class _Part:
    """As many bytes of a stream; Damaged where it has fewer."""

    def __init__(self, stream: Readable, size: int) -> None:
        self._stream = stream
        self._left = size

    def read(self, size: int, /) -> bytes:
        if not self._left:
            return b""
        data = self._stream.read(min(size, self._left))
        if not data:
            raise Damaged("a file ends early")
        self._left -= len(data)
        return data


class _Streamed:
    def __init__(self, stream: EmbeddedStream) -> None:
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        try:
            return self._stream.read(size)
        except CorruptStream as error:
            raise Damaged(str(error)) from None


class _Lzma:
    def __init__(self, stored: Readable, decoder: lzma.LZMADecompressor) -> None:
        self._stored = stored
        self._decoder = decoder

    def read(self, size: int, /) -> bytes:
        ended = False
        while not self._decoder.eof:
            data = self._stored.read(CHUNK) if self._decoder.needs_input else b""
            if self._decoder.needs_input and not data:
                if ended:
                    return b""
                ended = True
            try:
                out = self._decoder.decompress(data, size)
            except (lzma.LZMAError, EOFError) as error:
                raise Damaged(str(error)) from None
            if out:
                return out
        return b""


def _read_all(stream: Readable) -> bytes:
    parts = []
    total = 0
    while data := stream.read(CHUNK):
        parts.append(data)
        total += len(data)
        if total > _LONGEST_HEADER:
            raise Damaged(f"a header of more than {_LONGEST_HEADER:,} bytes")
    return b"".join(parts)


class _Reader:
    """The header's numbers and tables; Damaged where it ends early or counts too much."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    def header(self) -> tuple[list[_Folder], list[str]]:
        """The folders, and the names of files with content."""
        folders: list[_Folder] = []
        names: list[str] = []
        while (kind := self._byte()) != _END:
            if kind == _ARCHIVE_PROPERTIES:
                while self._byte() != _END:
                    self._take(self._number())
            elif kind == _STREAMS:
                folders = self.streams()
            elif kind == _FILES:
                names = self._file_names()
            else:
                raise Damaged(f"a property {kind} that is not known")
            if self._at >= len(self._data):
                break
        return folders, names

    def streams(self) -> list[_Folder]:
        position = 0
        sizes: list[int] = []
        folders: list[_Folder] = []
        while (kind := self._byte()) != _END:
            if kind == _PACK:
                position, sizes = self._number(), self._pack_sizes(self._count())
            elif kind == _FOLDERS:
                folders = self._folders()
            elif kind == _SUBSTREAMS:
                self._substreams(folders)
            else:
                raise Damaged(f"a property {kind} that is not known")
        stored = iter(sizes)
        for folder in folders:
            for _ in range(folder.inputs):
                size = next(stored, 0)
                folder.packed.append((position, size))
                position += size
        return folders

    def _pack_sizes(self, count: int) -> list[int]:
        sizes: list[int] = []
        while (kind := self._byte()) != _END:
            if kind == _SIZE:
                sizes = [self._number() for _ in range(count)]
            elif kind == _CRC:
                self._digests(count)
            else:
                raise Damaged(f"a property {kind} that is not known")
        return sizes

    def _folders(self) -> list[_Folder]:
        if self._byte() != _FOLDER:
            raise Damaged("no folders where they are due")
        count = self._count()
        if self._byte():
            raise Damaged("folders in another place")
        folders = [self._folder() for _ in range(count)]
        if self._byte() != _UNPACK_SIZE:
            raise Damaged("no sizes where they are due")
        for folder in folders:
            folder.sizes = [self._number() for _ in range(max(folder.outputs, 1))]
            if folder.reverse:
                folder.sizes.reverse()
            folder.files = folder.sizes[:1]
        while (kind := self._byte()) != _END:
            if kind != _CRC:
                raise Damaged(f"a property {kind} that is not known")
            for folder, defined in zip(folders, self._digests(count), strict=True):
                folder.checked = defined
        return folders

    def _folder(self) -> _Folder:
        coders, inputs, outputs = [], 0, 0
        for _ in range(self._count(32)):
            flags = self._byte()
            method = self._take(flags & 15)
            ins, outs = (self._count(32), self._count(32)) if flags & 16 else (1, 1)
            coders.append((method, self._take(self._number()) if flags & 32 else b""))
            inputs, outputs = inputs + ins, outputs + outs
        pairs = [(self._number(), self._number()) for _ in range(max(outputs - 1, 0))]
        packed = inputs - len(pairs)
        if packed > 1:
            for _ in range(packed):
                self._number()
        # A chain: each coder reads what its neighbour writes, from the last one to the first or the other way round.
        plain = inputs == outputs == len(coders)
        forward = plain and sorted(pairs) == [(at, at + 1) for at in range(len(coders) - 1)]
        reverse = plain and not forward and sorted(pairs) == [(at + 1, at) for at in range(len(coders) - 1)]
        if reverse:
            coders.reverse()
        return _Folder(coders, forward or reverse, inputs=max(packed, 0), outputs=outputs, reverse=reverse)

    def _substreams(self, folders: Sequence[_Folder]) -> None:
        kind = self._byte()
        counts = [1] * len(folders)
        if kind == _COUNTS:
            counts = [self._count() for _ in folders]
            kind = self._byte()
        if sum(counts) > _MOST:
            raise Damaged("too many files")
        for folder, count in zip(folders, counts, strict=True):
            total = folder.sizes[0]
            sizes = [self._number() for _ in range(count - 1)] if kind == _SIZE else [0] * max(count - 1, 0)
            folder.files = [*sizes, max(total - sum(sizes), 0)] if count else []
        if kind == _SIZE:
            kind = self._byte()
        while kind != _END:
            if kind != _CRC:
                raise Damaged(f"a property {kind} that is not known")
            known = (count == 1 and folder.checked for folder, count in zip(folders, counts, strict=True))
            self._digests(sum(0 if one else count for one, count in zip(known, counts, strict=True)))
            kind = self._byte()

    def _digests(self, count: int) -> list[bool]:
        """Pass over digests; which of so many streams have one."""
        defined = [True] * count if self._byte() else self._bits(count)
        self._take(4 * sum(defined))
        return defined

    def _bits(self, count: int) -> list[bool]:
        data = self._take((count + 7) // 8)
        return [bool(data[at // 8] & 128 >> at % 8) for at in range(count)]

    def _file_names(self) -> list[str]:
        count = self._count()
        names: list[str] = []
        empty = [False] * count
        while (kind := self._byte()) != _END:
            end = self._number() + self._at
            if kind == _EMPTY:
                empty = self._bits(count)
            elif kind == _NAMES and not self._byte():
                text = self._data[self._at : end].decode("utf-16-le", "replace")
                names = text.split("\0")[:count]
            self._at = end
        names += [f"file-{at}" for at in range(len(names), count)]
        return [name for name, nothing in zip(names, empty, strict=True) if not nothing]

    def _byte(self) -> int:
        return self._take(1)[0]

    def _take(self, size: int) -> bytes:
        data = self._data[self._at : self._at + size]
        if len(data) < size:
            raise Damaged("its header ends early")
        self._at += size
        return data

    def _count(self, most: int = _MOST) -> int:
        count = self._number()
        if count > most:
            raise Damaged(f"a table of {count:,} rows")
        return count

    def _number(self) -> int:
        """Up to eight bytes; the first one's leading ones say how many follow."""
        first = self._byte()
        value, mask = 0, 0x80
        for at in range(8):
            if not first & mask:
                return value | (first & mask - 1) << 8 * at
            value |= self._byte() << 8 * at
            mask >>= 1
        return value
