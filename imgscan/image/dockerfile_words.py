"""Words of a Dockerfile as builders expand them, as far as that can be known: text with gaps where it cannot.

A variable may be set by the base image or by `--build-arg`, so its value may be anything; a `Pattern` has None there.
The lexer follows docs.docker.com, "Dockerfile reference", "Environment replacement".
"""

from __future__ import annotations

import re
from collections.abc import Callable

Pattern = tuple[str | None, ...]
"""Pieces of text in order, None for any text in between."""
Lookup = Callable[[str], str | None]
"""The value of a variable, None where nobody knows it."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@#*!?$-]")
_BRACED = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-+?])([^{}$]*)|[^{}]*)\}")


def expand(text: str, escape: str, lookup: Lookup) -> list[Pattern]:
    """The words of `text`, unquoted and expanded."""
    return _Lexer(text, escape, lookup).words()


def expand_whole(text: str, escape: str, lookup: Lookup) -> Pattern:
    """`text` unquoted and expanded, blanks and all, as for USER or WORKDIR."""
    return joined(_Lexer(text, escape, lookup).words(), " ")


def joined(words: list[Pattern], separator: str) -> Pattern:
    """The words as one pattern."""
    pieces: list[str | None] = []
    for number, word in enumerate(words):
        pieces += [separator] if number else []
        pieces += word
    return merged(pieces)


def merged(pieces: list[str | None]) -> Pattern:
    """Neighbouring texts as one, neighbouring gaps as one."""
    out: list[str | None] = []
    for piece in pieces:
        last = out[-1] if out else ""
        if piece is None:
            if not out or last is not None:
                out.append(None)
        elif out and last is not None:
            out[-1] = last + piece
        else:
            out.append(piece)
    return tuple(out)


def literal(pattern: Pattern) -> str | None:
    """The text of a pattern without gaps; None for one that has any."""
    if not pattern:
        return ""
    return pattern[0] if len(pattern) == 1 else None


def matches(pattern: Pattern, text: str) -> bool:
    """Whether `text` is what the pattern says, with anything in its gaps. Linear in the text for each piece."""
    exact = literal(pattern)
    if exact is not None or pattern == (None,):
        return exact is None or exact == text
    first, last = pattern[0], pattern[-1]
    start, end = 0, len(text)
    if first is not None:
        if not text.startswith(first):
            return False
        start = len(first)
    if last is not None:
        end -= len(last)
        if end < start or not text.endswith(last):
            return False
    for piece in pattern[1:-1]:
        if piece is not None:
            at = text.find(piece, start, end)
            if at < 0:
                return False
            start = at + len(piece)
    return True


class _Lexer:
    """Takes a line apart, one character after the other."""

    def __init__(self, text: str, escape: str, lookup: Lookup) -> None:
        self._text, self._escape, self._lookup = text, escape, lookup
        self._at = 0

    def words(self) -> list[Pattern]:
        found: list[Pattern] = []
        pieces: list[str | None] = []
        begun = False
        while self._at < len(self._text):
            character = self._text[self._at]
            self._at += 1
            if character.isspace():
                if begun:
                    found.append(merged(pieces))
                pieces, begun = [], False
                continue
            begun = True
            if character == "'":
                pieces.append(self._until_quote())
            elif character == '"':
                pieces += self._in_double_quotes()
            else:
                pieces += self._one(character, escapes_all=True)
        return [*found, merged(pieces)] if begun else found

    def _until_quote(self) -> str:
        end = self._text.find("'", self._at)
        end = len(self._text) if end < 0 else end
        inside = self._text[self._at : end]
        self._at = end + 1
        return inside

    def _in_double_quotes(self) -> list[str | None]:
        pieces: list[str | None] = [""]
        while self._at < len(self._text):
            character = self._text[self._at]
            self._at += 1
            if character == '"':
                break
            pieces += self._one(character, escapes_all=False)
        return pieces

    def _one(self, character: str, *, escapes_all: bool) -> list[str | None]:
        """A character outside of single quotes: itself, an escape or a variable."""
        if character == self._escape and self._at < len(self._text):
            following = self._text[self._at]
            if escapes_all or following in ('"', "$", self._escape):
                self._at += 1
                return [following]
            return [character]
        return self._variable() if character == "$" else [character]

    def _variable(self) -> list[str | None]:
        braced = _BRACED.match(self._text, self._at)
        if braced is not None:
            self._at = braced.end()
            return [self._braced(braced)]
        if self._text.startswith("{", self._at):
            # Nested or unknown: anything, up to where the braces are level again.
            self._skip_braces()
            return [None]
        plain = _NAME.match(self._text, self._at)
        if plain is None:
            return ["$"]
        self._at = plain.end()
        return [self._lookup(plain[0])]

    def _braced(self, found: re.Match[str]) -> str | None:
        name, sign, word = found.groups()
        value = self._lookup(name)
        if value is None or (sign is None and found[0] != f"{{{name}}}"):
            return None
        if sign in (":-", "-"):
            return value or (word if sign == ":-" else value)
        if sign in (":+", "+"):
            return word if value or sign == "+" else ""
        return value

    def _skip_braces(self) -> None:
        depth = 0
        while self._at < len(self._text):
            depth += {"{": 1, "}": -1}.get(self._text[self._at], 0)
            self._at += 1
            if not depth:
                return
