"""The unpacking of one layer: its containers found while the blocks pass, opened in tar order beside the scan.

One thread, however many containers there are: budgets are shared by all members of a layer, and what is left of
them for one must not depend on how fast another was. Measured on 88 MB of inflated text out of 25 MB of zip, jar,
tar.gz and gz: 0.75 s of one core, or 9 ns a byte, of which inflating takes 4, matching 3, and the rest is confirming,
as for any text. A file that is no container costs a third of a microsecond.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import groupby
from types import TracebackType

from imgscan.evidence import Limits, MemberKind, decode
from imgscan.layers.blocks import Block
from imgscan.layers.confirmation import Piece
from imgscan.layers.inner_search import InnerSearch
from imgscan.layers.inner_work import InnerResult
from imgscan.layers.member_digests import MemberDigests, Reopen, Reopened
from imgscan.layers.unpack import unpacker_of
from imgscan.layers.unpack.content import Content, Spool
from imgscan.layers.unpack.unpacker import Unpacker
from imgscan.layers.unpacking_apart import MovingWork, UnpackingApart
from imgscan.tar.walker import MemberWalker

_WAITING = 16 << 20
"""Bytes of containers that wait in memory before the scan waits for them."""
_SMALLEST = 18  # bytes of an empty gzip file less two; nothing smaller holds anything


class Unpacking:
    """Told of each block after the walker; finish() when the layer has ended, close() in any case.

    `make_search` is asked once, when the first container comes; `get_apart` when there is enough for a process.
    """

    def __init__(
        self,
        walker: MemberWalker,
        limits: Limits,
        make_search: Callable[[], InnerSearch],
        get_apart: Callable[[], UnpackingApart | None],
        *,
        digests: MemberDigests,
        reopen: Reopen | None,
    ) -> None:
        self._walker = walker
        self._table = walker.table
        self._limits = limits
        self._make_search = make_search
        self._get_apart = get_apart
        self._digests = digests
        self._reopen = reopen
        self._reopened: Reopened | None = None
        self._threaded = False  # a layer of one block is not worth a thread
        self._thread: ThreadPoolExecutor | None = None
        self._work: MovingWork | None = None
        self._next = 0  # member that was not looked at yet
        self._open: tuple[int, Unpacker, Spool | None] | None = None  # the container that spans out of the block
        self._jobs: deque[tuple[int, Future[None]]] = deque()
        self._waiting = 0
        self._seen = 0

    def feed(self, block: Block) -> None:
        """Look at the members that begin in this block, and collect what spans into it."""
        end = block.begin + block.end
        self._seen = end
        self._threaded = self._threaded or not block.last
        if self._open is not None:
            self._continue(block, end)
        table, sizes, kinds, offsets = self._table, self._table.sizes, self._table.kinds, self._table.data_offsets
        count = len(table.kinds) - self._walker.within_header
        begin, buffer, file = block.begin, block.buffer, MemberKind.FILE
        for index in range(self._next, count):
            if sizes[index] < _SMALLEST or kinds[index] != file:
                continue
            offset = offsets[index]
            if offset >= end:  # its data begins with the next block
                self._next = index
                return
            unpacker = unpacker_of(buffer, offset - begin, min(sizes[index], end - offset))
            if unpacker is not None:
                self._enter(index, unpacker, block, end)
        self._next = count

    def decode(self, pieces: Sequence[Piece]) -> None:
        """What encodings hide in members, in tar order: searched like the files in them."""
        for member, group in groupby(pieces, key=lambda piece: piece.member):
            found = list(group)
            path = decode(self._table.path(member))
            self._run(partial(self._worker().decode, member, path, found), sum(len(piece.data) for piece in found))

    def finish(self) -> InnerResult:
        """The layer has ended: all that was found inside members."""
        if self._open is not None:
            self._submit_open()
        while self._jobs:
            self._wait()
        if self._work is None:
            return InnerResult()
        result = self._work.result()
        for member in result.wanted:
            self._digests.want(member)
        for digest in result.digests:
            self._digests.put(digest)
        return result

    def close(self) -> None:
        """Let go of threads and files, whatever happened."""
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)
        if self._open is not None and self._open[2] is not None:
            self._open[2].close()
        if self._reopened is not None:
            self._reopened.close()

    def __enter__(self) -> Unpacking:
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self.close()

    def _enter(self, member: int, unpacker: Unpacker, block: Block, end: int) -> None:
        start = self._table.data_offsets[member]
        stop = start + self._table.sizes[member]
        if stop <= end:
            data = bytes(block.buffer[start - block.begin : stop - block.begin])
            self._submit(member, unpacker, Content.of_bytes(data), len(data))
            return
        spool = None
        if self._read_at() is None:
            spool = Spool()
            spool.write(memoryview(block.buffer)[start - block.begin : block.end])
        self._open = (member, unpacker, spool)

    def _continue(self, block: Block, end: int) -> None:
        assert self._open is not None  # noqa: S101  # the caller checks; keeps mypy's narrowing
        member, _, spool = self._open
        stop = self._table.data_offsets[member] + self._table.sizes[member]
        if spool is not None:
            spool.write(memoryview(block.buffer)[block.fresh : min(stop, end) - block.begin])
        if stop <= end:
            self._submit_open()

    def _submit_open(self) -> None:
        """Hand over the container that spanned blocks: all of it, or what there is of it."""
        assert self._open is not None  # noqa: S101
        (member, unpacker, spool), self._open = self._open, None
        if spool is not None:
            self._submit(member, unpacker, spool.content(), 0)
            return
        read_at = self._read_at()
        assert read_at is not None  # noqa: S101  # there is a spool where there is no way to read again
        start = self._table.data_offsets[member]
        size = min(self._table.sizes[member], self._seen - start)
        content = Content(size, lambda at, count: read_at(start + at, count), place=start)
        self._submit(member, unpacker, content, 0)

    def _read_at(self) -> Callable[[int, int], bytes] | None:
        if self._reopened is None and self._reopen is not None:
            self._reopened = self._reopen()
        return self._reopened.read_at if self._reopened is not None else None

    def _submit(self, member: int, unpacker: Unpacker, content: Content, memory: int) -> None:
        complete = content.size == self._table.sizes[member]
        path = decode(self._table.path(member))
        work = self._worker()
        self._run(partial(work.open, member, path, unpacker, content, complete=complete), memory)

    def _worker(self) -> MovingWork:
        if self._work is None:
            get_apart = self._get_apart if self._threaded else lambda: None
            self._work = MovingWork(self._make_search(), self._limits, self._reopen, get_apart)
        return self._work

    def _run(self, job: Callable[[], None], memory: int) -> None:
        """Have a job done after all before it; `memory` is what it holds until then, in bytes."""
        if not self._threaded:
            job()
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "imgscan-unpack")
        while self._jobs and self._waiting + memory > _WAITING:
            self._wait()
        self._waiting += memory
        self._jobs.append((memory, self._thread.submit(job)))
        while self._jobs and self._jobs[0][1].done():
            self._wait()

    def _wait(self) -> None:
        memory, job = self._jobs.popleft()
        job.result()
        self._waiting -= memory
