"""JSON with places: the scalars of a document, the keys that lead to each, and where each is spelled.

Tolerant where tools are: line comments, commas too many. Not recursive, linear, and bounded in depth.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from imgscan.secrets.formats.format import Leaf, latin1

DEEPEST = 64

_TOKEN = re.compile(
    r'[ \t\r\n]+|//[^\n]*|(?P<string>"(?:[^"\\]|\\.)*")|(?P<mark>[{}\[\],:])|(?P<bare>[^\s{}\[\],:"]+)', re.DOTALL
)
_ESCAPES = re.compile(r"(?:\\u[0-9a-fA-F]{4})+|\\.", re.DOTALL)


def json_leaves(text: str) -> Iterator[Leaf]:
    """The scalars of a document, in order; items of a list are told by their number. ValueError where it breaks off.

    Strings are unescaped; numbers, true, false and null are as spelled.
    """
    path: list[str] = []
    lists: list[bool] = []
    key: str | None = None
    expects_key = False
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise ValueError(f"an open string at byte {at}")
        at = token.end()
        mark = token["mark"]
        if mark in ("{", "["):
            if len(lists) >= DEEPEST:
                raise ValueError(f"more than {DEEPEST} levels")
            lists.append(mark == "[")
            path.append("0" if mark == "[" else "")
            expects_key = mark == "{"
        elif mark in ("}", "]"):
            if not lists:
                raise ValueError(f"a bracket too many at byte {at - 1}")
            lists.pop()
            path.pop()
            expects_key = False
        elif mark == "," and lists:
            expects_key = not lists[-1]
            if lists[-1]:
                path[-1] = str(int(path[-1]) + 1)
        elif token["string"] is not None:
            key = unescaped(token["string"][1:-1])
            if expects_key:
                path[-1], expects_key = key, False
            else:
                yield Leaf(tuple(path), key, token.start() + 1, at - 1)
        elif token["bare"] is not None and not expects_key:
            yield Leaf(tuple(path), token["bare"], token.start(), at)
    if lists:
        raise ValueError("it ends within an object or a list")


def unescaped(text: str) -> str:
    """A string's text, given between its quotes."""
    return _ESCAPES.sub(_character, text) if "\\" in text else text


def _character(match: re.Match[str]) -> str:
    try:
        return latin1(str(json.loads(f'"{match[0]}"')))
    except ValueError:
        return match[0]
