"""Rules for values without a mark of their own: forty hex digits are a token where their name says whose.

Hundreds of such rules share a few nominators, which know all their names.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable

from imgscan.secrets.detector import Nominator
from imgscan.secrets.rules.core import alphabet, items_of, width
from imgscan.secrets.rules.regex import Chars, Choice, Mark, Node, Repeat
from imgscan.secrets.words import words

# How a value is assigned in dotenv, shell, YAML, JSON (also JSON in a string), TOML, XML, and on command lines.
_CLOSING = r"(?:\\?[\"'\]]){0,2}[ \t]{0,8}(?:=>|:=|==?|:|>|,|[ \t])[ \t]{0,8}"
_QUOTES = r"(?:\\?[\"'\x60])"
_NAME_TAIL = "[0-9a-z_.-]{0,24}"
_WORDS = ("credential", "passwd", "password", "secret", "token", "pass", "key", "pwd", "_pat")

SHARED_WORDS = ("key", "token", "secret", "pass", "pwd", "credential", "_pat")
SHARED = (
    Nominator(f"(?:{'|'.join(SHARED_WORDS)})" + _NAME_TAIL + _CLOSING + _QUOTES + "{0,2}[!-~]{20}", caseless=True),
)
"""Stands for the nominators of all rules together, where one rule is looked at by itself."""
_GROUPS = 8
ASSIGNED_AT_END = re.compile(
    r"(?P<name>(?<![0-9a-z_.-])[0-9a-z_.-]{2,128})" + _CLOSING + _QUOTES + r"{0,2}[0-9a-z+/_.:%=|-]{20}\Z"
)
"""The name, in lower case, of an assignment whose value is nominated at the end of a text."""
_ANCHOR = re.compile(r"\(\?:\\b\|_\)|\\b")
_HEAD = "(?i:(?P<name>(?:"
_BARE_LENGTH = 20
_BARE = frozenset((string.ascii_letters + string.digits + "+/_.:%=|-").encode())
_SUFFIX = 10
_GENERIC = words("key token secret api access auth client pass app password name id user")


def assignment(name: str, value: str) -> str:
    """The pattern of an assignment of a value to a name; the value goes on in neither letters nor digits."""
    return (
        f"(?i:(?P<name>(?:{name}){_NAME_TAIL}))" + _CLOSING + _QUOTES + f"{{0,2}}(?P<value>{value})(?:[^0-9A-Za-z]|$)"
    )


def shared_nominators(patterns: Iterable[str]) -> tuple[Nominator, ...]:
    """What finds each assignment that these rules accept: their names, vendor and all, in a few patterns.

    Measured over 300 MB of code: 500 nominations, where names that only end in "key" or "token" give 45,000; a pattern
    a rule would be as fast, all in one is too large for the engine.
    """
    names = sorted({_ANCHOR.sub("", pattern[len(_HEAD) : pattern.index(f"){_NAME_TAIL}")]) for pattern in patterns})
    tail = _NAME_TAIL + _CLOSING + _QUOTES + "{0,2}[0-9A-Za-z+/_.:%=|-]" + f"{{{_BARE_LENGTH}}}"
    groups = [names[start::_GROUPS] for start in range(_GROUPS)]
    return tuple(Nominator(f"(?:{'|'.join(group)}){tail}", caseless=True) for group in groups if group)


def may_share(name: Node, value: Node) -> bool:
    """Whether the shared nominators find each assignment of such a value to such a name."""
    least, _ = width(value)
    fits = least >= _BARE_LENGTH and alphabet(value) <= _BARE
    return fits and all(text.endswith(_WORDS) for text in _suffixes(items_of(name)))


def _suffixes(items: list[Node]) -> set[str]:
    """The last letters of all texts that a sequence matches, in lower case."""
    found = {""}
    for item in reversed(items):
        if all(len(text) >= _SUFFIX for text in found) or len(found) > 5_000:
            break
        found = {
            (before + text)[-_SUFFIX:] if len(text) < _SUFFIX else text for text in found for before in _texts(item)
        }
    return found


def _texts(node: Node) -> set[str]:
    """The last letters of the texts that a part matches; `?` for what is no letter of one case or another."""
    if isinstance(node, Chars):
        letters = {chr(code).lower() for code in node.codes}
        return letters if len(letters) <= 4 else {"?"}
    if isinstance(node, Mark):
        return {""}
    if isinstance(node, Choice):
        return {text for branch in node.branches for text in _suffixes(items_of(branch))}
    if isinstance(node, Repeat):
        once = _texts(node.item)
        more = once | {(one + other)[-_SUFFIX:] for one in once for other in once}
        several = more if node.high is None or node.high > 1 else once
        return several | ({""} if node.low == 0 else set())
    return _suffixes(items_of(node))


def gate(name: Node) -> tuple[str, ...]:
    """Texts in lower case of which each name has one, the vendor's where there is one; empty where none is known."""
    for item in items_of(name):
        texts = _gate_of(item)
        if texts and not _GENERIC & texts and min(map(len, texts)) >= 2:
            return tuple(sorted(texts))
    every = [texts for item in items_of(name) if (texts := _gate_of(item))]
    return _gate_of_run(items_of(name)) or tuple(sorted(every[0] if every else ()))


def _gate_of(node: Node) -> frozenset[str]:
    if not isinstance(node, Choice):
        return frozenset()
    texts = [gate(branch) for branch in node.branches]
    return frozenset(text for each in texts for text in each) if all(texts) else frozenset()


def _gate_of_run(items: list[Node]) -> tuple[str, ...]:
    """The first run of fixed letters."""
    run = ""
    for item in items:
        letters = {chr(code).lower() for code in item.codes} if isinstance(item, Chars) else set()
        if len(letters) == 1:
            run += letters.pop()
        elif len(run) >= 2:
            break
        elif not isinstance(item, Mark):
            run = ""
    return (run,) if len(run) >= 2 else ()
