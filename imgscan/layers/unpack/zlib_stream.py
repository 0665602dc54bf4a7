"""zlib streams (RFC 1950): loose objects of git, and whatever programs keep compressed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgscan.image.compression import Compression, CorruptStream, EmbeddedStream
from imgscan.layers.unpack.content import Content, Joined, read_exactly
from imgscan.layers.unpack.unpacker import Damaged, Form, Inner, Opaque

_GIT = (b"blob ", b"tree ", b"commit ", b"tag ")
_LONGEST_GIT_HEADER = 32
_LOOKED_AT = 4096
_ASSIGNMENT = re.compile(rb"(?:export )?[A-Za-z_][\w.-]{0,99} ?[=:]")


class ZlibUnpacker:
    """A file that is one stream. A git object loses its header, so that lines and offsets are those of the file."""

    name = "zlib"
    magic = rb"\x78[\x01\x5e\x9c\xda]"
    certain = False
    streams = False

    def unpack(self, content: Content) -> Iterator[Inner | Opaque]:
        """All of it, under the kind of git object that it is, if it is one."""
        stream = _Inflated(content)
        head = read_exactly(stream, _LONGEST_GIT_HEADER)
        header, end, rest = head.partition(b"\0")
        if end and header.startswith(_GIT):
            kind = header.partition(b" ")[0].decode("ascii")
            rest += read_exactly(stream, _LOOKED_AT)
            yield Inner(kind, Joined(rest, stream), name="blob.env" if _is_settings(rest) else kind)
        else:
            yield Inner("zlib", Joined(head, stream), Form.ENCODING)


def _is_settings(text: bytes) -> bool:
    """Nothing tells what a blob was called; if every line of its beginning is an assignment, it was a settings file."""
    lines = [line.strip() for line in text.splitlines()[:40]]
    lines = [line for line in lines if line and line[:1] not in b"#;["]
    return bool(lines) and all(_ASSIGNMENT.match(line) for line in lines)


class _Inflated:
    def __init__(self, content: Content) -> None:
        self._stream = EmbeddedStream(content.stream(), Compression.ZLIB)

    def read(self, size: int, /) -> bytes:
        try:
            return self._stream.read(size)
        except CorruptStream as error:
            raise Damaged(str(error)) from None
