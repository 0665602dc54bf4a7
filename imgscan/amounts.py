"""Amounts in words, for the messages of findings."""

from __future__ import annotations

from collections.abc import Iterable

_SHOWN = 5


def size_text(size: int) -> str:
    """`1.1 MB`: powers of 1000, as registries show sizes."""
    if size < 1000:
        return f"{size} bytes"
    value = size / 1000
    for unit in ("kB", "MB", "GB"):
        if value < 999.95 or unit == "GB":
            return f"{value:.1f} {unit}"
        value /= 1000
    return ""


def counted(count: int, noun: str, plural: str = "") -> str:
    """`1 file`, `4,210 files`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def listed(names: Iterable[str], shown: int = _SHOWN) -> str:
    """`a, b, c and 4 more`; equal names once, in the order given. One more is told instead of counted."""
    distinct = list(dict.fromkeys(names))
    if len(distinct) > shown + 1:
        return f"{', '.join(distinct[:shown])} and {len(distinct) - shown:,} more"
    return " and ".join([", ".join(distinct[:-1]), distinct[-1]] if len(distinct) > 1 else distinct)
