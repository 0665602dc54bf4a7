"""The bytes of a container, wherever they are: readable in order and at any place."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import IO, Protocol

from imgscan.image.blob import Readable

MEMORY = 8 << 20
"""Bytes of one container kept in memory; a longer one is spooled to a file without a name."""
CHUNK = 256 << 10


class ReadAt(Protocol):
    """Reads up to `size` bytes from `offset` on; short reads are allowed."""

    def __call__(self, offset: int, size: int, /) -> bytes: ...


Place = memoryview | IO[bytes] | int
"""Where a content lies, for another process to read it: in memory, in a file, or from an offset of its layer on."""


class Content:
    """`size` bytes that `read_at` gives; what is claimed and not there reads as an early end. Close it after use."""

    def __init__(
        self, size: int, read_at: ReadAt, close: Callable[[], None] | None = None, place: Place | None = None
    ) -> None:
        self.size = size
        self.place = place
        self._read_at = read_at
        self._close = close

    @classmethod
    def of_bytes(cls, data: bytes | bytearray | memoryview) -> Content:
        view = memoryview(data)
        return cls(len(view), lambda offset, size: bytes(view[offset : offset + size]), place=view)

    def read_at(self, offset: int, size: int) -> bytes:
        """Exactly the bytes asked for, fewer only where the content ends."""
        if offset < 0 or size <= 0 or offset >= self.size:
            return b""
        size = min(size, self.size - offset)
        data = self._read_at(offset, size)
        while 0 < len(data) < size:
            more = self._read_at(offset + len(data), size - len(data))
            if not more:
                break
            data += more
        return data

    @property
    def head(self) -> bytes:
        """The first bytes, up to 512."""
        return self.read_at(0, 512)

    def stream(self, offset: int = 0, size: int | None = None) -> Readable:
        """The bytes from `offset` on, in order."""
        left = max(0, self.size - offset)
        return ContentStream(self, offset, left if size is None else max(0, min(size, left)))

    def close(self) -> None:
        if self._close is not None:
            self._close()


class StreamedContent(Content):
    """A content that passes by once: for unpackers that only read it in order."""

    def __init__(self, stream: Readable) -> None:
        super().__init__(1 << 62, lambda _offset, _size: b"")
        self._stream = stream

    def stream(self, offset: int = 0, size: int | None = None) -> Readable:
        del offset, size
        return self._stream


class ContentStream:
    """A run of a content, read in order; several of one content do not disturb one another."""

    def __init__(self, content: Content, offset: int, size: int) -> None:
        self._content = content
        self._at = offset
        self.left = size

    def read(self, size: int, /) -> bytes:
        data = self._content.read_at(self._at, min(size, self.left))
        self._at += len(data)
        self.left = self.left - len(data) if data else 0
        return data

    def skip(self, size: int, /) -> int:
        """Pass over up to `size` bytes; how many were there."""
        there = min(size, self.left)
        self._at += there
        self.left -= there
        return there


class Spool:
    """Collects bytes that come in order: in memory, then in an unlinked file. OSError where the disk is full."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._file: IO[bytes] | None = None
        self.size = 0

    def write(self, data: bytes | memoryview) -> None:
        self.size += len(data)
        if self._file is None and self.size > MEMORY:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  # the Content closes it
            self._file.write(self._data)
            self._data = bytearray()
        if self._file is None:
            self._data += data
        else:
            self._file.write(data)

    def content(self) -> Content:
        """What was written; nothing more may be."""
        file = self._file
        return Content.of_bytes(self._data) if file is None else content_of_file(file, self.size)

    def close(self) -> None:
        """Drop what was written."""
        if self._file is not None:
            self._file.close()


def content_of_file(file: IO[bytes], size: int) -> Content:
    """The first `size` bytes of a file, which is closed with the content."""

    def read_at(offset: int, size: int) -> bytes:
        file.seek(offset)
        return file.read(size)

    return Content(size, read_at, file.close, place=file)


class Joined:
    """A head that was read already, and the stream it came from."""

    def __init__(self, head: bytes, stream: Readable) -> None:
        self._head = head
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        if not self._head:
            return self._stream.read(size)
        data, self._head = self._head[:size], self._head[size:]
        return data


def read_exactly(stream: Readable, size: int) -> bytes:
    """`size` bytes, fewer only at the end."""
    data = stream.read(size)
    while 0 < len(data) < size:
        more = stream.read(size - len(data))
        if not more:
            break
        data += more
    return data
