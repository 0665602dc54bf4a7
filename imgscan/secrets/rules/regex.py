"""The syntax of rules: RE2's, read into a tree and written again for Python's `re` and for Hyperscan.

RE2 has no back-references and no look-around, so that every pattern could run in linear time. What it does not have,
or what we do not read (`\\p{...}`, `\\C`, the flag `U`), is refused with its position. Text is bytes, one character
each: `.` and negated classes take one byte of a multi-byte character, as the layers they run over are no text.
"""

from __future__ import annotations

import string
from dataclasses import dataclass


class PatternError(ValueError):
    """A pattern that cannot be used: what is wrong, and at which character, from 0."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"{message} (character {position})")


@dataclass(frozen=True, slots=True)
class Chars:
    """One byte out of a set."""

    codes: frozenset[int]


@dataclass(frozen=True, slots=True)
class Mark:
    """A place between bytes, as Python writes it."""

    source: str


@dataclass(frozen=True, slots=True)
class Sequence:
    """One after the other."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several, the first that leads to a match."""

    branches: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`high` None is without end."""

    item: Node
    low: int
    high: int | None
    lazy: bool = False


@dataclass(frozen=True, slots=True)
class Capture:
    """A group with a number, and a name where it has one."""

    item: Node
    name: str | None


Node = Chars | Mark | Sequence | Choice | Repeat | Capture

LONGEST_PATTERN = 20_000
MOST_REPEATS = 1_000
"""RE2's own limit of a counted repetition."""
_DEEPEST = 60
_ALL = frozenset(range(256))
_NEWLINE = frozenset(b"\n")


def _codes(text: str) -> frozenset[int]:
    return frozenset(text.encode("latin-1"))


_DIGIT, _WORD, _SPACE = _codes(string.digits), _codes(string.ascii_letters + string.digits + "_"), _codes("\t\n\f\r ")
_CLASSES = {"d": _DIGIT, "w": _WORD, "s": _SPACE, "D": _ALL - _DIGIT, "W": _ALL - _WORD, "S": _ALL - _SPACE}
_POSIX = {
    "alnum": _codes(string.ascii_letters + string.digits),
    "alpha": _codes(string.ascii_letters),
    "ascii": frozenset(range(128)),
    "blank": _codes("\t "),
    "cntrl": frozenset((*range(32), 127)),
    "digit": _DIGIT,
    "graph": frozenset(range(33, 127)),
    "lower": _codes(string.ascii_lowercase),
    "print": frozenset(range(32, 127)),
    "punct": _codes(string.punctuation),
    "space": _codes("\t\n\v\f\r "),
    "upper": _codes(string.ascii_uppercase),
    "word": _WORD,
    "xdigit": _codes(string.hexdigits),
}
_ESCAPES = {"a": 7, "f": 12, "t": 9, "n": 10, "r": 13, "v": 11}
_MARKS = {"A": r"\A", "z": r"\Z", "b": r"\b", "B": r"\B"}
_LOOKS = {"?=": "look-ahead", "?!": "look-ahead", "?<=": "look-behind", "?<!": "look-behind", "?>": "an atomic group"}


@dataclass(frozen=True, slots=True)
class _Flags:
    caseless: bool = False
    lines: bool = False
    dot_all: bool = False


def parse(pattern: str) -> Node:
    """The tree of a pattern. Raises PatternError."""
    if len(pattern) > LONGEST_PATTERN:
        raise PatternError(f"longer than {LONGEST_PATTERN:,} characters", LONGEST_PATTERN)
    reader = _Reader(pattern)
    node = reader.choice(_Flags(), 0)
    if reader.at < len(pattern):
        raise PatternError("`)` without `(`", reader.at)
    return node


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self.at = 0

    def _peek(self, length: int = 1) -> str:
        return self._text[self.at : self.at + length]

    def _next(self, what: str) -> str:
        if self.at >= len(self._text):
            raise PatternError(f"the pattern ends within {what}", self.at)
        self.at += 1
        return self._text[self.at - 1]

    def choice(self, flags: _Flags, depth: int) -> Node:
        """Up to the end or to `)`, which is left."""
        if depth > _DEEPEST:
            raise PatternError("too deeply nested", self.at)
        branches: list[Node] = []
        items: list[Node] = []
        while self.at < len(self._text) and self._peek() != ")":
            if self._peek() == "|":
                self.at += 1
                branches.append(_sequence(items))
                items = []
            elif (changed := self._flag_group(flags)) is not None:
                flags = changed
            else:
                items.append(self._repeated(self._atom(flags, depth)))
        branches.append(_sequence(items))
        return _choice(branches)

    def _flag_group(self, flags: _Flags) -> _Flags | None:
        """`(?i)` and the like; None where something else follows."""
        end = self._text.find(")", self.at)
        letters = self._text[self.at + 2 : end] if self._peek(2) == "(?" and end >= 0 else ""
        if not letters or not all(letter.isalpha() or letter == "-" for letter in letters):
            return None
        changed = self._with_flags(flags, letters)
        self.at = end + 1
        return changed

    def _with_flags(self, flags: _Flags, letters: str) -> _Flags:
        values = {"i": flags.caseless, "m": flags.lines, "s": flags.dot_all}
        value = True
        for letter in letters:
            if letter == "-":
                value = False
            elif letter in values:
                values[letter] = value
            else:
                raise PatternError(f"the flag `{letter}` is not supported", self.at)
        return _Flags(values["i"], values["m"], values["s"])

    def _atom(self, flags: _Flags, depth: int) -> Node:
        start = self.at
        character = self._next("the pattern")
        if character == "(":
            return self._group(flags, depth, start)
        if character == "[":
            return Chars(_cased(self._class(start), flags))
        if character == ".":
            return Chars(_ALL if flags.dot_all else _ALL - _NEWLINE)
        if character == "^":
            return Mark("(?m:^)" if flags.lines else r"\A")
        if character == "$":
            return Mark("(?m:$)" if flags.lines else r"\Z")
        if character in "*+?" or (character == "{" and self._counts() is not None):
            raise PatternError(f"nothing to repeat before `{character}`", start)
        if character == "\\":
            return self._escaped(flags, start)
        return _literal(character, flags)

    def _group(self, flags: _Flags, depth: int, start: int) -> Node:
        name: str | None = None
        captures = True
        for opening, what in _LOOKS.items():
            if self._peek(len(opening)) == opening:
                raise PatternError(f"{what} is not part of RE2's syntax", start)
        if self._peek() == "?":
            self.at += 1
            if self._peek(2) == "P<" or self._peek() == "<":
                self.at += len(self._peek(2)) if self._peek(2) == "P<" else 1
                end = self._text.find(">", self.at)
                name = self._text[self.at : max(end, self.at)]
                if not name.isidentifier() or not name.isascii():
                    raise PatternError("a group needs a name of letters, digits and `_`", start)
                self.at = end + 1
            else:
                end = self._text.find(":", self.at)
                if end < 0:
                    raise PatternError("an unknown kind of group", start)
                flags = self._with_flags(flags, self._text[self.at : end])
                self.at, captures = end + 1, False
        inner = self.choice(flags, depth + 1)
        if self._next("a group") != ")":
            raise PatternError("a group without `)`", start)
        return Capture(inner, name) if captures else inner

    def _repeated(self, item: Node) -> Node:
        start = self.at
        character = self._peek()
        low, high = 0, None
        if not character or character not in "*+?{":
            return item
        self.at += 1
        if character == "{":
            counts = self._counts()
            if counts is None:
                self.at = start
                return item
            low, high, self.at = counts
        else:
            low, high = {"*": (0, None), "+": (1, None), "?": (0, 1)}[character]
        if (high or low) > MOST_REPEATS or (high is not None and high < low):
            raise PatternError(f"a repetition of {low} to {high or low}; RE2 has up to {MOST_REPEATS:,}", start)
        lazy = self._peek() == "?"
        self.at += lazy
        if self._peek() in ("*", "+") or (self._peek() == "?"):
            raise PatternError("a repetition of a repetition; RE2 has no possessive ones", self.at)
        return Repeat(item, low, high, lazy)

    def _counts(self) -> tuple[int, int | None, int] | None:
        """(low, high, end) of `{low,high}` behind its brace; None where the brace is only a brace."""
        end = self._text.find("}", self.at)
        low, comma, high = self._text[self.at : max(end, self.at)].partition(",")
        if not (low.isascii() and low.isdigit() and (not high or (high.isascii() and high.isdigit()))):
            return None
        return int(low), (int(high) if high else None) if comma else int(low), end + 1

    def _escaped(self, flags: _Flags, start: int) -> Node:
        character = self._next("an escape")
        if character in _CLASSES:
            return Chars(_CLASSES[character])
        if character in _MARKS:
            return Mark(_MARKS[character])
        if character == "Q":
            end = self._text.find(r"\E", self.at)
            quoted = self._text[self.at : end if end >= 0 else len(self._text)]
            self.at = end + 2 if end >= 0 else len(self._text)
            return _sequence([_literal(each, flags) for each in quoted])
        if character in "123456789":
            raise PatternError("a back-reference is not part of RE2's syntax", start)
        return _literal(self._code(character, start), flags)

    def _code(self, character: str, start: int) -> str:
        """The character that an escape stands for; `character` follows the backslash."""
        if character in _ESCAPES:
            return chr(_ESCAPES[character])
        if character == "x":
            braced = self._peek() == "{"
            end = self._text.find("}", self.at) if braced else self.at + 2
            digits = self._text[self.at + braced : max(end, self.at)]
            if not digits or any(digit not in string.hexdigits for digit in digits) or int(digits, 16) > 0x10FFFF:
                raise PatternError("`\\x` needs two hexadecimal digits, or some in braces", start)
            self.at = end + braced
            return chr(int(digits, 16))
        if character == "0":
            digits = self._peek(2)
            octal = digits if len(digits) == 2 and all(digit in string.octdigits for digit in digits) else ""
            self.at += len(octal)
            return chr(int(octal or "0", 8))
        if character.isascii() and character.isalnum():
            raise PatternError(f"`\\{character}` is not supported", start)
        return character

    def _class(self, start: int) -> frozenset[int]:
        negated = self._peek() == "^"
        self.at += negated
        codes: set[int] = set()
        first = True
        while (character := self._next("a class")) != "]" or first:
            first = False
            if character == "[" and self._peek() == ":":
                codes |= self._posix(start)
                continue
            if character == "\\":
                character = self._next("an escape")
                if character in _CLASSES:
                    codes |= _CLASSES[character]
                    continue
                character = self._code(character, start)
            low = self._byte(character, start)
            high = low
            if self._peek() == "-" and self._peek(2) not in ("-]", "-"):
                self.at += 1
                last = self._next("a class")
                if last == "\\":
                    last = self._code(self._next("an escape"), start)
                high = self._byte(last, start)
                if high < low:
                    raise PatternError("a range that ends before it begins", start)
            codes.update(range(low, high + 1))
        return _ALL - codes if negated else frozenset(codes)

    def _posix(self, start: int) -> frozenset[int]:
        end = self._text.find(":]", self.at)
        name = self._text[self.at + 1 : max(end, self.at + 1)]
        known = _POSIX.get(name.removeprefix("^"))
        if known is None:
            raise PatternError(f"`[:{name[:20]}:]` is no class", start)
        self.at = end + 2
        return _ALL - known if name.startswith("^") else known

    def _byte(self, character: str, start: int) -> int:
        if ord(character) > 127 and self._text.find(character, start) >= 0:
            raise PatternError("a class may hold ASCII characters only", start)
        if ord(character) > 255:
            raise PatternError("a class may hold bytes only", start)
        return ord(character)


def _cased(codes: frozenset[int], flags: _Flags) -> frozenset[int]:
    return folded(codes) if flags.caseless else codes


def folded(codes: frozenset[int]) -> frozenset[int]:
    """The set with each ASCII letter in both cases."""
    letters = {code ^ 32 for code in codes if chr(code) in string.ascii_letters}
    return codes | letters


def _literal(character: str, flags: _Flags) -> Node:
    if ord(character) < 128:
        return Chars(_cased(frozenset((ord(character),)), flags))
    return _sequence([Chars(frozenset((byte,))) for byte in character.encode("utf-8", "replace")])


def _sequence(items: list[Node]) -> Node:
    flat: list[Node] = []
    for item in items:
        flat.extend(item.items if isinstance(item, Sequence) else (item,))
    return flat[0] if len(flat) == 1 else Sequence(tuple(flat))


def _choice(branches: list[Node]) -> Node:
    if len(branches) == 1:
        return branches[0]
    if all(isinstance(branch, Chars) for branch in branches):
        return Chars(frozenset[int]().union(*(branch.codes for branch in branches if isinstance(branch, Chars))))
    return Choice(tuple(branches))


def is_caseless(node: Node) -> bool:
    """Whether case never matters in it, so that it can be written in lower case with one flag."""
    if isinstance(node, Chars):
        return folded(node.codes) == node.codes
    return all(is_caseless(child) for child in children(node))


def count_groups(node: Node) -> int:
    """How many groups of a match have numbers."""
    return isinstance(node, Capture) + sum(count_groups(child) for child in children(node))


def has_caseless(node: Node) -> bool:
    """Whether a part of it is a letter in either case."""
    if isinstance(node, Chars):
        return (
            len(node.codes) == 2 and folded(node.codes) == node.codes and len({code | 32 for code in node.codes}) == 1
        )
    return any(has_caseless(child) for child in children(node))


def children(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Sequence):
        return node.items
    if isinstance(node, Choice):
        return node.branches
    return (node.item,) if isinstance(node, (Repeat, Capture)) else ()
