"""Text for people: hostile strings made visible, measured in columns, wrapped and shortened.

A name in an image may hold ESC sequences, newlines or bidi overrides; printed as it is, it could redraw the
terminal or show another name. Nothing from an image reaches a terminal but through `printable`.
"""

from __future__ import annotations

import re
import unicodedata

_SELECTORS = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Invisible characters that `str.isprintable` lets pass: fillers, joiners and variation selectors."""

_BREAK_AFTER = " /,;:=&|"


def printable(text: str) -> str:
    r"""`text` on one line, with all that is invisible or directing spelled out: `\n`, `\x1b`, `\u202e`, `\xff`."""
    if text.isprintable() and text.isascii():
        return text
    return "".join(
        character if character.isprintable() and not _SELECTORS.match(character) else _spelled(character)
        for character in text
    )


def _spelled(character: str) -> str:
    """The escape of one character, as in a Python string; a surrogate escape (PEP 383) as the byte it stands for."""
    code = ord(character)
    if character in "\n\r\t":
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}[character]
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def one_line(text: str, limit: int) -> str:
    """An instruction or message: runs of white space as one blank, made printable, at most `limit` columns."""
    # Cut before escaping: what is cut off may be megabytes.
    return shorten(printable(" ".join(text[: limit * 8].split())), limit)


def shorten(text: str, limit: int, mark: str = "…") -> str:
    """`text` cut to `limit` columns, ending in `mark` where something was left out."""
    if width(text) <= limit:
        return text
    return _head(text, limit - len(mark)).rstrip() + mark


def middle(text: str, limit: int, mark: str = "…") -> str:
    """`text` cut to `limit` columns in the middle: of a path, both ends tell something."""
    if width(text) <= limit:
        return text
    room = limit - len(mark)
    head = _head(text, room // 2)
    tail = _head(text[::-1], room - room // 2)[::-1]
    return head + mark + tail


def _head(text: str, columns: int) -> str:
    taken = 0
    for index, character in enumerate(text):
        taken += _columns(character)
        if taken > columns:
            return text[:index]
    return text


def width(text: str) -> int:
    """Columns that printable text takes on a terminal; never less than what wcwidth says."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me"):
        return 0
    # Ambiguous ("A") characters are narrow outside of East Asian locales. Pictographs may be "N" and yet be drawn wide.
    code = ord(character)
    wide = unicodedata.east_asian_width(character) in ("W", "F") or code >= 0x1F000
    return 2 if wide or any(first <= code <= last for first, last in _WIDER) else 1


_WIDER = ((0x2630, 0x2637), (0x268A, 0x268F), (0x4DC0, 0x4DFF), (0x1D300, 0x1D356), (0x1D360, 0x1D376))
"""Trigrams, hexagrams and counting rods: wide since Unicode 16, which Python 3.14 is the first to know."""


def wrap(text: str, columns: int) -> list[str]:
    """`text` in lines of at most `columns`, broken after a blank or a separator where there is one late enough."""
    lines = []
    rest = text
    while width(rest) > columns:
        head = _head(rest, columns) or rest[0]
        # A blank right after the line is as good a place as one inside it.
        cut = len(head) if rest[len(head)] == " " else _last_break(head)
        lines.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*lines, rest] if rest or not lines else lines


def _last_break(head: str) -> int:
    blank = head.rfind(" ") + 1
    if blank > len(head) // 3:
        return blank
    separator = max(head.rfind(character) for character in _BREAK_AFTER) + 1
    return separator if separator > len(head) // 3 else len(head)


def size_text(count: int) -> str:
    """A number of bytes as people write it, in powers of 1000 like the engine's own listings: `1.57 GB`."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5:
            return f"{value:.3g} {unit}"
    return f"{value / 1000:.3g} PB"


def count_text(count: int, noun: str, plural: str = "") -> str:
    """`1 layer`, `12 layers`, `97,000 members`."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
