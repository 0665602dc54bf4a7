"""Compressed streams by magic bytes: what a layer or a whole archive may be wrapped in.

gzip may have several members and trailing zeros (pigz, stargz), zstd several and skippable frames
(zstd:chunked); all are read to their very end. Names and media types are never asked.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from imgscan.errors import Effect, Problem
from imgscan.image.blob import Readable

CHUNK = 256 << 10
"""Stored bytes read at a time."""
SNIFF = 512
"""Bytes that are enough to tell what a blob is."""
RATIO_FROM = 1 << 30
"""Uncompressed bytes before a ratio is judged."""


class Compression(StrEnum):
    """How a blob is stored."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"
    BZIP2 = "bzip2"
    XZ = "xz"
    LZ4 = "lz4"
    ZLIB = "zlib"
    """RFC 1950; inside other formats only, never told by its first bytes."""
    DEFLATE = "deflate"
    """RFC 1951, as ZLIB."""


def detect_compression(head: bytes) -> Compression:
    """Tell a blob's compression by its first bytes (RFC 1952, RFC 8878, the formats of bzip2, xz and lz4)."""
    if head.startswith(b"\x1f\x8b"):
        return Compression.GZIP
    if head.startswith(b"\x28\xb5\x2f\xfd") or (head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50):
        return Compression.ZSTD
    if head.startswith(b"BZh") and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90"):
        return Compression.BZIP2
    if head.startswith(b"\xfd7zXZ\0"):
        return Compression.XZ
    if head.startswith(b"\x04\x22\x4d\x18"):
        return Compression.LZ4
    return Compression.NONE


class _Decoder(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Lz4:
    """lz4's decoder, which says None of data that others say is b""."""

    def __init__(self, decoder: _Decoder) -> None:
        self._decoder = decoder
        self.decompress = decoder.decompress

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def needs_input(self) -> bool:
        return self._decoder.needs_input

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data or b""


def _decoder(compression: Compression) -> tuple[Callable[[], _Decoder], tuple[type[Exception], ...]]:
    """A maker of decoders for one stream, and the errors they raise."""
    match compression:
        case Compression.GZIP | Compression.ZLIB | Compression.DEFLATE:
            from isal import igzip_lib  # noqa: PLC0415  # heavy modules load where they are needed

            errors: tuple[type[Exception], ...] = (igzip_lib.IsalError, EOFError)  # type: ignore[assignment]
            flag = {
                Compression.GZIP: igzip_lib.DECOMP_GZIP,
                Compression.ZLIB: igzip_lib.DECOMP_ZLIB,
                Compression.DEFLATE: igzip_lib.DECOMP_DEFLATE,
            }[compression]
            return lambda: igzip_lib.IgzipDecompressor(flag=flag), errors
        case Compression.ZSTD:
            try:
                from compression import zstd  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415
            except ImportError:
                from backports import zstd  # noqa: PLC0415

            return zstd.ZstdDecompressor, (zstd.ZstdError, EOFError)
        case Compression.BZIP2:
            import bz2  # noqa: PLC0415

            return bz2.BZ2Decompressor, (OSError, ValueError, EOFError)
        case Compression.XZ:
            import lzma  # noqa: PLC0415

            return lambda: lzma.LZMADecompressor(memlimit=256 << 20), (lzma.LZMAError, EOFError)
        case Compression.LZ4:
            from lz4.frame import LZ4FrameDecompressor  # noqa: PLC0415

            return lambda: _Lz4(LZ4FrameDecompressor()), (RuntimeError, EOFError)
        case _:
            raise ValueError(compression)


class PlainStream:
    """A blob's uncompressed bytes, whatever it is stored as. Problems collect; reading never raises for bad data.

    `stored_hash` is updated with every stored byte (a hashlib object, or None where nobody asks).
    OSError of the stream below goes through.
    """

    def __init__(
        self,
        stream: Readable,
        *,
        stored_hash: object | None = None,
        max_bytes: int = 1 << 62,
        max_ratio: int = 1 << 30,
        ratio_from: int = RATIO_FROM,
    ) -> None:
        self._stream = stream
        self._hash = stored_hash
        self._max_bytes = max_bytes
        self._max_ratio = max_ratio
        self._ratio_from = ratio_from
        self._problems: list[Problem] = []
        self.stored_size = 0
        self.size = 0
        self._finished = False
        head = b""
        while len(head) < SNIFF:
            more = stream.read(SNIFF - len(head))
            if not more:
                break
            head += more
        self._count_stored(head)
        self._head = head
        self.compression = detect_compression(head)
        if self.compression is not Compression.NONE:
            self._make, self._errors = _decoder(self.compression)
            self._decode = self._make()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was wrong with the compressed stream, known once the end was read."""
        return tuple(self._problems)

    @property
    def head(self) -> bytes:
        """The first stored bytes, up to 512."""
        return self._head if self.compression is Compression.NONE else b""

    def fill(self, view: memoryview) -> int:
        """Fill `view` as far as the data goes; the number of bytes written, less than its length at the end only."""
        total = 0
        while total < len(view):
            count = self._fill_some(view[total:])
            if count == 0:
                break
            total += count
        return total

    def read(self, size: int, /) -> bytes:
        """Up to `size` uncompressed bytes; b"" at the end."""
        buffer = bytearray(min(size, CHUNK))
        count = self._fill_some(memoryview(buffer))
        return bytes(buffer[:count])

    def drain(self, most: int | None = None) -> bool:
        """Read the rest of the stored bytes, for their digest, `most` of them at the most; whether that was all."""
        self._finished = True
        stop = None if most is None else self.stored_size + most
        while data := self._stream.read(CHUNK):
            self._count_stored(data)
            if stop is not None and self.stored_size >= stop:
                return False
        return True

    def _fill_some(self, view: memoryview) -> int:
        if self._finished or not len(view):
            return 0
        count = self._plain(view) if self.compression is Compression.NONE else self._decoded(view)
        size = self.size + count
        if size > self._max_bytes:
            self._stop("layer-too-big", f"more than {self._max_bytes:,} uncompressed bytes; the rest was not read")
            return 0
        if size > self._ratio_from and size > self._max_ratio * max(self.stored_size, 1):
            self._stop("decompression-bomb", f"{size:,} bytes out of {self.stored_size:,}; the rest was not read")
            return 0
        self.size = size
        return count

    def _plain(self, view: memoryview) -> int:
        if self._head:
            count = min(len(view), len(self._head))
            view[:count] = self._head[:count]
            self._head = self._head[count:]
            return count
        readinto = getattr(self._stream, "readinto", None)
        if readinto is not None:
            count = int(readinto(view))
            self._count_stored(view[:count])
            return count
        data = self._stream.read(len(view))
        view[: len(data)] = data
        self._count_stored(data)
        return len(data)

    def _decoded(self, view: memoryview) -> int:
        while True:
            if self._decode.eof and not self._next_part():
                return 0
            data, self._head = self._head, b""
            if not data and self._decode.needs_input:
                data = self._stream.read(CHUNK)
                self._count_stored(data)
                if not data:
                    after = f"after {self.size:,} bytes of data"
                    self._stop("truncated-stream", f"the {self.compression} stream ends early, {after}")
                    return 0
            try:
                out = self._decode.decompress(data, max_length=len(view))
            except self._errors as error:
                self._stop("corrupt-stream", f"the {self.compression} stream breaks after {self.size:,} bytes: {error}")
                return 0
            if out:
                view[: len(out)] = out
                return len(out)

    def _next_part(self) -> bool:
        """Go on with the next gzip member or zstd frame; False where the data has ended."""
        rest = self._decode.unused_data.lstrip(b"\0")
        while len(rest) < SNIFF:
            more = self._stream.read(CHUNK)
            if not more:
                break
            self._count_stored(more)
            rest = (rest + more).lstrip(b"\0") if not rest else rest + more
        if rest and detect_compression(rest[:SNIFF]) is self.compression:
            self._decode = self._make()
            self._head = rest
            return True
        if rest:
            self._problems.append(Problem("trailing-data", f"data follows the end of the {self.compression} stream"))
        self.drain()
        return False

    def _stop(self, code: str, message: str) -> None:
        self._problems.append(Problem(code, message, Effect.INCOMPLETE))
        self.drain()

    def _count_stored(self, data: bytes | memoryview) -> None:
        self.stored_size += len(data)
        if self._hash is not None:
            self._hash.update(data)  # type: ignore[attr-defined]


class CorruptStream(ValueError):
    """A compressed stream inside another format breaks, or ends early."""


class EmbeddedStream:
    """One compressed stream inside another format, which tells how it is compressed. Raises CorruptStream.

    `consumed` counts the stored bytes that belong to it, once it was read to its end.
    """

    def __init__(self, stream: Readable, compression: Compression, *, chunk: int = CHUNK) -> None:
        make, self._errors = _decoder(compression)
        self._decode = make()
        self._stream = stream
        self._chunk = chunk
        self._taken = 0

    @property
    def consumed(self) -> int:
        return self._taken - len(self._decode.unused_data)

    def read(self, size: int, /) -> bytes:
        size = min(size, CHUNK)
        while not self._decode.eof:
            data = b""
            if self._decode.needs_input:
                data = self._stream.read(self._chunk)
                self._taken += len(data)
                if not data:
                    raise CorruptStream("it ends early")
            try:
                out = self._decode.decompress(data, max_length=size)
            except self._errors as error:
                raise CorruptStream(str(error)) from None
            if out:
                return out
        return b""
