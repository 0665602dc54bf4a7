"""YAML written line by line, with comments: any string of an image stays one scalar and one line."""

from __future__ import annotations

import re

from imgscan.renderers.text import printable

# Plain scalars that are strings in YAML 1.1 and 1.2 alike; everything else is quoted.
_PLAIN = re.compile(r"[a-z][a-z0-9]*(?:[-./][a-z][a-z0-9]*)*")
_WORDS = frozenset({"y", "n", "yes", "no", "true", "false", "on", "off", "null"})
_COMMENT = 300
"""Characters of a comment."""


def scalar(text: str) -> str:
    """A string as a YAML scalar: plain where nobody can take it for anything else, else in double quotes."""
    if _PLAIN.fullmatch(text) and text not in _WORDS:
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def comment(text: str) -> str:
    """Foreign text as the rest of a comment: on one line, without what is invisible."""
    plain = printable(" ".join(text[: _COMMENT * 4].split()))
    return plain if len(plain) <= _COMMENT else plain[: _COMMENT - 3] + "..."


def _escaped(character: str) -> str:
    code = ord(character)
    if character in '"\\':
        return "\\" + character
    if 0x20 <= code < 0x7F:
        return character
    if 0xD800 <= code < 0xE000:  # no character: YAML has no way to write it
        return "\ufffd"
    if character.isprintable():
        return character
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
