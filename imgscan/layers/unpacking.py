"""The unpacking of one layer: its containers found while the blocks pass, opened in tar order beside the scan.

One thread, however many containers there are: budgets are shared by all members of a layer, and what is left of
them for one must not depend on how fast another was. Figures (one core, with matching and confirming): 250 MB of
inflated bytes a second out of zip and gzip; a file that is no container costs a third of a microsecond.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from imgscan.errors import Effect, Problem, ProblemLog
from imgscan.evidence import InnerCoverage, Limits, Match, MemberDigest, MemberKind, decode
from imgscan.layers.blocks import Block
from imgscan.layers.inner_search import InnerSearch
from imgscan.layers.inner_walk import SEPARATOR, InnerWalk
from imgscan.layers.member_digests import MemberDigests, Reopen, Reopened, digest_of
from imgscan.layers.unpack import unpacker_of
from imgscan.layers.unpack.budget import Budget
from imgscan.layers.unpack.content import CHUNK, Content, Spool
from imgscan.layers.unpack.unpacker import Unpacker
from imgscan.tar.walker import MemberWalker

_WAITING = 16 << 20
"""Bytes of containers that wait in memory before the scan waits for them."""
_SMALLEST = 18  # bytes of an empty gzip file less two; nothing smaller holds anything


class Unpacking:
    """Told of each block after the walker; finish() when the layer has ended, close() in any case.

    `make_search` is asked once, when the first container comes.
    """

    def __init__(
        self,
        walker: MemberWalker,
        limits: Limits,
        make_search: Callable[[], InnerSearch],
        *,
        digests: MemberDigests,
        reopen: Reopen | None,
    ) -> None:
        self._walker = walker
        self._table = walker.table
        self._limits = limits
        self._make_search = make_search
        self._digests = digests
        self._reopen = reopen
        self._reopened: Reopened | None = None
        self._threaded = False  # a layer of one block is not worth a thread
        self._thread: ThreadPoolExecutor | None = None
        self._work: _Work | None = None
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

    def finish(self) -> tuple[list[Match], tuple[Problem, ...], InnerCoverage]:
        """The layer has ended: all matches inside members, by member, then in stored order."""
        if self._open is not None:
            self._submit_open()
        while self._jobs:
            self._wait()
        work = self._work
        if work is None:
            return [], (), InnerCoverage()
        for member in work.wanted:
            self._digests.want(member)
        for digest in work.digests:
            self._digests.put(digest)
        return work.matches, (*work.walk.problems.all(), *work.problems.all()), work.walk.coverage

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
        self._submit(member, unpacker, Content(size, lambda at, count: read_at(start + at, count)), 0)

    def _read_at(self) -> Callable[[int, int], bytes] | None:
        if self._reopened is None and self._reopen is not None:
            self._reopened = self._reopen()
        return self._reopened.read_at if self._reopened is not None else None

    def _submit(self, member: int, unpacker: Unpacker, content: Content, memory: int) -> None:
        if self._work is None:
            self._work = _Work(self._make_search(), self._limits, again=self._reopen is not None)
        complete = content.size == self._table.sizes[member]
        path = decode(self._table.path(member))
        if not self._threaded:
            self._work.open(member, path, unpacker, content, complete)
            return
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "imgscan-unpack")
        while self._jobs and self._waiting + memory > _WAITING:
            self._wait()
        self._waiting += memory
        job = self._thread.submit(self._work.open, member, path, unpacker, content, complete)
        self._jobs.append((memory, job))
        while self._jobs and self._jobs[0][1].done():
            self._wait()

    def _wait(self) -> None:
        memory, job = self._jobs.popleft()
        job.result()
        self._waiting -= memory


class _Work:
    """What the unpacking thread does and finds, one member after the other."""

    def __init__(self, search: InnerSearch, limits: Limits, *, again: bool) -> None:
        self._search = search
        self._again = again
        self.walk = InnerWalk(search, Budget(limits))
        self.matches: list[Match] = []
        self.problems = ProblemLog()
        self.wanted: list[int] = []
        self.digests: list[MemberDigest] = []

    def open(self, member: int, path: str, unpacker: Unpacker, content: Content, complete: bool) -> None:
        try:
            self.walk.open(path, content, unpacker)
        except OSError as error:
            message = f"what is in it cannot be kept to be read: {error.strerror or error}"
            self.problems.add("inner-spool", message, Effect.INCOMPLETE, path=path)
        matches, problems = self._search.finish(member)
        for problem in problems:
            self.problems.add(problem.code, f"{problem.path}: {problem.message}", problem.effect, path=path)
        self.matches += matches
        if any(not match.suppressed for match in matches):
            self.wanted.append(member)
            if not self._again and complete:
                self.digests.append(digest_of(member, _chunks(content)))
        content.close()


def _chunks(content: Content) -> Iterable[bytes]:
    stream = content.stream()
    while data := stream.read(CHUNK):
        yield data


def merged(outer: Iterable[Match], inner: Iterable[Match]) -> tuple[Match, ...]:
    """Matches by member, what lies inside a member behind what its own bytes show.

    A value that was found in an unpacked file is not told a second time of the bytes of a container round it (a tar's,
    or a stored zip entry's), however deep they are in one another.
    """
    inner = list(inner)
    inside: set[tuple[int, bytes, str | None]] = set()
    for match in inner:
        inside.add((match.member, match.key, None))
        place = match.inner_path or ""
        while SEPARATOR in place:
            place = place.rpartition(SEPARATOR)[0]
            inside.add((match.member, match.key, place))
    kept = (match for match in [*outer, *inner] if (match.member, match.key, match.inner_path) not in inside)
    return tuple(sorted(kept, key=lambda match: match.member))
