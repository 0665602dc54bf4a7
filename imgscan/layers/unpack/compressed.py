"""Single compressed files: gz, bz2, xz, zst, lz4."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgscan.errors import Effect
from imgscan.image.compression import PlainStream
from imgscan.layers.unpack.content import Content
from imgscan.layers.unpack.unpacker import Damaged, Form, Inner, Opaque


@dataclass(frozen=True, slots=True)
class CompressedFileUnpacker:
    """Files of one compression, by the magic of `image.compression`."""

    name: str
    magic: bytes
    certain: bool = True
    streams: bool = False

    def unpack(self, content: Content) -> Iterator[Inner | Opaque]:
        """All of it, as one file; all members and frames of it."""
        yield Inner("", _Plain(content), Form.WHOLE)


class _Plain:
    """The uncompressed bytes; what is wrong with the stream is told at its end."""

    def __init__(self, content: Content) -> None:
        self._stream = PlainStream(content.stream())

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        if not data:
            for problem in self._stream.problems:
                if problem.effect is Effect.INCOMPLETE:
                    raise Damaged(problem.message)
        return data


GZIP = CompressedFileUnpacker("gzip", rb"\x1f\x8b\x08")
BZIP2 = CompressedFileUnpacker("bzip2", rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)")
XZ = CompressedFileUnpacker("xz", rb"\xfd7zXZ\0")
ZSTD = CompressedFileUnpacker("zstd", rb"(?:\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18)")
LZ4 = CompressedFileUnpacker("lz4", rb"\x04\x22\x4d\x18")
