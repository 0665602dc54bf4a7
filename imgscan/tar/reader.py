"""A tar as a sequence of members with readable data: for the archives that hold an image's blobs.

Works on any stream in one pass; where the stream can skip, data nobody reads is not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from imgscan.errors import Problem
from imgscan.evidence import Limits, Member
from imgscan.image.blob import Readable
from imgscan.tar.header import BLOCK
from imgscan.tar.walker import MemberWalker

_SKIP_CHUNK = 1 << 20


class MemberStream:
    """The data of one member; valid until the next member is asked for."""

    def __init__(self, stream: Readable, size: int) -> None:
        self._stream = stream
        self._readinto = getattr(stream, "readinto", None)
        self.left = size
        """Bytes not read yet."""
        self.truncated = False
        """The stream ended before the member did."""

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(min(size, self.left)) if self.left else b""
        self.left -= len(data)
        self.truncated = self.truncated or (not data and size > 0 and self.left > 0)
        return data

    def readinto(self, view: memoryview, /) -> int:
        """Fill the beginning of `view`; 0 at the end."""
        view = view[: self.left]
        if not len(view):
            return 0
        if self._readinto is None:
            data = self.read(len(view))
            view[: len(data)] = data
            return len(data)
        count = int(self._readinto(view))
        self.left -= count
        self.truncated = self.truncated or count == 0
        return count


class TarReader:
    """Iterate once: (member, its data). `problems` is complete when the iteration has ended."""

    def __init__(self, stream: Readable, limits: Limits | None = None) -> None:
        self._stream = stream
        self._skip = getattr(stream, "skip", None)
        self._walker = MemberWalker(limits or Limits(), checksums=False)
        self.problems: tuple[Problem, ...] = ()

    def __iter__(self) -> Iterator[tuple[Member, MemberStream]]:
        walker = self._walker
        offset = 0
        known = 0
        while not walker.broken and walker.end_marker < 0:
            header = self._read(BLOCK)
            walker.feed(memoryview(header), offset)
            offset += len(header)
            if len(header) < BLOCK:
                break
            if len(walker.table) == known or walker.within_header or walker.broken:
                continue
            known += 1
            member = walker.table[known - 1]
            data = MemberStream(self._stream, member.size)
            yield member, data
            taken = self._pass_over(data.left)
            offset += member.size - data.left + taken
            walker.pass_over(offset)
            if taken < data.left or data.truncated:
                break
            offset += self._pass_over(-member.size % BLOCK)
        self.problems = tuple(_of_archive(problem) for problem in walker.finish())

    def _read(self, size: int) -> bytes:
        parts = b""
        while len(parts) < size:
            more = self._stream.read(size - len(parts))
            if not more:
                break
            parts += more
        return parts

    def _pass_over(self, size: int) -> int:
        if self._skip is not None:
            return int(self._skip(size))
        left = size
        while left:
            data = self._stream.read(min(left, _SKIP_CHUNK))
            if not data:
                break
            left -= len(data)
        return size - left


def _of_archive(problem: Problem) -> Problem:
    return replace(problem, code="truncated-archive") if problem.code == "truncated-layer" else problem
