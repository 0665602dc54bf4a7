"""Bytes of a slow peer: read ahead in a thread, and given up on when the peer falls silent."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

from imgscan.errors import SourceError

BLOCK = 1 << 20
BLOCKS_AHEAD = 8
"""The peer sends on while a block is scanned: at most this many blocks of BLOCK bytes wait."""
GRACE = 1.0
"""Seconds that a transport's own time-out has to come first; it tells more than ours."""


class WatchedStream:
    """A Readable over blocks that a thread produces.

    A failure never raises out of `read`: the stream ends there, and `failure` says why, so that what was read
    before counts. Only `start` raises, as nothing was read then. Not every transport has a time-out of its own
    (a pipe to ssh has none), hence the thread: the reader gives up when nothing came for `first` seconds at the start,
    for `between` seconds later on.
    """

    def __init__(
        self,
        produce: Callable[[], Iterator[bytes]],
        *,
        first: float,
        between: float,
        stalled: Callable[[float], SourceError],
    ) -> None:
        self.failure: SourceError | None = None
        self.done = 0
        self._between = between
        self._first = first
        self._stalled = stalled
        self._queue: queue.Queue[bytes | SourceError | None] = queue.Queue(BLOCKS_AHEAD)
        self._stop = threading.Event()
        self._pieces: list[bytes] = []
        self._came = 0
        self._block = b""
        self._at = 0
        self._ended = False
        # A daemon thread: one that hangs in a transport without time-out must not keep the process alive.
        self._thread = threading.Thread(target=self._pump, args=(produce,), name="imgscan-save", daemon=True)

    def start(self) -> None:
        """Wait for the first bytes; raises the SourceError that came instead of them."""
        self._thread.start()
        self._next(self._first)
        if self.failure is not None and not self._block:
            raise self.failure

    def read(self, size: int, /) -> bytes:
        if self._at >= len(self._block):
            self._next(self._between)
        piece = self._block if not self._at and len(self._block) <= size else self._block[self._at : self._at + size]
        self._at += len(piece)
        self.done += len(piece)
        return piece

    def close(self) -> None:
        """Let the thread go; it ends at its next block."""
        self._stop.set()
        self._ended = True
        self._block, self._at = b"", 0
        if self._thread.ident is not None:
            self._thread.join(GRACE)

    def _next(self, patience: float) -> None:
        self._block, self._at = b"", 0
        came = self._came
        while not self._ended and not self._block:
            try:
                item = self._queue.get(timeout=patience + GRACE)
            except queue.Empty:
                if self._came != came:  # a slow peer is not a silent one
                    came = self._came
                    patience = self._between
                    continue
                self._block = b"".join(self._pieces)
                item = self._stalled(patience)
            if isinstance(item, bytes):
                self._block = item
            else:
                self._ended = True
                self.failure = item

    def _pump(self, produce: Callable[[], Iterator[bytes]]) -> None:
        # Replaced on every way out that we know; a defect must not look like the end of the stream.
        end: SourceError | None = SourceError("reading the image broke off")
        gathered = 0
        try:
            for piece in produce():
                self._pieces.append(piece)
                self._came += 1
                gathered += len(piece)
                # Whole blocks only: 32 KiB pieces, as engines send them, cost as much again in switches of threads.
                if gathered >= BLOCK:
                    gathered = 0
                    if not self._flush():
                        break
            end = None
        except SourceError as error:
            end = error
        finally:
            self._flush()
            self._put(end)

    def _flush(self) -> bool:
        block = b"".join(self._pieces)
        self._pieces = []
        return self._put(block)

    def _put(self, item: bytes | SourceError | None) -> bool:
        """Hand over; False when the reader is gone. An empty block would read as the end, so none is handed over."""
        if item == b"":
            return True
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False
