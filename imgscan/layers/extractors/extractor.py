"""What every extractor is, and the caps they share."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Protocol

Row = tuple[str | int | None, ...]


class Extractor(Protocol):
    """Turns the whole content of one kind of file into rows of plain values, never secrets."""

    name: str
    version: int
    paths: str
    """A regular expression (bytes semantics, re.ASCII) that the member's whole path must match."""
    max_size: int
    """Bytes; a larger member is not the kind of file this extractor reads, and is left alone without a problem."""

    def extract(self, path: str, data: bytes) -> tuple[Row, ...]:
        """Rows for one file; raises ValueError where the file is not what its path says."""
        ...


MAX_ROWS = 200_000
MAX_TEXT = 4_096

# The directories programs are started from. Package databases list every file; only these are kept.
_PROGRAM = re.compile(r"(?:.*/)?(?:s?bin|games)/[^/]+", re.DOTALL)


def bounded(rows: Iterable[Row]) -> tuple[Row, ...]:
    """The rows, their texts cut to MAX_TEXT characters; ValueError where there are more than MAX_ROWS."""
    kept = tuple(islice((tuple(_cut(value) for value in row) for row in rows), MAX_ROWS + 1))
    if len(kept) > MAX_ROWS:
        raise ValueError(f"more than {MAX_ROWS} records")
    return kept


def is_program(path: str) -> bool:
    """Whether a path (no leading slash) lies directly in a directory named bin, sbin or games."""
    return len(path) <= MAX_TEXT and _PROGRAM.fullmatch(path) is not None


def _cut(value: str | int | None) -> str | int | None:
    return value[:MAX_TEXT] if isinstance(value, str) else value
