"""Requests at no more than a rate: a registry has other users."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock


class Pace:
    """`wait` returns at most `rate` times a second, whatever the number of threads; at once without a rate."""

    def __init__(
        self,
        rate: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._interval = 1 / rate if rate else 0.0
        self._clock = clock
        self._pause = pause
        self._lock = Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Wait for this caller's turn."""
        if not self._interval:
            return
        with self._lock:
            now = self._clock()
            turn = max(self._next, now)
            self._next = turn + self._interval
        if turn > now:
            self._pause(turn - now)
