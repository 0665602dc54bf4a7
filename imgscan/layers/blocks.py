"""The uncompressed bytes of a layer as a few large buffers, each with the tail of the one before in front.

Whatever straddles two blocks is whole in the second one: a nominator's match, and the window round it.
"""

from __future__ import annotations

from dataclasses import dataclass
from mmap import mmap
from typing import Protocol

from imgscan.image.compression import PlainStream

BLOCK_SIZE = 4 << 20
"""Fresh bytes of a block; a multiple of 512. 8 MiB are no faster and cost 55 MB more; 2 MiB cost 6 % more time."""
CARRY = 128 << 10
"""Bytes carried over: twice the widest context a detector may ask for."""


Buffer = bytearray | mmap


class Buffers(Protocol):
    """Where blocks get their memory. One thread may take while another gives back."""

    def take(self, size: int, offset: int) -> Buffer:
        """A buffer of at least `size` bytes, for the block at layer offset `offset`; what is in it does not matter."""
        ...

    def give(self, buffer: Buffer) -> None: ...


class PrivateBuffers:
    """Memory of this process."""

    def __init__(self) -> None:
        self._free: list[Buffer] = []

    def take(self, size: int, offset: int) -> Buffer:
        del offset
        return self._free.pop() if self._free else bytearray(size)

    def give(self, buffer: Buffer) -> None:
        self._free.append(buffer)


@dataclass(slots=True)
class Block:
    """`buffer[start:end]` are layer bytes; those from `fresh` on are new, and `buffer[fresh]` is at `offset`."""

    buffer: Buffer
    start: int
    fresh: int
    end: int
    offset: int
    last: bool

    @property
    def fresh_view(self) -> memoryview:
        return memoryview(self.buffer)[self.fresh : self.end]

    @property
    def begin(self) -> int:
        """Layer offset of `buffer[0]`, were it filled from there; adds to an index to make an offset."""
        return self.offset - self.fresh


class BlockReader:
    """Fills blocks from a stream. One thread may read while another recycles."""

    def __init__(self, stream: PlainStream, block_size: int = BLOCK_SIZE, buffers: Buffers | None = None) -> None:
        self._stream = stream
        self._size = block_size
        self._offset = 0
        self._tail = b""  # a copy: the block before may be recycled and filled again by now
        self._ended = False
        self._buffers = buffers or PrivateBuffers()

    def next(self) -> Block | None:
        """The next block; None behind the one that is `last`. An empty last block is possible."""
        if self._ended:
            return None
        buffer = self._buffers.take(CARRY + self._size, self._offset)
        carried = len(self._tail)
        buffer[CARRY - carried : CARRY] = self._tail
        with memoryview(buffer) as view, view[CARRY : CARRY + self._size] as fresh:
            count = self._stream.fill(fresh)
        block = Block(buffer, CARRY - carried, CARRY, CARRY + count, self._offset, count < self._size)
        self._offset += count
        self._ended = block.last
        self._tail = bytes(memoryview(buffer)[max(block.start, block.end - CARRY) : block.end])
        return block

    def recycle(self, block: Block) -> None:
        """Give a buffer back; nobody may look at the block any more."""
        self._buffers.give(block.buffer)

    def release(self) -> None:
        """Let go of all buffers: a scan's parts know one another, so else they would wait for the collector."""
        self._buffers = PrivateBuffers()
        self._tail = b""
