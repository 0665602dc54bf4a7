"""What the unpacking thread of one layer does and finds, one member after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from imgscan.errors import Effect, Problem, ProblemLog
from imgscan.evidence import InnerCoverage, Limits, Match, MemberDigest, Skip
from imgscan.layers.confirmation import Piece
from imgscan.layers.git_folder import GitFolder
from imgscan.layers.inner_search import InnerPiece, InnerSearch
from imgscan.layers.inner_walk import SEPARATOR, InnerWalk
from imgscan.layers.member_digests import digest_of
from imgscan.layers.unpack.budget import Budget
from imgscan.layers.unpack.content import CHUNK, Content
from imgscan.layers.unpack.unpacker import Unpacker


@dataclass(frozen=True, slots=True)
class InnerResult:
    """All that was found inside the members of a layer."""

    unpacked: tuple[Match, ...] = ()
    """In files of containers, by member, then in stored order."""
    decoded: tuple[Match, ...] = ()
    """In text that encodings hid, by member."""
    problems: tuple[Problem, ...] = ()
    coverage: InnerCoverage = field(default_factory=InnerCoverage)
    wanted: tuple[int, ...] = ()
    """Members with a match."""
    digests: tuple[MemberDigest, ...] = ()
    """Of those whose content cannot be had again."""

    def merged(self, outer: Iterable[Match]) -> tuple[Match, ...]:
        """With the matches in the members' own bytes: all by member, what lies inside one behind what its bytes show.

        A value that was found in an unpacked file is not told a second time of the bytes of a container round it (a
        tar's, or a stored zip entry's), however deep they are in one another.
        """
        inside: set[tuple[int, bytes, str | None]] = set()
        for match in self.unpacked:
            inside.add((match.member, match.key, None))
            place = match.inner_path or ""
            while SEPARATOR in place:
                place = place.rpartition(SEPARATOR)[0]
                inside.add((match.member, match.key, place))
        told = [*outer, *self.unpacked]
        kept = [match for match in told if (match.member, match.key, match.inner_path) not in inside]
        # Nor is one that a reader of the file's form decoded with its name, unless it set aside what counts by itself.
        read = {(match.member, match.key) for match in told if match.spellings and not match.suppressed}
        decoded = [match for match in self.decoded if (match.member, match.key) not in read]
        return tuple(sorted([*kept, *decoded], key=lambda match: match.member))


class InnerWork:
    """Opens containers and searches decoded text, each with a budget of its own."""

    def __init__(self, search: InnerSearch, limits: Limits, *, again: bool) -> None:
        self._search = search
        self._again = again
        self._containers = InnerWalk(search, Budget(limits))
        # The two come in different orders for different blocks, so that neither may use up what the other needs.
        self._encodings = InnerWalk(search, Budget(limits))
        self._unpacked: list[Match] = []
        self._decoded: list[Match] = []
        self._problems = ProblemLog()
        self._spool_problems = ProblemLog()
        self._git = GitFolder()
        self._digests: list[MemberDigest] = []

    def attach(self, search: InnerSearch) -> None:
        """Go on in this process with work that another began: all of it but the search is pickled."""
        self._search = search
        self._containers.attach(search)
        self._encodings.attach(search)

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in self.__dict__.items() if name != "_search"}

    def open(self, member: int, path: str, unpacker: Unpacker, content: Content, *, complete: bool) -> None:
        """Search all files in a container, and close it; `complete` says that all of the member is there."""
        found = len(self._unpacked) + len(self._decoded)
        try:
            self._containers.open(path, content, unpacker)
        except OSError as error:
            message = f"what is in it cannot be kept to be read: {error.strerror or error}"
            self._spool_problems.add("inner-spool", message, Effect.INCOMPLETE, path=path)
        self._git.see(member, path, content)
        pieces = self._finish(member, path, self._unpacked)
        self._search_pieces(self._containers, member, path, pieces)
        new = [*self._unpacked, *self._decoded]
        if len(new) > found and complete and not self._again:
            self._digests.append(digest_of(member, _chunks(content)))
        content.close()

    def decode(self, member: int, path: str, pieces: Sequence[Piece]) -> None:
        """Search what encodings hide in a member's own bytes."""
        self._encodings.enter(sum(len(piece.data) for piece in pieces))
        placed = [InnerPiece(piece, "", (piece.offset, piece.line)) for piece in pieces]
        self._search_pieces(self._encodings, member, path, placed)

    def result(self) -> InnerResult:
        """All of it; nothing more may be opened."""
        walks = (self._containers, self._encodings)
        logs = (*(walk.problems for walk in walks), self._problems, self._spool_problems)
        return InnerResult(
            tuple(self._git.named(match) for match in self._unpacked),
            tuple(sorted(self._decoded, key=lambda match: match.member)),
            tuple(problem for log in logs for problem in log.all()),
            _together([walk.coverage for walk in walks]),
            tuple(sorted({m.member for m in [*self._unpacked, *self._decoded] if not m.suppressed})),
            tuple(self._digests),
        )

    def _search_pieces(self, walk: InnerWalk, member: int, path: str, pieces: Sequence[InnerPiece]) -> None:
        """Search decoded texts, then what encodings hid in those, as deep as containers may lie in one another."""
        depth = 1
        while pieces:
            for piece in pieces:
                walk.read(path, piece, depth)
            pieces = self._finish(member, path, self._decoded)
            depth += 1
            if pieces and depth > walk.depth:
                walk.too_deep(path, len(pieces))
                return

    def _finish(self, member: int, path: str, matches: list[Match]) -> Sequence[InnerPiece]:
        found, problems, pieces = self._search.finish(member)
        for problem in problems:
            self._problems.add(problem.code, f"{problem.path}: {problem.message}", problem.effect, path=path)
        matches += found
        return pieces


def _together(coverages: Sequence[InnerCoverage]) -> InnerCoverage:
    return InnerCoverage(
        sum(coverage.members for coverage in coverages),
        sum(coverage.scanned for coverage in coverages),
        _totals(skip for coverage in coverages for skip in coverage.skipped),
        _totals(skip for coverage in coverages for skip in coverage.opaque),
    )


def _totals(skips: Iterable[Skip]) -> tuple[Skip, ...]:
    totals: dict[str, Skip] = {}
    for skip in skips:
        known = totals.get(skip.reason, Skip(skip.reason, 0, 0))
        totals[skip.reason] = Skip(skip.reason, known.count + skip.count, known.bytes + skip.bytes)
    return tuple(totals[reason] for reason in sorted(totals))


def _chunks(content: Content) -> Iterator[bytes]:
    stream = content.stream()
    while data := stream.read(CHUNK):
        yield data
