"""Assignments: `NAME=value`, `"name": "value"`, `name := value`, found backwards from where a value begins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from imgscan.secrets import nominators
from imgscan.secrets.detector import Candidate, Window
from imgscan.secrets.judgement import judge
from imgscan.secrets.names import Strength, strength
from imgscan.secrets.syntax import Syntax, syntax_of

LONGEST_VALUE = 4096
_NAME_REACH = 176
"""Longest name, closing, separator, blanks and the nominated head of a value together."""

# Read backwards from the nominated place, on reversed text: matched once, where a search would try every word before
# it (2 us instead of 20).
_NAME_REVERSED = (
    r"""[ \t\r\v\f]{0,16}["'\]]{0,2}(?:\][0-9]{0,8}\[)?"""
    # `AWS::ApiGateway::ApiKey` names a type.
    r"""(?P<name>[\w$.\x80-\xff-]{0,99}[A-Za-z_$\x80-\xff])(?![\w$.])(?!::)"""
)
_HEAD_REVERSED = r"""[^\s"'`]{1,14}(?=["'`])|[^\s"'`]{0,13}[^\s"'`=>]"""
_ASSIGNED_REVERSED = re.compile(
    rf"""(?P<head>{_HEAD_REVERSED})(?P<quote>["'`]?)(?:(?<=["'])[bBrRuUfF]{{1,2}})?@?(?P<blank>[ \t\r\v\f]{{0,16}})"""
    rf"""(?::|=:|={{1,3}}|={{1,2}}!|>=){_NAME_REVERSED}"""
)
# `password: str = "..."`; a comma outside brackets would be another parameter's.
_TYPE_REVERSED = r"""=[\w.|<> ]{0,40}(?:\][\w.\[\]|<>, ]{0,40}\[)?[\w.|<> ]{1,40}:"""
_TYPED_REVERSED = re.compile(
    rf"""(?P<head>{_HEAD_REVERSED})(?P<quote>["'])[bBrRuUfF]{{0,2}}[ \t]{{0,4}}{_TYPE_REVERSED}[ \t]{{0,4}}\??"""
    rf"""{_NAME_REVERSED}"""
)
_BARE_END = re.compile(r"""[\s"'<>]|&(?=[\w.-]{1,40}=)|,(?=[ \w.-]{0,40}[:=])|;(?=\s|$)""")
_QUOTED = {quote: re.compile(rf"(?:[^{quote}\\\n]|\\.)*{quote}", re.DOTALL) for quote in "\"'`"}
_COMMENT = re.compile(r"(?:#|;|//|\\|&&|\|\||\||>|<)|\Z")


@dataclass(frozen=True, slots=True, repr=False)
class Assignment:
    """A name and the span of its value in a text; quotes are not part of it. Its repr shows nothing."""

    name: str
    start: int
    end: int
    quoted: bool


def assignments_ending(data: str, at: int, syntax: Syntax) -> Iterator[Assignment]:
    """The assignments under a secret name whose value begins before `at` and is known up to there, leftmost first."""
    reverse = data[max(0, at - _NAME_REACH) : at][::-1]
    if syntax is Syntax.CODE and (match := _TYPED_REVERSED.match(reverse)) is not None:
        yield from _assignment(data, at, match, spaced=True)
    end = len(reverse)
    while (match := _ASSIGNED_REVERSED.match(reverse, 0, end)) is not None:
        if match["quote"] or syntax is Syntax.CONFIG:
            yield from _assignment(data, at, match, spaced=bool(match["blank"]))
        end = match.start("name")


def _assignment(data: str, at: int, match: re.Match[str], *, spaced: bool) -> Iterator[Assignment]:
    name, quote = match["name"][::-1], match["quote"]
    if strength(name) is Strength.NONE:
        return
    start = at - match.end("head")
    end = quoted_end(data, start, quote) if quote else bare_end(data, start, spaced=spaced)
    if end > start:
        yield Assignment(name, start, end, bool(quote))


def quoted_end(data: str, start: int, quote: str) -> int:
    """Where the quoted value at `start` ends; `start` itself where its line ends before the quote does."""
    match = _QUOTED[quote].match(data, start, start + LONGEST_VALUE)
    return match.end() - 1 if match else start


def bare_end(data: str, start: int, *, spaced: bool) -> int:
    """Where the bare value at `start` ends: at a blank, or at the end of its line where `spaced` text goes on."""
    high = min(len(data), start + LONGEST_VALUE)
    found = _BARE_END.search(data, start, high)
    end = found.start() if found else high
    line = data.find("\n", end, high)
    line = high if line < 0 else line
    rest = data[end:line].strip()
    if spaced and rest and not _COMMENT.match(rest):
        end = line
    while end > start and data[end - 1] in " \t\r\v\f,;":
        end -= 1
    return end


class NamedSecretDetector:
    """Values whose name says secret, beyond the words that detect-secrets knows: `jwtSecret`, `GH_TOKEN`, `DB_PASS`."""

    id = "secret-name"
    version = 1
    nominators = nominators.SECRET_NAME
    before = 256
    after = LONGEST_VALUE + 256

    def confirm(self, window: Window) -> Iterable[Candidate]:
        """The assignment that the nomination is part of, if its name says secret."""
        syntax = syntax_of(window.path)
        for assignment in assignments_ending(window.data, window.at, syntax):
            return (candidate_of(window.data, assignment, syntax),)
        return ()


def candidate_of(data: str, assignment: Assignment, syntax: Syntax) -> Candidate:
    """The candidate that an assignment makes, judged."""
    value = data[assignment.start : assignment.end]
    judgement = judge(assignment.name, value, syntax, quoted=assignment.quoted)
    return Candidate(
        kind="keyword",
        start=assignment.start,
        end=assignment.end,
        value=value,
        name=assignment.name,
        confidence=judgement.confidence,
        suppressed=judgement.suppressed,
    )
