"""cpio in its two portable forms, newc and odc (cpio(5)): payloads of rpm, initial RAM disks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgscan.image.blob import Readable
from imgscan.layers.unpack.content import CHUNK, Content, Joined, read_exactly
from imgscan.layers.unpack.unpacker import Damaged, Inner, Opaque

_NEWC, _ODC = 110, 76
_LONGEST_NAME = 64 << 10
_TRAILER = b"TRAILER!!!"
_FILE_TYPE, _REGULAR = 0o170000, 0o100000


class CpioUnpacker:
    """Regular files. What follows the trailer (an initial RAM disk may be several archives) is one more entry."""

    name = "cpio"
    magic = rb"0707(?:01|02|07)[0-9A-Fa-f]{8}"
    certain = True
    streams = True

    def unpack(self, content: Content) -> Iterator[Inner | Opaque]:
        """In stored order."""
        stream = content.stream()
        while True:
            entry = _header(stream)
            if entry.name == _TRAILER:
                break
            data = _Data(stream, entry.size)
            if entry.mode & _FILE_TYPE == _REGULAR and entry.size:
                yield Inner(entry.name.removeprefix(b"./").decode("utf-8", "replace"), data)
            while data.read(CHUNK):
                pass
            if data.left:
                raise Damaged("it ends within a file")
            _expect(stream, entry.padding)
        rest = _skip_zeros(stream)
        if rest:
            yield Inner("after-trailer", Joined(rest, stream))


@dataclass(frozen=True, slots=True)
class _Entry:
    name: bytes
    mode: int
    size: int
    padding: int
    """Bytes between the end of the data and the next header."""


class _Data:
    """The data of one file, as far as it is there."""

    def __init__(self, stream: Readable, size: int) -> None:
        self._stream = stream
        self.left = size

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(min(size, self.left)) if self.left else b""
        self.left -= len(data)
        return data


def _header(stream: Readable) -> _Entry:
    magic = _expect(stream, 6)
    if magic in (b"070701", b"070702"):
        raw = _expect(stream, _NEWC - 6)
        fields = [_number(raw[at : at + 8], 16) for at in range(0, 104, 8)]
        mode, size, length = fields[1], fields[6], fields[11]
        name = _expect_name(stream, length)
        _expect(stream, -(_NEWC + length) % 4)
        return _Entry(name, mode, size, -size % 4)
    if magic == b"070707":
        raw = _expect(stream, _ODC - 6)
        mode, length, size = _number(raw[12:18], 8), _number(raw[53:59], 8), _number(raw[59:70], 8)
        return _Entry(_expect_name(stream, length), mode, size, 0)
    raise Damaged("no header where one is due")


def _expect_name(stream: Readable, length: int) -> bytes:
    if not 0 < length <= _LONGEST_NAME:
        raise Damaged(f"a name of {length:,} bytes")
    return _expect(stream, length).rstrip(b"\0")


def _number(digits: bytes, base: int) -> int:
    try:
        value = int(digits, base)
    except ValueError:
        value = -1
    if value < 0:
        raise Damaged("a number that is none")
    return value


def _expect(stream: Readable, size: int) -> bytes:
    data = read_exactly(stream, size) if size else b""
    if len(data) < size:
        raise Damaged("it ends within a header")
    return data


def _skip_zeros(stream: Readable) -> bytes:
    while data := stream.read(CHUNK):
        rest = data.lstrip(b"\0")
        if rest:
            return rest
    return b""
