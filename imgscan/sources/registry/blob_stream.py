"""A blob while it downloads: nothing is kept, and where the connection breaks it goes on from there."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Protocol

from imgscan.errors import SourceError, SourceUnavailable
from imgscan.sources.registry.failures import WrongBytes

READ_BYTES = 1 << 20
TRIES_WITHOUT_A_BYTE = 4
BYTES_PER_RESUME = 1 << 20
"""A peer that cuts off more often than this on average is given up on."""
SLOWEST = 1 << 10
"""Bytes a second; below this for a whole minute a peer counts as silent."""
_WINDOW_SECONDS = 60.0


class Body(Protocol):
    """The rest of a blob, from where it was asked for."""

    def read(self, size: int, /) -> bytes:
        """What has come, up to `size` bytes; b"" at the end. SourceUnavailable where it breaks off."""
        ...

    def stop(self) -> None:
        """Have a `read` that waits in another thread return or raise soon."""
        ...

    def close(self) -> None: ...


class BlobStream:
    """A Readable that ends early rather than raise: `failure` says then why, so that what came before counts.

    `fetch` gives the body from an offset on. The digest of sha256 is left to who reads, as a scan computes it anyhow
    (LayerScan.digest); any other that Python knows is checked here. `size` is the claimed one, -1 for none.
    """

    def __init__(
        self,
        fetch: Callable[[int], Body],
        digest: str,
        size: int,
        *,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.failure: SourceError | None = None
        self.done = 0
        """Bytes given so far."""
        self._fetch = fetch
        self._digest = digest
        self._size = size
        self._pause = pause
        self._clock = clock
        self._body: Body | None = None
        self._break: SourceUnavailable | None = None
        self._tries = 0
        self._resumes = 0
        self._waited = 0.0
        self._came = 0
        self._ended = False
        algorithm = digest.partition(":")[0]
        self._hash = hashlib.new(algorithm) if algorithm in ("sha384", "sha512") else None

    def start(self) -> BlobStream:
        """Ask for the first bytes; raises the SourceError that comes instead of them."""
        self._body = self._fetch(0)
        return self

    def read(self, size: int, /) -> bytes:
        while not self._ended:
            try:
                if self._body is None:
                    self._body = self._fetch(self.done)
                data = self._timed(self._body, min(size, READ_BYTES))
                if data or self._size < 0 or self.done >= self._size:
                    return self._given(data)
                raise SourceUnavailable(f"{self._digest} ended after {self.done:,} of {self._size:,} bytes")
            except SourceUnavailable as error:
                self._broken(error)
            except SourceError as error:
                # Where a second attempt is refused without reason, why there had to be one tells more.
                self._end(self._break or error if type(error) is SourceError else error)
        return b""

    def stop(self) -> None:
        """End the stream for a thread that reads it, as whoever waits for that thread was interrupted."""
        self._ended = True
        body = self._body
        if body is not None:
            body.stop()

    def close(self) -> None:
        self._ended = True
        self._close_body()

    def __enter__(self) -> BlobStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _timed(self, body: Body, size: int) -> bytes:
        """Read, and count what waiting brought: a byte a minute keeps a connection alive for years."""
        before = self._clock()
        data = body.read(size)
        self._waited += self._clock() - before
        self._came += len(data)
        if self._waited > _WINDOW_SECONDS:
            if self._came < SLOWEST * _WINDOW_SECONDS:
                raise SourceError(f"no more than {self._came:,} bytes came in {self._waited:.0f} seconds")
            self._waited, self._came = 0.0, 0
        return data

    def _given(self, data: bytes) -> bytes:
        self.done += len(data)
        if data:
            self._tries, self._break = 0, None
        if self._hash is not None:
            self._hash.update(data)
        if 0 <= self._size < self.done:
            self._end(WrongBytes(f"{self._digest}: more than the {self._size:,} bytes came that it should have"))
            return data[: len(data) - (self.done - self._size)]
        if not data:
            self._complete()
        return data

    def _complete(self) -> None:
        wrong = self._hash is not None and self._hash.hexdigest() != self._digest.partition(":")[2]
        self._end(WrongBytes(f"{self._digest}: what came has another digest") if wrong else None)

    def _broken(self, error: SourceUnavailable) -> None:
        self._close_body()
        if 0 <= self._size <= self.done:  # all of it came: only the end was not as promised
            self._complete()
            return
        self._break = error
        self._tries += 1
        self._resumes += 1
        if self._tries > TRIES_WITHOUT_A_BYTE or self._resumes > 8 + self.done // BYTES_PER_RESUME:
            self._end(error)
        elif self._tries > 1:
            self._pause(0.5 * 2 ** (self._tries - 2))

    def _end(self, failure: SourceError | None) -> None:
        self.failure = failure
        self._ended = True
        self._close_body()

    def _close_body(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None
