"""From nominated places to matches: context is judged on the member's own bytes, and the secret stops here."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter, itemgetter
from typing import NamedTuple, Protocol

from imgscan.errors import Effect, Problem, ProblemLog
from imgscan.evidence import Match, decode
from imgscan.layers.blocks import CARRY, Block
from imgscan.secrets.confirm import merge
from imgscan.secrets.detector import NOMINATOR_SPAN, Candidate, Detector, Nominator, Window
from imgscan.secrets.encodings import OVERLAP, Encoding
from imgscan.secrets.known_examples import set_aside
from imgscan.secrets.redaction import redact, secret_key
from imgscan.secrets.syntax import Syntax, syntax_of

MAX_CONTEXT = CARRY // 2
"""Most bytes a detector may ask for before or behind a nominated place."""


@dataclass(frozen=True, slots=True, repr=False)
class Piece:
    """Text that was hidden in an encoding: to be searched like a file. `offset` and `line` are of the encoded run."""

    member: int
    path: str
    label: str
    offset: int
    line: int
    data: bytes


class Spans(Protocol):
    """Where which member lies in the run of bytes that the blocks are cut from; grows while they pass."""

    @property
    def data_offsets(self) -> Sequence[int]: ...
    @property
    def sizes(self) -> Sequence[int]: ...
    def path(self, index: int, /) -> bytes: ...


class Wanted(Protocol):
    """Is told of members with a confirmed secret, and before a block goes, which members wait and which one goes on."""

    def want(self, member: int, /) -> None: ...
    def leave(self, block: Block, waiting: Iterable[int], last: int, /) -> None: ...


class Confirmation:
    """Confirms the nominations of one layer, block by block.

    A nomination near the end of a block waits for the next one, whose carried bytes hold its whole window.
    """

    OVERLAP = NOMINATOR_SPAN

    def __init__(
        self,
        detectors: Sequence[Detector],
        nominators: Sequence[Nominator],
        table: Spans,
        *,
        key: bytes,
        cap: int,
        digests: Wanted | None,
        revealed: dict[bytes, str] | None = None,
    ) -> None:
        self._revealed = revealed
        self._digests = digests
        self._table = table
        self._key = key
        self._cap = cap
        groups: dict[Nominator, list[Detector]] = {}  # some hundred of each: a search for each of each costs 50 ms
        for detector in detectors:
            for nominator in dict.fromkeys(detector.nominators):
                groups.setdefault(nominator, []).append(detector)
        self._detectors = [tuple(groups[nominator]) for nominator in nominators]
        self._before = [min(max(d.before for d in group), MAX_CONTEXT) for group in self._detectors]
        self._after = [min(max(d.after for d in group), MAX_CONTEXT) for group in self._detectors]
        self._config_only = [nominator.config_only for nominator in nominators]
        encodings = [next((d for d in group if isinstance(d, Encoding)), None) for group in self._detectors]
        self._encodings: list[Encoding | None] = encodings
        self._decoded_to: dict[str, int] = {}  # by label, where in the member the last run ended
        self._pieces: list[Piece] = []
        self._patience = max(self._after, default=0)  # one for all, so that nominations stay in tar order
        self._waiting: list[tuple[int, int, int]] = []  # (layer offset of the end, nominator, line)
        self._lines = _LineCounter()
        self._member = -1
        self._path = ""
        self._confirmed = 0
        self._candidates: dict[tuple[int, int, str, str | None], _Sighting] = {}
        self._read: dict[int, list[_Sighting]] = {}  # by member, in tar order
        self._matches: list[Match] = []
        self._problems = ProblemLog()

    def add(self, block: Block, found: list[tuple[int, int]]) -> None:
        """Confirm the nominations of a block; `found` has ends counted from the block's fresh bytes."""
        waiting, self._waiting = self._waiting, []
        end = block.offset + block.end - block.fresh
        nominations = [*waiting, *((block.offset + at, number, 0) for at, number in found)]
        self._lines.enter(block)
        patient = block.end if block.last else block.end - self._patience
        patient += block.begin
        member, start, stop, is_config = -1, 0, 0, False
        for at, number, line in nominations:
            if not start < at <= stop:
                member, start = self._member_at(at)
                if member < 0:  # in a header, in padding or behind the end marker
                    continue
                stop = start + self._table.sizes[member]
                is_config = syntax_of(decode(self._table.path(member))) is Syntax.CONFIG
            if self._config_only[number] and not is_config:
                continue
            if line:
                self._lines.anchor(member, at, line)
            if at > patient:
                self._waiting.append((at, number, self._lines.line(block, member, start, at)))
            else:
                self._confirm(block, at, number, member, start)
        last, start = self._member_at(end)
        self._lines.leave(block, last, start)
        if self._digests is not None:
            self._digests.leave(block, {self._member_at(at)[0] for at, _, _ in self._waiting}, last)

    def read(self, member: int, data: bytes, candidates: Sequence[Candidate], problems: Iterable[Problem]) -> None:
        """Take what a reader of the member's form found in it; before what is nominated behind its end is added."""
        for problem in problems:
            self._problems.add(problem.code, problem.message, problem.effect, path=problem.path)
        at, line = 0, 1
        for candidate in sorted(candidates, key=_START):
            line += data.count(b"\n", at, candidate.start)
            at = candidate.start
            self._read.setdefault(member, []).append(_Sighting(at, candidate.end, line, candidate))

    def result(self) -> tuple[tuple[Match, ...], tuple[Problem, ...]]:
        """All matches in tar order."""
        self._close_member()
        self._close_read()
        return tuple(self._matches), self._problems.all()

    def pieces(self) -> list[Piece]:
        """What was decoded since this was last asked."""
        pieces, self._pieces = self._pieces, []
        return pieces

    def take(self) -> tuple[tuple[Match, ...], tuple[Problem, ...]]:
        """The result of what passed until now, which ended with a last block; then all begins anew."""
        result = self.result()
        self._waiting, self._lines, self._member = [], _LineCounter(), -1
        self._matches, self._problems = [], ProblemLog()
        self._decoded_to.clear()
        return result

    def _member_at(self, offset: int) -> tuple[int, int]:
        """The member whose data holds the byte before `offset`, and where that data starts; -1 if there is none."""
        offsets = self._table.data_offsets
        member = bisect_right(offsets, offset - 1) - 1
        if member < 0 or offset > offsets[member] + self._table.sizes[member]:
            return -1, 0
        return member, offsets[member]

    def _confirm(self, block: Block, at: int, number: int, member: int, start: int) -> None:
        if member != self._member:
            self._close_member()
            self._close_read(before=member)
            self._member, self._path, self._confirmed = member, decode(self._table.path(member)), 0
        self._confirmed += 1
        if self._confirmed > self._cap:
            if self._confirmed == self._cap + 1:
                self._problems.add(
                    "too-many-candidates",
                    f"more than {self._cap:,} places look like secrets; the rest was not confirmed",
                    Effect.INCOMPLETE,
                    path=self._path,
                )
            return
        stop = start + self._table.sizes[member]
        first = max(start, at - self._before[number])
        last = min(stop, at + self._after[number])
        begin = block.begin
        data = block.buffer[first - begin : min(last - begin, block.end)].decode("latin-1")
        window = Window(self._path, data, at - first, first == start, first + len(data) >= stop)
        if self._encodings[number] is not None:
            self._decode(block, window, number, first, start)
            return
        for detector in self._detectors[number]:
            for candidate in detector.confirm(window):
                self._keep(block, candidate, first, start)

    def _decode(self, block: Block, window: Window, number: int, first: int, start: int) -> None:
        """Take what an encoded run hides, once, however often its lines are nominated."""
        encoding, at = self._encodings[number], first + window.at
        if encoding is None or at <= self._decoded_to.get(encoding.label, 0):
            return
        decoded = encoding.decode(window)
        if decoded is None:
            return
        self._decoded_to[encoding.label] = first + decoded.end - (OVERLAP if decoded.more else 0)
        if self._digests is not None:
            self._digests.want(self._member)
        line = self._lines.line(block, self._member, start, first + decoded.start)
        offset = first + decoded.start - start
        self._pieces.append(Piece(self._member, self._path, encoding.label, offset, line, decoded.data))

    def _keep(self, block: Block, candidate: Candidate, first: int, start: int) -> None:
        shift = first - start
        place = (shift + candidate.start, shift + candidate.end, candidate.kind, candidate.name)
        if place not in self._candidates:
            line = self._lines.line(block, self._member, start, first + candidate.start)
            self._candidates[place] = _Sighting(*place[:2], line, candidate)
            if not candidate.suppressed and self._digests is not None:
                self._digests.want(self._member)

    def _close_member(self) -> None:
        """Judge what one member's nominations led to, together: one match a secret, the most specific kind wins."""
        for each in self._read.pop(self._member, ()):
            self._candidates.setdefault((each.start, each.end, each.candidate.kind, each.candidate.name), each)
        if not self._candidates:
            return
        for run in _overlapping(self._candidates.values()):
            if len(run) == 1:
                self._add_match(run[0], set_aside(run[0].candidate))
                continue
            lines = {sighting.start: sighting for sighting in run}
            placed = [replace(each.candidate, start=each.start, end=each.end) for each in run]
            for candidate in merge(placed):
                self._add_match(lines[candidate.start], candidate)
        self._candidates.clear()

    def _close_read(self, before: int | None = None) -> None:
        """Close the members that were read and have no nominations."""
        for member in [each for each in self._read if before is None or each < before]:
            self._member, self._path = member, decode(self._table.path(member))
            self._close_member()

    def _add_match(self, sighting: _Sighting, candidate: Candidate) -> None:
        value = _as_text(candidate.value)
        key = secret_key(self._key, value)
        if self._revealed is not None:
            self._revealed[key] = value
        spellings: tuple[tuple[int, bytes], ...] = ()
        if candidate.spelling:
            spelling = _as_text(candidate.spelling)
            spellings = ((len(value), key), (len(spelling), secret_key(self._key, spelling)))
        self._matches.append(
            Match(
                rule=candidate.kind,
                member=self._member,
                inner_path=None,
                offset=sighting.start,
                length=candidate.end - candidate.start,
                line=sighting.line,
                line_end=sighting.line + (candidate.spelling or candidate.value).count("\n"),
                name=candidate.name,
                confidence=candidate.confidence,
                validation=candidate.validation,
                redacted=redact(value),
                key=key,
                suppressed=candidate.suppressed,
                suppressed_by=candidate.suppressed_by,
                spellings=spellings,
                companion=candidate.companion,
            )
        )


class _Sighting(NamedTuple):
    """A candidate, and where in its member it is; `line` counts from 1."""

    start: int
    end: int
    line: int
    candidate: Candidate

    def __repr__(self) -> str:
        return "_Sighting()"


def _overlapping(sightings: Iterable[_Sighting]) -> Iterator[list[_Sighting]]:
    """The sightings in order of place, in runs of which each overlaps one before it. Only those are rivals."""
    run: list[_Sighting] = []
    high = 0
    for sighting in sorted(sightings, key=_PLACE):
        if run and sighting.start >= high:
            yield run
            run = []
        run.append(sighting)
        high = max(high, sighting.end)
    if run:
        yield run


_PLACE = itemgetter(0, 1)
_START = attrgetter("start")


class _LineCounter:
    """Line numbers of places in members, from 1. Members that span blocks are counted once a block."""

    def __init__(self) -> None:
        self._member = -1
        self._known = (0, 0)  # (layer offset, newlines of the member before it)
        self._open: tuple[int, int] = (-1, 0)  # member that spans into this block, newlines before its fresh bytes

    def enter(self, block: Block) -> None:
        member, lines = self._open
        self._member, self._known = member, (block.offset, lines)

    def anchor(self, member: int, offset: int, line: int) -> None:
        """Take over a line found in the block before."""
        self._member, self._known = member, (offset, line - 1)

    def line(self, block: Block, member: int, start: int, offset: int) -> int:
        if member != self._member:
            self._member, self._known = member, (max(start, block.begin + block.start), 0)
        known, lines = self._known
        lines += _newlines(block, known, offset) if offset >= known else -_newlines(block, offset, known)
        self._known = (offset, lines)
        return lines + 1

    def leave(self, block: Block, member: int, start: int) -> None:
        """At the end of a block: count what of the member that goes on has passed."""
        end = block.offset + block.end - block.fresh
        if member < 0:
            self._open = (-1, 0)
        elif start >= block.offset:
            self._open = (member, _newlines(block, start, end))
        else:
            before = self._open[1] if self._open[0] == member else 0
            self._open = (member, before + _newlines(block, block.offset, end))


def _as_text(value: str) -> str:
    """A value of a window (one character a byte) as config strings would hold it, so that equal secrets meet."""
    return value if value.isascii() else decode(value.encode("latin-1"))


def _newlines(block: Block, start: int, end: int) -> int:
    begin = block.begin
    return block.buffer[start - begin : end - begin].count(b"\n")
