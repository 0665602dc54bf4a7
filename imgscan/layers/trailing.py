"""What follows the end of a layer's tar, or the place where it broke: no member's data, and searched all the same.

Engines stop at the end marker, and whoever pulls the layer has the bytes behind it too.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import replace

from imgscan.errors import Problem
from imgscan.evidence import Match, Part
from imgscan.layers.blocks import Block
from imgscan.layers.confirmation import Confirmation, Spans
from imgscan.tar.walker import MemberWalker

_OPEN = 1 << 62  # size while the end has not come


class _OneSpan:
    """All that follows, as one member without a name."""

    def __init__(self, start: int) -> None:
        self.data_offsets = array("q", [start])
        self.sizes = array("q", [_OPEN])

    def path(self, _index: int, /) -> bytes:
        return b""


class Trailing:
    """Told of each block after the walker, with its nominations; result() when the layer has ended."""

    def __init__(self, walker: MemberWalker, make_confirmation: Callable[[Spans], Confirmation]) -> None:
        self._walker = walker
        self._make = make_confirmation
        self._span: _OneSpan | None = None
        self._confirmation: Confirmation | None = None

    def add(self, block: Block, found: list[tuple[int, int]]) -> None:
        """Confirm the nominations of a block that are in no member."""
        if self._confirmation is None:
            start = self._walker.outside(ended=block.last)
            if start < 0 or start >= block.begin + block.end:
                return
            self._span = _OneSpan(start)
            self._confirmation = self._make(self._span)
        if block.last and self._span is not None:
            self._span.sizes[0] = block.begin + block.end - self._span.data_offsets[0]
        self._confirmation.add(block, found)

    def result(self) -> tuple[Sequence[Match], Sequence[Problem]]:
        """All matches in the order of their places, told of no member."""
        if self._confirmation is None or self._span is None:
            return (), ()
        start = self._span.data_offsets[0]
        matches, problems = self._confirmation.result()
        told = [replace(match, member=-1, part=Part.TRAILING, offset=start + match.offset) for match in matches]
        return told, [replace(problem, path=None) for problem in problems]
