"""Matching in a process of its own, over memory that both processes share.

Hyperscan calls into Python for each match, and releases the interpreter only in between. Against a thread that walks
and confirms, a match costs 33 us instead of 1, and holds that thread up as long; with Python's own switch interval of
5 ms it costs 350 us. A layer of 1.2 GB has 50,000 of them, so they are collected where no other thread is.
"""

from __future__ import annotations

import mmap
import os
import struct
import subprocess
import tempfile
import weakref
from array import array
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from types import TracebackType

from imgscan.layers.blocks import Buffer, PrivateBuffers
from imgscan.layers.matchers.matcher import Worker

APART_FROM = 32 << 20
"""Bytes of a layer that are matched in the scan's own process: the other one needs 40 ms of a core to be there."""
SLOTS = 6
"""Buffers that both processes see; a scan that finds none free matches in its own process."""
_COUNT = struct.Struct("<Q")
_REQUEST = struct.Struct("<QQ")


class MatchingApart:
    """One process and its buffers, for all layers of a run. OSError where there can be none."""

    def __init__(self, worker: Worker, size: int) -> None:
        """`size` is that of one buffer."""
        self._size = -(-size // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY
        self._lock = Lock()
        self._broken = False
        memory = _shared_memory(self._size * SLOTS)
        try:
            self._free = [mmap.mmap(memory, self._size, offset=slot * self._size) for slot in reversed(range(SLOTS))]
            self._offsets = {id(each): slot * self._size for slot, each in enumerate(reversed(self._free))}
            self._process = subprocess.Popen(  # noqa: S603  # this interpreter, and a script of ours
                (*worker.command, str(memory), *worker.arguments),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(memory,),
                process_group=0,  # Ctrl-C is for us; the worker ends when its input does
            )
        finally:
            os.close(memory)
        self.close = weakref.finalize(self, _end, self._process)
        self._ask(_COUNT.pack(len(worker.database)) + worker.database)

    @property
    def process_id(self) -> int:
        return self._process.pid

    @property
    def free(self) -> int:
        """How many buffers nobody has."""
        return len(self._free)

    def take(self, size: int) -> mmap.mmap | None:
        """A buffer that the other process sees too, None where all are in use. give() it back."""
        with self._lock:
            return self._free.pop() if self._free and size <= self._size and not self._broken else None

    def give(self, buffer: mmap.mmap) -> None:
        """Take a buffer back; nobody may look at it any more."""
        with self._lock:
            self._free.append(buffer)

    def match(self, buffer: mmap.mmap, start: int, end: int) -> list[tuple[int, int]] | None:
        """What a Matcher finds in `buffer[start:end]`; None where the process is gone, and nobody knows."""
        request = _REQUEST.pack(self._offsets[id(buffer)] + start, end - start)
        with self._lock:
            if not self._ask(request):
                return None
            answer = self._answer()
        return [(match >> 16, match & 0xFFFF) for match in answer] if answer is not None else None

    def _ask(self, request: bytes) -> bool:
        assert self._process.stdin is not None  # noqa: S101  # it is a pipe
        try:
            self._process.stdin.write(request)
            self._process.stdin.flush()
        except (OSError, ValueError):  # it died, or was closed
            self._broken = True
        return not self._broken

    def _answer(self) -> array[int] | None:
        assert self._process.stdout is not None  # noqa: S101
        found = array("Q")
        try:
            (count,) = _COUNT.unpack(self._process.stdout.read(_COUNT.size))
            data = self._process.stdout.read(count * found.itemsize)
            found.frombytes(data)
        except (OSError, ValueError, struct.error):
            count = -1
        if len(found) != count:
            self._broken = True
            return None
        return found


class SharedBuffers:
    """The buffers of one scan: shared ones for what lies beyond `apart_from`, as far as there are any."""

    def __init__(self, get_apart: Callable[[int], MatchingApart | None], apart_from: int) -> None:
        """`get_apart` is asked with the size of a buffer."""
        self._get_apart = get_apart
        self._apart_from = apart_from
        self._apart: MatchingApart | None = None
        self._private = PrivateBuffers()
        self._taken: list[mmap.mmap] = []

    def take(self, size: int, offset: int) -> Buffer:
        if offset >= self._apart_from and self._apart is None:
            self._apart = self._get_apart(size)
        buffer = self._apart.take(size) if self._apart is not None else None
        if buffer is None:
            return self._private.take(size, offset)
        self._taken.append(buffer)
        return buffer

    def give(self, buffer: Buffer) -> None:
        if isinstance(buffer, bytearray):
            self._private.give(buffer)
        elif self._apart is not None:
            self._taken = [each for each in self._taken if each is not buffer]
            self._apart.give(buffer)

    def match(self, buffer: Buffer, start: int, end: int) -> list[tuple[int, int]] | None:
        """What the other process finds there; None where it cannot tell."""
        if isinstance(buffer, bytearray) or self._apart is None:
            return None
        return self._apart.match(buffer, start, end)

    def __enter__(self) -> SharedBuffers:
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        """Give back what is still out, after a scan that went wrong as well, and let go of the rest."""
        for buffer in self._taken:
            self.give(buffer)
        self._private = PrivateBuffers()


def _shared_memory(size: int) -> int:
    """A descriptor of so many bytes that no name leads to; pages exist once they are written."""
    if hasattr(os, "memfd_create"):
        memory = os.memfd_create("imgscan")
    else:
        memory, name = tempfile.mkstemp(prefix="imgscan-")
        Path(name).unlink()
    os.ftruncate(memory, size)
    return memory


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()  # it keeps nothing
    process.communicate()
