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
"""Bytes of a content that are kept in memory; more go to an unlinked file."""
_KINDS = frozenset({MemberKind.FILE, MemberKind.OTHER})


def spooled() -> IO[bytes]:
    """Where bytes of any number are kept: in memory, then in a file without a name."""
    return tempfile.SpooledTemporaryFile(_IN_MEMORY)


@dataclass(slots=True)
class _Open:
    index: int
    spool: IO[bytes]
    written: int = 0


class MemberTaking:
    """Reads layers, and keeps the contents of all members at the given paths. Layers may be read in many threads.

    `taken` has them by (computed diff_id of the layer, index of the member); one that its layer ends within is short.
    """

    def __init__(self, paths: Iterable[bytes], limits: Limits | None = None) -> None:
        self.taken: dict[tuple[str, int], IO[bytes]] = {}
        self._paths = frozenset(paths)
        self._limits = limits or Limits()
        self._lock = Lock()

    def read(self, stream: Readable) -> LayerScan:
        """Read a layer to its end: its scan as at depth MEMBERS with digests, without facts and of no plan."""
        one = _Reading(stream, self._paths, self._limits)
        scan = one.run()
        with self._lock:
            for content in one.contents:
                kept = self.taken.setdefault((scan.diff_id, content.index), content.spool)
                if kept is not content.spool:  # the same layer once more
                    content.spool.close()
        return scan

    def __enter__(self) -> MemberTaking:
        return self

    def __exit__(self, *_: object) -> None:
        for spool in self.taken.values():
            spool.close()


class _Reading:
    """One pass over one layer."""

    def __init__(self, stream: Readable, paths: frozenset[bytes], limits: Limits) -> None:
        self.contents: list[_Open] = []
        self._stored = hashlib.sha256()
        self._plain = hashlib.sha256()
        self._stream = PlainStream(
            stream, stored_hash=self._stored, max_bytes=limits.layer_bytes, max_ratio=limits.ratio
        )
        self._walker = MemberWalker(limits, digests=True)
        self._paths = paths
        self._known = 0
        self._waiting: list[_Open] = []

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
        """Keep what the block has of the wanted members."""
        table = self._walker.table
        for index in range(self._known, len(table)):
            if table.kinds[index] in _KINDS and table.path(index) in self._paths:
                content = _Open(index, spooled())
                self.contents.append(content)
                self._waiting.append(content)
        self._known = len(table)
        still = []
        for content in self._waiting:
            last = content.index == len(table) - 1
            if not (last and self._walker.within_header):  # where its data begins is known
                start = table.data_offsets[content.index] + content.written
                stop = table.data_offsets[content.index] + table.sizes[content.index]
                content.written += content.spool.write(block[max(start - offset, 0) : max(stop - offset, 0)])
            if content.written < table.sizes[content.index]:
                still.append(content)
        self._waiting = still
