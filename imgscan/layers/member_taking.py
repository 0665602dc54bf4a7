"""Reading a layer for its members and for the bytes of a few of them, in one pass."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock
from typing import IO

from imgscan.errors import Effect
from imgscan.evidence import Coverage, LayerScan, Limits, MemberKind, Skip
from imgscan.image.blob import Readable
from imgscan.image.compression import PlainStream
from imgscan.tar.walker import MemberWalker

_BLOCK = 1 << 20
_IN_MEMORY = 8 << 20
"""Bytes of contents that are kept in memory; more go to a file without a name."""
_KINDS = frozenset({MemberKind.FILE, MemberKind.OTHER})


@dataclass(frozen=True, slots=True)
class Kept:
    """A run of bytes in a file that others may share; not for several threads."""

    file: IO[bytes]
    start: int
    size: int

    def read_at(self, offset: int, size: int, /) -> bytes:
        """Up to `size` bytes from `offset` of the run on."""
        self.file.seek(self.start + offset)
        return self.file.read(max(0, min(size, self.size - offset)))


def spooled() -> IO[bytes]:
    """Where bytes of any number are kept: in memory, then in a file without a name."""
    return tempfile.SpooledTemporaryFile(_IN_MEMORY)


class MemberTaking:
    """Reads layers, and keeps the contents of all members at the given paths. Layers may be read in many threads.

    `taken` has them by (computed diff_id of the layer, index of the member); one that its layer ends within is short.
    All of a layer share one file: a hostile layer has a path a million times.
    """

    def __init__(self, paths: Iterable[bytes], limits: Limits | None = None) -> None:
        self.taken: dict[tuple[str, int], Kept] = {}
        self._files: dict[str, IO[bytes]] = {}
        self._paths = frozenset(paths)
        self._limits = limits or Limits()
        self._lock = Lock()

    def read(self, stream: Readable) -> LayerScan:
        """Read a layer to its end: its scan as at depth MEMBERS with digests, without facts and of no plan."""
        one = _Reading(stream, self._paths, self._limits)
        try:
            scan = one.run()
        except BaseException:
            one.file.close()
            raise
        with self._lock:
            if self._files.setdefault(scan.diff_id, one.file) is not one.file:  # the same layer once more
                one.file.close()
            else:
                self.taken |= {(scan.diff_id, index): kept for index, kept in one.kept.items()}
        return scan

    def __enter__(self) -> MemberTaking:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files.values():
            file.close()


class _Reading:
    """One pass over one layer."""

    def __init__(self, stream: Readable, paths: frozenset[bytes], limits: Limits) -> None:
        self.file = spooled()
        self.kept: dict[int, Kept] = {}
        self._stored = hashlib.sha256()
        self._plain = hashlib.sha256()
        self._stream = PlainStream(
            stream, stored_hash=self._stored, max_bytes=limits.layer_bytes, max_ratio=limits.ratio
        )
        self._walker = MemberWalker(limits, digests=True)
        self._paths = paths
        self._next = 0  # member that was not looked at yet

    def run(self) -> LayerScan:
        view = memoryview(bytearray(_BLOCK))
        offset = 0
        while count := self._stream.fill(view):
            self._plain.update(view[:count])
            self._walker.feed(view[:count], offset)
            self._take(view[:count], offset)
            offset += count
        problems, told = self._walker.finish(), self._stream.problems
        if any(problem.effect is Effect.INCOMPLETE for problem in told):
            problems = tuple(problem for problem in problems if problem.code != "truncated-layer")
        table = self._walker.table
        skipped = (Skip("headers only", len(table), sum(table.sizes)),) if len(table) else ()
        return LayerScan(
            diff_id=f"sha256:{self._plain.hexdigest()}",
            digest=f"sha256:{self._stored.hexdigest()}",
            size=self._stream.size,
            stored_size=self._stream.stored_size,
            plan="",
            members=table,
            coverage=Coverage(len(table), 0, skipped),
            problems=(*problems, *told),
        )

    def _take(self, block: memoryview, offset: int) -> None:
        """Keep what the block has of the wanted members: of all but the last, which may go on, for good."""
        table = self._walker.table
        count = len(table) - self._walker.within_header  # where the data of that one begins is not known yet
        for index in range(self._next, count):
            if table.kinds[index] in _KINDS and table.path(index) in self._paths:
                kept = self.kept.get(index) or Kept(self.file, self.file.tell(), 0)
                begin = table.data_offsets[index]
                part = block[max(begin + kept.size - offset, 0) : max(begin + table.sizes[index] - offset, 0)]
                self.file.write(part)
                self.kept[index] = Kept(self.file, kept.start, kept.size + len(part))
        self._next = max(count - 1, self._next)
