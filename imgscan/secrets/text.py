"""Reading a window: its line, runs of characters, neighbours. All bounded, none looks beyond the window."""

from __future__ import annotations

import re

LINE_REACH = 512
"""How far from a nominated place a line is followed; patterns with quadratic time never see more."""

_WORD = re.compile(r"[0-9A-Za-z]")
_HEX4 = re.compile(r"[0-9A-Fa-f]{4}")


def line_bounds(data: str, at: int, before: int = LINE_REACH, after: int = LINE_REACH) -> tuple[int, int]:
    """The line around `at`, cut off `before` and `after` characters from it."""
    low, high = max(0, at - before), min(len(data), at + after)
    start = max(data.rfind("\n", low, at), data.rfind("\r", low, at)) + 1
    ends = [end for mark in "\n\r" if (end := data.find(mark, at, high)) >= 0]
    return max(start, low), min(ends, default=high)


def embedded(data: str, start: int, end: int) -> bool:
    """Whether a token lies inside a longer run of letters and digits, as random matches in encoded data do.

    Escapes are not part of a run: a letter after a backslash, two digits after a percent sign, four after `\\u`.
    """
    if end < len(data) and _WORD.match(data, end):
        return True
    if start == 0 or not _WORD.match(data, start - 1):
        return False
    if data[max(0, start - 2) : start - 1] == "\\" or data[max(0, start - 3) : start - 2] == "%":
        return False
    return not (data[max(0, start - 6) : start - 4] == "\\u" and _HEX4.match(data, start - 4))
