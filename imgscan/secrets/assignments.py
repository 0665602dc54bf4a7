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

_ASSIGNED = re.compile(
    # `AWS::ApiGateway::ApiKey` names a type.
    r"""(?<![\w$.])(?<!::)(?P<name>[A-Za-z_$\x80-\xff][\w$.\x80-\xff-]{0,99})"""
    r"""(?:\[[0-9]{0,8}\])?["'\]]{0,2}[ \t\r\v\f]{0,16}"""
    r"""(?:(?P<colon>:)|:=|={1,3}|!==?|=>)(?P<blank>[ \t\r\v\f]{0,16})"""
    r"""@?(?P<prefix>[bBrRuUfF]{1,2}(?=["']))?(?P<quote>["'`]?)(?P<head>[^\s"'`]{0,14})\Z"""
)
# `password: str = "..."`: the type stands where the value was looked for.
_AFTER_TYPE = re.compile(r"""[\w.\[\]|<>, ]{0,40}=[ \t]{0,4}[bBrRuU]?(?P<quote>["'])""")
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
    """The assignments whose value begins before `at` and is known up to there, leftmost first."""
    low = max(0, at - _NAME_REACH)
    for match in _matches(data, low, at):
        name, quote = match["name"], match["quote"]
        if match["prefix"] and not quote:
            continue
        start = match.start("head")
        if not quote and syntax is not Syntax.CONFIG:
            typed = _AFTER_TYPE.match(data, start) if match["colon"] and syntax is Syntax.CODE else None
            if typed is None:
                continue
            start, quote = typed.end(), typed["quote"]
        end = quoted_end(data, start, quote) if quote else bare_end(data, start, spaced=bool(match["blank"]))
        if end > start:
            yield Assignment(name, start, end, bool(quote))


def _matches(data: str, low: int, at: int) -> Iterator[re.Match[str]]:
    position = low
    while (match := _ASSIGNED.search(data, position, at)) is not None:
        yield match
        position = match.end("name")


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
    nominators = (*nominators.KEYWORD, *nominators.SECRET_NAME)
    before = 256
    after = LONGEST_VALUE + 256

    def confirm(self, window: Window) -> Iterable[Candidate]:
        """The assignment that the nomination is part of, if its name says secret."""
        syntax = syntax_of(window.path)
        for assignment in assignments_ending(window.data, window.at, syntax):
            if strength(assignment.name) is not Strength.NONE:
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
