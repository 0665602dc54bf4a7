"""The processes beside a run's own: one that matches, one that opens archives, each begun when a layer asks for it."""

from __future__ import annotations

import os
from threading import Lock

from imgscan.evidence import ScanPlan
from imgscan.layers.matchers.matcher import Matcher
from imgscan.layers.matching_apart import MatchingApart
from imgscan.layers.unpacking_apart import UnpackingApart


class Processes:
    """At most one of each kind. Where one cannot be had, or not again, the scan does the work itself."""

    def __init__(
        self, matcher: Matcher | None, unpacking: tuple[ScanPlan, bytes, dict[bytes, str] | None] | None
    ) -> None:
        """`unpacking` is what a process needs to scan as this one does, None where it could not: see UnpackingApart."""
        self._matcher = matcher
        self._lock = Lock()
        self._matching: MatchingApart | None = None
        self._matching_wanted = matcher is not None
        self._unpacking: UnpackingApart | None = None
        # With one core it would only take time from this one.
        self._unpacking_as = unpacking if (os.cpu_count() or 1) > 1 else None

    @property
    def matching_process(self) -> MatchingApart | None:
        """The one that matches, where a layer was large enough for it."""
        return self._matching

    def matching(self, size: int) -> MatchingApart | None:
        """For layers of many blocks, each of which takes `size` bytes."""
        with self._lock:
            if self._matching_wanted and self._matching is None:
                self._matching_wanted = False
                worker = self._matcher.worker() if self._matcher is not None else None
                try:
                    self._matching = MatchingApart(worker, size) if worker is not None else None
                except OSError:  # no process, or no memory that two may share: this one matches by itself
                    self._matching = None
            return self._matching

    def unpacking(self) -> UnpackingApart | None:
        """For layers with many archives."""
        with self._lock:
            if self._unpacking_as is not None and self._unpacking is None:
                (plan, key, revealed), self._unpacking_as = self._unpacking_as, None
                worker = self._matcher.worker() if self._matcher is not None else None
                try:
                    self._unpacking = (
                        UnpackingApart(plan, key, worker.database, revealed) if worker is not None else None
                    )
                except OSError:  # no process to be had: this one opens them itself
                    self._unpacking = None
            return self._unpacking

    def close(self) -> None:
        """End them; scans go on without."""
        with self._lock:
            self._matching_wanted, self._unpacking_as = False, None
            for process in (self._matching, self._unpacking):
                if process is not None:
                    process.close()
