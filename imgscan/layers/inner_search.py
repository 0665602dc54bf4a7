"""Files from inside a member, searched as a layer's members are: one run of bytes in blocks, and spans in it.

Many small files share a block, so that each costs a copy and a row, not a call of the matcher.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from imgscan.errors import Problem
from imgscan.evidence import Match, encode
from imgscan.layers.blocks import CARRY, Block
from imgscan.layers.confirmation import Confirmation, Piece
from imgscan.layers.matchers.matcher import Matcher
from imgscan.secrets.formats.reading import LARGEST, format_candidates, wanted

_BLOCK = 1 << 20
_OPEN = 1 << 62  # size of a file whose end has not come yet


class _Place(NamedTuple):
    """Where a file is for a report, the offset of the first byte that was written, and its run's place."""

    path: str
    at: int
    run: tuple[int, int] | None


class InnerPiece(NamedTuple):
    """What an encoding hid in an inner file at `place`; `run` is where, offset and line."""

    piece: Piece
    place: str
    run: tuple[int, int]


class InnerFiles:
    """The spans of inner files, as Confirmation reads a MemberTable."""

    def __init__(self) -> None:
        self.data_offsets = array("q")
        self.sizes = array("q")
        self.names: list[str] = []

    def path(self, index: int) -> bytes:
        return encode(self.names[index])

    def clear(self) -> None:
        del self.data_offsets[:], self.sizes[:]
        self.names.clear()


class InnerSearch:
    """For one thread: begin() a file, write() its bytes, end() it; finish() the member that they lie in."""

    def __init__(self, matcher: Matcher, files: InnerFiles, confirmation: Confirmation) -> None:
        self._matcher = matcher
        self._files = files
        self._confirmation = confirmation
        self._places: list[_Place] = []
        self.run: tuple[int, int] | None = None
        """Offset and line that all matches in the files to come get: those of the encoded run they come from."""
        self._whole: bytearray | None = None  # of a file that is of a known form
        self._buffer = bytearray(CARRY + _BLOCK)
        self._block = self._first_block()

    def begin(self, place: str, name: str, at: int = 0) -> None:
        """A file begins: `place` is where it is for a report, `name` what it is called, for its syntax.

        `at` is the offset in the file that the first byte to come has.
        """
        self._whole = None
        self.write(b"\0")  # as a tar's header ends: what nominates a file's first bytes may want one before them
        block = self._block
        self._files.data_offsets.append(block.begin + block.end)
        self._files.sizes.append(_OPEN)
        self._files.names.append(name)
        self._places.append(_Place(place, at, self.run))
        # What an encoding hid, or what lies behind a container, is not the file that its name says.
        self._whole = bytearray() if at == 0 and self.run is None and wanted(encode(name), 0) else None

    def write(self, data: bytes) -> None:
        if self._whole is not None:
            if len(self._whole) + len(data) <= LARGEST:
                self._whole += data
            else:
                self._whole = None
        at = 0
        while at < len(data):
            room = len(self._buffer) - self._block.end
            if room == 0:
                self._flush(last=False)
                continue
            piece = data[at : at + room]
            self._buffer[self._block.end : self._block.end + len(piece)] = piece
            self._block.end += len(piece)
            at += len(piece)

    def end(self) -> None:
        block = self._block
        size = block.begin + block.end - self._files.data_offsets[-1]
        if size:
            self._files.sizes[-1] = size
            if self._whole is not None:
                data, self._whole = bytes(self._whole), None
                found, problems = format_candidates(self._files.names[-1], data)
                self._confirmation.read(len(self._files.sizes) - 1, data, found, problems)
            return
        # Nothing may lie in an empty file, and the next one begins where it does.
        self._files.data_offsets.pop()
        self._files.sizes.pop()
        self._files.names.pop()
        self._places.pop()

    def finish(self, member: int) -> tuple[Sequence[Match], Sequence[Problem], Sequence[InnerPiece]]:
        """All matches in the files written since the last finish(), in their order, told of `member`.

        And what was hidden in them in encodings, which is to be searched in its turn.
        """
        if not self._places:
            return (), (), ()
        self._flush(last=True)
        matches, problems = self._confirmation.take()
        placed = []
        for match in matches:
            place = self._places[match.member]
            offset, line = place.run or (match.offset + place.at, match.line)
            end = line if place.run else match.line_end
            placed.append(replace(match, member=member, inner_path=place.path, offset=offset, line=line, line_end=end))
        pieces = []
        for piece in self._confirmation.pieces():
            place = self._places[piece.member]
            pieces.append(InnerPiece(piece, place.path, place.run or (piece.offset + place.at, piece.line)))
        self._files.clear()
        self._places.clear()
        self._block = self._first_block()
        return placed, problems, pieces

    def _first_block(self) -> Block:
        return Block(self._buffer, CARRY, CARRY, CARRY, 0, last=False)

    def _flush(self, *, last: bool) -> None:
        block = self._block
        block.last = last
        overlap = min(block.fresh - block.start, Confirmation.OVERLAP)
        with memoryview(self._buffer) as view, view[block.fresh - overlap : block.end] as part:
            found = self._matcher.match(part)
        self._confirmation.add(block, [(end - overlap, number) for end, number in found if end > overlap])
        if not last:
            carried = min(CARRY, block.end - block.start)
            self._buffer[CARRY - carried : CARRY] = self._buffer[block.end - carried : block.end]
            offset = block.begin + block.end
            self._block = Block(self._buffer, CARRY - carried, CARRY, CARRY, offset, last=False)
