"""What every matcher is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Worker:
    """How another process matches the same patterns: see hyperscan_worker.

    The descriptor of the shared memory goes between `command` and `arguments`.
    """

    command: tuple[str, ...]
    arguments: tuple[str, ...]
    database: bytes


class Matcher(Protocol):
    """Runs all nominators over a block of raw bytes."""

    def thread_copy(self) -> Matcher:
        """One for another thread, over the same compiled patterns."""
        ...

    def worker(self) -> Worker | None:
        """The same patterns for another process, None where that would be no faster."""
        ...

    def match(self, data: memoryview) -> list[tuple[int, int]]:
        """(end offset, nominator number) of matches in `data`, sorted: at least one for each place of a match.

        A matcher may report more ends of one match than another; confirmation makes them equal.
        """
        ...
