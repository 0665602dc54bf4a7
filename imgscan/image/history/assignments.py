"""Names and values of ENV, ARG and LABEL, as builders dump them (nothing quoted) and as Dockerfiles have them."""

from __future__ import annotations

import re

from imgscan.image.image import Instruction

ASSIGNING = frozenset({"ENV", "ARG", "LABEL"})

_NAME = r"[A-Za-z_][A-Za-z0-9_./-]*"
_STARTS = re.compile(rf"(?:^|(?<=\s))({_NAME})=")
_BARE_NAMES = re.compile(rf"(?:\s+{_NAME}(?=\s|$))+\s*")
_NEEDS_QUOTES = re.compile(r"[\s\"'\\]")
_WORD = re.compile(r"""(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*'|["'\\])+""", re.DOTALL)
_QUOTED_PART = re.compile(r""""((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)""", re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\$])')


def quote_dump(keyword: str, text: str) -> str:
    """`A=b c D=e` as one would write it: `A="b c" D=e`.

    A value runs up to the next `name=`. That a value held ` name=` itself is not recorded and cannot be told.
    """
    text = text.strip(" ")
    pairs = _split_dump(text)
    if not pairs or not text.startswith(pairs[0][0] + "="):
        return text
    return " ".join(_write(keyword, name, value) for name, value in pairs)


def _split_dump(text: str) -> list[tuple[str, str]]:
    found = list(_STARTS.finditer(text))
    ends = [following.start() - 1 for following in found[1:]] + [len(text)]
    return [(start[1], text[start.end() : end]) for start, end in zip(found, ends, strict=False)]


def _write(keyword: str, name: str, value: str) -> str:
    if keyword == "ARG":
        # `ARG A=1 B` declares two; its dump is told from the value "1 B" by B being a name in capitals.
        first, blank, rest = value.partition(" ")
        if blank and rest.isupper() and _BARE_NAMES.fullmatch(" " + rest):
            return f"{_write(keyword, name, first)} {rest}"
    if _NEEDS_QUOTES.search(value) is None:
        return f"{name}={value}"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{escaped}"'


def is_written_pairs(text: str) -> bool:
    """Whether `text` reads as pairs somebody wrote into a Dockerfile: every word, quotes respected, has its `=`."""
    words = _WORD.findall(text)
    return bool(words) and all("=" in word for word in words)


def assignments(instruction: Instruction) -> tuple[tuple[str, str], ...]:
    """The names and values an ENV, ARG or LABEL sets, unquoted, variables not expanded; empty for any other keyword.

    An ARG without a default has the value "". The old form `ENV NAME value with blanks` is read too.
    """
    if instruction.keyword not in ASSIGNING:
        return ()
    text = instruction.arguments.strip()
    words = _WORD.findall(text)
    if instruction.keyword != "ARG" and words and "=" not in words[0]:
        name, _, value = text.partition(" ")
        return ((_unquote(name), value.strip()),)
    pairs = (word.partition("=") for word in words)
    return tuple((_unquote(name), _unquote(value)) for name, _, value in pairs)


def _unquote(word: str) -> str:
    return _QUOTED_PART.sub(_plain, word)


def _plain(match: re.Match[str]) -> str:
    double, single, escaped = match.groups()
    if double is not None:
        return _ESCAPED.sub(r"\1", double)
    return single if single is not None else escaped
