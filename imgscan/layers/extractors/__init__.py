"""Extractors: one kind of file to secret-free facts, inside the map step.

To add one: write its file, add its line to EXTRACTORS. `version` rises whenever equal bytes would give other facts.
"""

from __future__ import annotations

from typing import Protocol

Row = tuple[str | int | None, ...]


class Extractor(Protocol):
    """Turns the whole content of one kind of file into rows of plain values, never secrets."""

    name: str
    version: int
    paths: str
    """A regular expression (bytes semantics, re.ASCII) that the member's whole path must match."""

    def extract(self, path: str, data: bytes) -> tuple[Row, ...]:
        """Rows for one file; raises ValueError where the file is not what its path says."""
        ...


EXTRACTORS: tuple[Extractor, ...] = ()
