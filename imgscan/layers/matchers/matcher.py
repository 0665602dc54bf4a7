"""What every matcher is."""

from __future__ import annotations

from typing import Protocol


class Matcher(Protocol):
    """Runs all nominators over a block of raw bytes."""

    def thread_copy(self) -> Matcher:
        """One for another thread, over the same compiled patterns."""
        ...

    def match(self, data: memoryview) -> list[tuple[int, int]]:
        """(end offset, nominator number) of matches in `data`, sorted: at least one for each place of a match.

        A matcher may report more ends of one match than another; confirmation makes them equal.
        """
        ...
