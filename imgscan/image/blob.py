"""How any process opens a blob: values without handle or credential."""

from __future__ import annotations

import os
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Protocol


class Readable(Protocol):
    """The one method a scan needs of a stream; short reads are allowed, b"" is the end."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class FileBlob:
    """A run of bytes in a local file: a blob of an OCI layout, or one stored inside a plain archive.

    `size` is in bytes; what the container claims is checked against the file when it is opened.
    """

    path: str
    offset: int
    size: int

    def open(self) -> SlicedFile:
        """Open for reading; OSError when the file is gone."""
        return SlicedFile(Path(self.path).open("rb", buffering=0), self.offset, self.size)


@dataclass(frozen=True, slots=True)
class StreamedBlob:
    """A blob that went by in a stream and was scanned in passing; it cannot be opened again.

    `name` is the member of the stream it was.
    """

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class RegistryBlob:
    """A blob of a repository. Whoever opens it does so with a login of its own (sources/registry/blobs.py).

    `registry` is host[:port] (`docker.io` for Docker Hub), `size` in bytes as claimed, -1 where nothing is; `insecure`
    is what the user said of that registry.
    """

    registry: str
    repository: str
    digest: str
    size: int
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class MissingBlob:
    """A blob that the metadata names and the source does not have; `reason` says why."""

    digest: str
    reason: str
    foreign: bool = False


BlobRef = FileBlob | StreamedBlob | RegistryBlob | MissingBlob


class SlicedFile:
    """The bytes [offset, offset + size) of a file, read in order without buffering."""

    def __init__(self, file: FileIO, offset: int, size: int) -> None:
        self._file = file
        self._fd = file.fileno()
        self._start = offset
        self._at = offset
        self._size = size
        self._left = size

    def read(self, size: int, /) -> bytes:
        if self._left <= 0:
            return b""
        data = os.pread(self._fd, min(size, self._left), self._at)
        self._at += len(data)
        self._left -= len(data)
        return data

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill `buffer` as far as the slice goes; the number of bytes read, 0 at the end."""
        if self._left <= 0:
            return 0
        count = os.preadv(self._fd, [buffer[: self._left]], self._at)
        self._at += count
        self._left -= count
        return count

    def read_at(self, offset: int, size: int, /) -> bytes:
        """Up to `size` bytes from `offset` of the slice on, wherever reading stands; any thread may ask."""
        return os.pread(self._fd, max(0, min(size, self._size - offset)), self._start + offset)

    def skip(self, size: int, /) -> int:
        """Pass over up to `size` bytes without reading them; how many were there."""
        there = max(0, min(size, self._left, os.fstat(self._fd).st_size - self._at))
        self._at += there
        self._left -= there
        return there

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> SlicedFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
