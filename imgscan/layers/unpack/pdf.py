"""PDF (ISO 32000): its compressed streams. What is not compressed is searched as it lies in the file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgscan.image.compression import Compression, CorruptStream, EmbeddedStream
from imgscan.layers.unpack.content import Content
from imgscan.layers.unpack.unpacker import Inner, Opaque

_STREAM = re.compile(rb"stream\r?\n(?=[\x08-\x78][\x01\x5e\x9c\xda])")
_SEARCH = 1 << 20


class PdfUnpacker:
    """Streams of FlateDecode without a predictor: pages, attached files, scripts."""

    name = "PDF"
    magic = rb"%PDF-"
    certain = True
    streams = False

    def unpack(self, content: Content) -> Iterator[Inner | Opaque]:
        """In the order they lie in the file, named by where they begin."""
        at = 0
        while at < content.size:
            data = content.read_at(at, _SEARCH + 16)
            for match in _STREAM.finditer(data):
                if match.start() >= _SEARCH:
                    break
                yield Inner(f"stream-{at + match.end()}", _Inflated(content, at + match.end()))
            at += _SEARCH


class _Inflated:
    """A stream as far as it goes: one that breaks is an image's, or was never compressed."""

    def __init__(self, content: Content, at: int) -> None:
        self._stream = EmbeddedStream(content.stream(at), Compression.ZLIB, chunk=16 << 10)

    def read(self, size: int, /) -> bytes:
        try:
            return self._stream.read(size)
        except CorruptStream:
            return b""
