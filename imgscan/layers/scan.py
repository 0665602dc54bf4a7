"""The map step: one layer's bytes and a plan give one LayerScan. Pure; knows nothing of the image.

Three threads a layer: one fills the next block (reading, inflating), one digests and matches, and the caller's
walks headers and confirms. Digesting, matching and inflating release the GIL. A layer of one block is scanned
without any.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from imgscan.errors import Effect, Problem
from imgscan.evidence import Coverage, Depth, Fact, LayerScan, Match, MemberDigest, MemberTable, ScanPlan, Skip, decode
from imgscan.image.blob import Readable
from imgscan.image.compression import Compression, PlainStream
from imgscan.layers.blocks import BLOCK_SIZE, Block, BlockReader
from imgscan.layers.confirmation import Confirmation, Spans
from imgscan.layers.extractors import EXTRACTORS, Extractor
from imgscan.layers.inner_search import InnerFiles, InnerSearch
from imgscan.layers.inner_work import InnerResult
from imgscan.layers.matchers.choice import make_matcher
from imgscan.layers.matchers.matcher import Matcher
from imgscan.layers.matching_apart import APART_FROM, MatchingApart, SharedBuffers
from imgscan.layers.member_digests import MemberDigests, Reopen
from imgscan.layers.names import find_in_names
from imgscan.layers.processes import Processes
from imgscan.layers.trailing import Trailing
from imgscan.layers.trusted_programs import TrustedPrograms
from imgscan.layers.unpacking import Unpacking
from imgscan.layers.unpacking_apart import UnpackingApart
from imgscan.secrets.detector import Detector, Nominator
from imgscan.secrets.encodings import encodings
from imgscan.secrets.formats.reading import format_candidates, wanted
from imgscan.secrets.redaction import Redactor
from imgscan.tar.walker import MemberWalker

SENSITIVE = "sensitive"
"""The extractor whose files a package may vouch for, with or without a match."""
Progress = Callable[[int], None]
"""Is told how many uncompressed bytes were scanned since it was last called."""


class LayerScanner:
    """What scans share and is dear to make: the compiled patterns, the detectors, the extractors of one plan.

    `secret_key` keys the HMAC by which equal secrets are known; `matcher_cache` is a directory for the compiled
    patterns. One scanner serves many threads.
    """

    def __init__(
        self,
        plan: ScanPlan,
        detectors: Sequence[Detector],
        *,
        secret_key: bytes,
        matcher_cache: Path | None = None,
        matcher: Callable[[Sequence[Nominator]], Matcher] | None = None,
        revealed: dict[bytes, str] | None = None,
        apart_from: int = APART_FROM,
        reproducible: bool = False,
    ) -> None:
        self.plan = plan
        self.secret_key = secret_key
        self._revealed = revealed
        self._extractors = [extractor for extractor in EXTRACTORS if extractor.name in plan.extractors]
        self._wanted = _alternation(self._extractors)
        self._detectors = (*detectors, *encodings(detectors)) if detectors else ()
        self._nominators = sorted(
            {nominator for detector in self._detectors for nominator in detector.nominators},
            key=lambda nominator: (nominator.pattern, nominator.caseless),
        )
        make = matcher or (lambda nominators: make_matcher(nominators, matcher_cache))
        self._matcher = make(self._nominators) if self._nominators else None
        self._apart_from = apart_from
        # Another process can only make the like of what for_plan makes.
        like_this = (plan, secret_key, revealed) if reproducible else None
        self._processes = Processes(self._matcher, like_this)

    @classmethod
    def for_plan(
        cls,
        plan: ScanPlan,
        *,
        secret_key: bytes,
        matcher_cache: Path | None = None,
        revealed: dict[bytes, str] | None = None,
        matcher: Callable[[Sequence[Nominator]], Matcher] | None = None,
    ) -> LayerScanner:
        """The scanner that a plan asks for. `revealed` collects the secrets by key, for --show-secrets alone."""
        detectors: tuple[Detector, ...] = ()
        if plan.patterns:
            from imgscan.secrets.detectors import detectors as all_detectors  # noqa: PLC0415  # loads detect-secrets

            detectors = all_detectors(entropy=plan.entropy, rules=plan.rules)
        return cls(
            plan,
            detectors,
            secret_key=secret_key,
            matcher_cache=matcher_cache,
            matcher=matcher,
            revealed=revealed,
            reproducible=matcher is None,
        )

    def scan(
        self,
        stream: Readable,
        *,
        reopen: Reopen | None = None,
        progress: Progress | None = None,
        block_size: int = BLOCK_SIZE,
    ) -> LayerScan:
        """Read a layer once, to the end of its blob, and return all the plan asks for.

        `reopen` opens the same blob again, where that is possible: for digests of big members with a match.
        A broken layer is not an error; its scan says where the evidence ends. OSError of the stream goes through.
        """
        return _Run(self, stream, reopen, progress, block_size).run()

    def inner_search(self) -> InnerSearch:
        """For the files inside the members of one layer, on a thread of their own."""
        assert self._matcher is not None  # noqa: S101  # nothing is unpacked without patterns
        files = InnerFiles()
        return InnerSearch(self._matcher.thread_copy(), files, self.confirmation(files, None))

    def confirmation(self, table: Spans, digests: MemberDigests | None) -> Confirmation:
        """For one scan of one layer."""
        cap = self.plan.limits.confirmations
        return Confirmation(
            self._detectors,
            self._nominators,
            table,
            key=self.secret_key,
            cap=cap,
            digests=digests,
            revealed=self._revealed,
        )

    def find_in_names(self, table: MemberTable, matcher: Matcher) -> Iterator[Match]:
        reveal = self._revealed.__setitem__ if self._revealed is not None else None
        return find_in_names(table, matcher, self.secret_key, reveal, self.plan.rules)

    def close(self) -> None:
        """End the processes beside this one, if there are any; scans go on without."""
        self._processes.close()

    @property
    def worker(self) -> MatchingApart | None:
        """The matching process, where a layer was large enough for one."""
        return self._processes.matching_process

    def buffers(self) -> SharedBuffers:
        """Where the blocks of one scan get their memory."""
        return SharedBuffers(self._processes.matching, self._apart_from)

    def unpacking_apart(self) -> UnpackingApart | None:
        """The process that opens archives."""
        return self._processes.unpacking()

    def matcher(self) -> Matcher | None:
        """For one thread; None where the plan has no patterns."""
        return self._matcher.thread_copy() if self._matcher is not None else None

    def wants(self, path: bytes, size: int) -> bool:
        """Whether an extractor or a format takes this member.

        A file larger than they read is not of their kind, and no blind spot.
        """
        if self._wanted.match(path) is not None and any(self._takers(decode(path), size)):
            return True
        return self._matcher is not None and wanted(path, size)

    def _takers(self, path: str, size: int) -> Iterator[Extractor]:
        for extractor in self._extractors:
            if size <= extractor.max_size and re.fullmatch(extractor.paths, path, re.DOTALL | re.ASCII):
                yield extractor

    def extract(self, index: int, path: str, data: bytes) -> tuple[list[Fact], list[Problem]]:
        facts, problems = [], []
        for extractor in self._takers(path, len(data)):
            try:
                rows = extractor.extract(path, data)
            except ValueError as error:
                problems.append(Problem("unreadable-metadata", f"{extractor.name}: {error}", path=path))
                continue
            if rows:
                facts.append(Fact(extractor.name, index, rows))
        return facts, problems


_AHEAD = 3
"""Blocks that may be read and matched before the walk comes to them: the work they make for each thread differs."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A block that is on its way through digesting and matching."""

    block: Block
    digested: Future[None]
    matched: Future[list[tuple[int, int]]]


class _Run:
    """One scan of one layer."""

    def __init__(
        self,
        scanner: LayerScanner,
        stream: Readable,
        reopen: Reopen | None,
        progress: Progress | None,
        block_size: int,
    ) -> None:
        limits = scanner.plan.limits
        self._scanner = scanner
        self._progress = progress
        self._stored_hash = hashlib.sha256()
        self._stream = PlainStream(
            stream, stored_hash=self._stored_hash, max_bytes=limits.layer_bytes, max_ratio=limits.ratio
        )
        self._plain_hash = hashlib.sha256() if self._stream.compression is not Compression.NONE else None
        self._buffers = scanner.buffers()
        self._blocks = BlockReader(self._stream, block_size, self._buffers)
        self._facts: list[Fact] = []
        self._problems: list[Problem] = []
        self._walker = MemberWalker(
            limits,
            digests=scanner.plan.digests,
            wants=scanner.wants if scanner.plan.extractors or scanner.plan.patterns else None,
            capture=self._extract,
        )
        self._matcher = scanner.matcher()
        plain = self._stream.compression is Compression.NONE
        again = reopen if plain else None
        self._digests = MemberDigests(self._walker.table, again)
        # Who vouches for them is in facts: without extractors nobody asks.
        self._trusted = TrustedPrograms(self._walker.table) if scanner.plan.extractors else None
        self._confirmation: Confirmation | None = None
        self._trailing: Trailing | None = None
        self._unpacking: Unpacking | None = None
        if self._matcher is not None:
            self._confirmation = scanner.confirmation(self._walker.table, self._digests)
            self._trailing = Trailing(self._walker, lambda spans: scanner.confirmation(spans, None))
            self._unpacking = Unpacking(
                self._walker,
                limits,
                scanner.inner_search,
                scanner.unpacking_apart,
                digests=self._digests,
                reopen=again,
            )

    def run(self) -> LayerScan:
        with self._buffers, self._unpacking or nullcontext():
            block = self._blocks.next()
            assert block is not None  # noqa: S101  # the first one never is
            if block.last:
                self._digest(block)
                self._walk(block)
                self._confirm(block, self._match(block))
                self._digests.keep(self._digests.due()())
            else:
                self._run_threaded(block)
            self._blocks.release()
            return self._result()

    def _walk(self, block: Block) -> None:
        self._walker.feed(block.fresh_view, block.offset)
        for member in self._trusted.found() if self._trusted is not None else ():
            self._digests.want(member)
        if self._unpacking is not None:
            self._unpacking.feed(block)

    def _run_threaded(self, block: Block) -> None:
        with (
            ThreadPoolExecutor(1, "imgscan-read") as reading,
            ThreadPoolExecutor(1, "imgscan-hash") as hashing,
            ThreadPoolExecutor(1, "imgscan-match") as matching,
        ):

            def prepare(block: Block) -> _Prepared:
                return _Prepared(block, hashing.submit(self._digest, block), matching.submit(self._match, block))

            def read() -> _Prepared | None:
                block = self._blocks.next()
                return prepare(block) if block is not None else None

            prepared: _Prepared | None = prepare(block)
            ahead = deque(reading.submit(read) for _ in range(_AHEAD))
            leaving: tuple[Block, Future[list[MemberDigest]]] | None = None
            try:
                while prepared is not None:
                    self._walk(prepared.block)
                    prepared.digested.result()
                    self._confirm(prepared.block, prepared.matched.result())
                    if leaving is not None:
                        self._leave(*leaving)
                    leaving = prepared.block, hashing.submit(self._digests.due())
                    ahead.append(reading.submit(read))
                    prepared = ahead.popleft().result()
                if leaving is not None:
                    self._leave(*leaving)
            finally:
                for future in ahead:  # whatever went wrong, no more is read
                    future.cancel()

    def _leave(self, block: Block, digested: Future[list[MemberDigest]]) -> None:
        self._digests.keep(digested.result())
        self._blocks.recycle(block)

    def _digest(self, block: Block) -> None:
        if self._plain_hash is not None:
            self._plain_hash.update(block.fresh_view)

    def _match(self, block: Block) -> list[tuple[int, int]]:
        if self._matcher is None:
            return []
        overlap = min(block.fresh - block.start, Confirmation.OVERLAP)
        found = self._buffers.match(block.buffer, block.fresh - overlap, block.end)
        if found is None:
            found = self._matcher.match(memoryview(block.buffer)[block.fresh - overlap : block.end])
        return [(end - overlap, number) for end, number in found if end > overlap]

    def _confirm(self, block: Block, found: list[tuple[int, int]]) -> None:
        if self._confirmation is not None:
            self._confirmation.add(block, found)
            if self._unpacking is not None:
                self._unpacking.decode(self._confirmation.pieces())
        else:
            table = self._walker.table
            self._digests.leave(block, (), -1 if self._walker.within_header else len(table) - 1)
        if self._trailing is not None:
            self._trailing.add(block, found)
        if self._progress is not None:
            self._progress(block.end - block.fresh)

    def _extract(self, index: int, data: bytes) -> None:
        path = self._walker.table[index].path
        facts, problems = self._scanner.extract(index, path, data)
        if self._confirmation is not None:
            found, told = format_candidates(path, data)
            self._confirmation.read(index, data, found, told)
            if any(not candidate.suppressed for candidate in found):
                self._digests.add(index, data)
        self._facts += facts
        self._problems += problems
        if any(fact.kind == SENSITIVE for fact in facts):
            self._digests.add(index, data)

    def _result(self) -> LayerScan:
        problems = [*self._walker.finish(), *self._problems, *self._stream.problems]
        if any(problem.effect is Effect.INCOMPLETE for problem in self._stream.problems):
            problems = [problem for problem in problems if problem.code != "truncated-layer"] or problems
        matches, more = self._confirmation.result() if self._confirmation is not None else ((), ())
        inner = self._unpacking.finish() if self._unpacking is not None else InnerResult()
        matches, more = inner.merged(matches), (*more, *inner.problems)
        if self._matcher is not None:
            matches = (*matches, *self._scanner.find_in_names(self._walker.table, self._matcher))
        if self._trailing is not None:
            behind, told = self._trailing.result()
            matches, more = (*matches, *behind), (*more, *told)
        coverage = _coverage(self._walker.table, self._walker.cut, self._scanner.plan.depth)
        digest = f"sha256:{self._stored_hash.hexdigest()}"
        return LayerScan(
            diff_id=f"sha256:{self._plain_hash.hexdigest()}" if self._plain_hash is not None else digest,
            digest=digest,
            size=self._stream.size,
            stored_size=self._stream.stored_size,
            plan=self._scanner.plan.fingerprint,
            members=self._walker.table,
            matches=matches,
            facts=_without_secrets(self._facts, matches, self._scanner.secret_key),
            digests=self._digests.result(self._stream.size),
            coverage=replace(coverage, inner=inner.coverage),
            problems=(*problems, *more),
        )


def _without_secrets(facts: Sequence[Fact], matches: Sequence[Match], key: bytes) -> tuple[Fact, ...]:
    """The facts, without what was found to be a secret in the member they are of: a group's name may be anything."""
    found: dict[int, list[tuple[int, bytes]]] = {}
    for match in matches:
        found.setdefault(match.member, []).append((match.length, match.key))
    clean = []
    for fact in facts:
        if fact.member in found:
            redact = Redactor(hmac_key=key, keys=found[fact.member])
            rows = tuple(tuple(redact(cell) if isinstance(cell, str) else cell for cell in row) for row in fact.rows)
            clean.append(replace(fact, rows=rows))
        else:
            clean.append(fact)
    return tuple(clean)


def _coverage(table: MemberTable, cut: int, depth: Depth) -> Coverage:
    """The account of a walk; `cut` is the member that the layer ended within, -1 if none did."""
    skipped = []
    count = len(table)
    if depth is not Depth.CONTENT:
        return Coverage(count, 0, (Skip("headers only", count, sum(table.sizes)),)) if count else Coverage()
    if cut >= 0:
        skipped.append(Skip("truncated", 1, table.sizes[cut]))
    return Coverage(count, count - len(skipped), tuple(skipped))


def _alternation(extractors: Sequence[Extractor]) -> re.Pattern[bytes]:
    pattern = "|".join(f"(?:{extractor.paths})" for extractor in extractors)
    return re.compile(f"(?:{pattern})\\Z".encode(), re.DOTALL)
