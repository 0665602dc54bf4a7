"""Values as Go's fmt package prints them, which is how Docker's builders write metadata into the history.

`%q` of a list    ["a" "b c"]     strings quoted, no commas; JSON (with commas) is read by the same grammar
`%v` of a list    [a b c]         nothing quoted: where a word ends is not recorded
`%q` of a number  '\\x03'          the number as a quoted character
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_RUNE = re.compile(r"'((?:[^'\\]|\\.)[^']*)'", re.DOTALL)
_BETWEEN = re.compile(r"[\s,]*")
_ESCAPE = re.compile(
    r"\\(?:x([0-9A-Fa-f]{2})|([uU])([0-9A-Fa-f]{8}|[0-9A-Fa-f]{4})|(.))",
    re.DOTALL,
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")


def unquote(body: str) -> str:
    """The text between the quotes of a Go or JSON string, its escapes resolved.

    A byte that is no UTF-8 (`\\xff`) comes back as a lone surrogate, as in Python's names of files.
    What is no escape of either language stays as it is.
    """
    if "\\" not in body:
        return body
    return _SURROGATE_PAIR.sub(_join_surrogates, _ESCAPE.sub(_unescape, body))


def _unescape(match: re.Match[str]) -> str:
    byte, width, digits, simple = match.groups()
    if byte is not None:
        code = int(byte, 16)
        return chr(code if code < 0x80 else 0xDC00 + code)
    if width == "u":
        return chr(int(digits[:4], 16)) + digits[4:]
    if width == "U":
        code = int(digits, 16)
        return chr(code) if len(digits) == 8 and code <= 0x10FFFF else match[0]
    return _SIMPLE.get(simple, simple)


def _join_surrogates(match: re.Match[str]) -> str:
    high, low = ord(match[0][0]), ord(match[0][1])
    return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))


def read_list(text: str, start: int = 0) -> tuple[tuple[str, ...], int] | None:
    """The list of quoted strings that begins at `start`, and where it ends; None where there is none."""
    if not text.startswith("[", start):
        return None
    items: list[str] = []
    at = _skip(text, start + 1)
    while not text.startswith("]", at):
        item = _STRING.match(text, at)
        if item is None:
            return None
        items.append(unquote(item[1]))
        at = _skip(text, item.end())
    return tuple(items), at + 1


def read_whole_list(text: str) -> tuple[str, ...] | None:
    """The list of quoted strings that `text` is, surrounding blanks aside."""
    text = text.strip()
    found = read_list(text)
    return found[0] if found is not None and found[1] == len(text) else None


def read_bare_list(text: str) -> str | None:
    """What stands between the brackets of an unquoted list; None where `text` is none."""
    text = text.strip()
    bare = text.startswith("[") and text.endswith("]") and not text.startswith("[ ")
    return text[1:-1] if bare else None


def read_strings(text: str) -> tuple[str, ...]:
    """All quoted strings of `text`, in order."""
    return tuple(unquote(match[1]) for match in _STRING.finditer(text))


def read_rune(text: str) -> int | None:
    """The number that the last quoted character of `text` is, as `%q` prints an integer."""
    found = None
    for found in _RUNE.finditer(text):  # noqa: B007  the last one is wanted
        pass
    value = "" if found is None else unquote(found[1])
    return ord(value) if len(value) == 1 else None


def write_list(items: Sequence[str]) -> str:
    """The list as a Dockerfile has it: JSON."""
    return json.dumps(list(items), ensure_ascii=False)


def _skip(text: str, at: int) -> int:
    blank = _BETWEEN.match(text, at)
    return at if blank is None else blank.end()
