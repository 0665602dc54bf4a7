"""The plain matcher on `re`: the oracle of the tests, and the stand-in where Hyperscan does not load."""

from __future__ import annotations

import re
from collections.abc import Sequence

from imgscan.layers.matchers.matcher import Worker
from imgscan.secrets.detector import Nominator


class ReferenceMatcher:
    """One compiled expression a nominator; about 30 times slower than Hyperscan."""

    def __init__(self, nominators: Sequence[Nominator]) -> None:
        self._patterns = [
            re.compile(nominator.pattern.encode(), re.DOTALL | (re.IGNORECASE if nominator.caseless else 0))
            for nominator in nominators
        ]

    def thread_copy(self) -> ReferenceMatcher:
        return self

    def worker(self) -> Worker | None:
        return None

    def match(self, data: memoryview) -> list[tuple[int, int]]:
        found: set[tuple[int, int]] = set()
        for number, pattern in enumerate(self._patterns):
            at = 0
            # A match may start within another; go on one byte behind its start, not behind its end.
            while (match := pattern.search(data, at)) is not None:
                found.add((match.end(), number))
                at = match.start() + 1
        return sorted(found)
