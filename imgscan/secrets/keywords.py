"""Keywords before a value, as detect-secrets knows them: its patterns, matched where a keyword is nominated."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from imgscan.secrets import nominators
from imgscan.secrets.assignments import Assignment, bare_end, candidate_of
from imgscan.secrets.detector import Candidate, Window
from imgscan.secrets.detectors import PLUGINS_VERSION
from imgscan.secrets.syntax import plugin_filename, syntax_of
from imgscan.secrets.text import LINE_REACH, line_bounds

MOST_KEYWORDS = 8
"""Keywords before one nominated place that are tried; only `pwdpwdpwd...` has more."""
_KEYWORD = re.compile(  # in lower-case text: four times as fast as without regard to case
    r"api_?key|auth_?key|service_?key|account_?key|db_?key|database_?key|priv_?key|private_?key|client_?key|db_?pass|"
    r"database_?pass|key_?pass|password|passwd|pwd|secret|contraseña|contrasena"
)
# The nominators backwards, on reversed text from the nominated place.
_ASSIGNED_REVERSED = re.compile(
    r"""\S(?:["'`][bBrRuUfF]{0,2})?@?[ \t\r\v\f]{0,16}(?P<separator>:|=:|={1,3}|={1,2}!|>=)[ \t\r\v\f]{0,16}"""
    r"""["'\]]{0,2}(?:\][0-9]{0,8}\[)?(?P<name>[0-9A-Za-z_\x80-\xff]{3,64})"""
)
_CALLED_REVERSED = re.compile(r"""\w"\((?:ngissa.)?(?P<name>[0-9A-Za-z_\x80-\xff]{3,64})""")
_COMPARED_REVERSED = re.compile(r"""\w{3,64}\s{0,8}[!=]{2,3}\s{0,8}['"`]""")
_LONGEST_NOMINATION = 224
"""Of them all: keyword, affix, fifty other characters, quote, value and quote."""
_NAME_BEFORE = re.compile(r"(?:::)?[\w$.-]{0,64}\Z")
_NAME_AFTER = re.compile(r"[\w]{0,64}")


@dataclass(frozen=True, slots=True)
class KeywordPatterns:
    """The keyword detector's patterns for one kind of file, each with its group, by what they can match."""

    assigned: dict[str, Patterns]
    """By separator."""
    called: Patterns
    stated: Patterns
    compared: Patterns


Patterns = tuple[tuple[re.Pattern[str], int], ...]


_SEPARATORS = (":", ":=", "=", "==", "===", "!=", "!==", "=>")
_VALUES = ("ab", "'ab'", '"ab"', "`ab`", '@"ab"')


def grouped(patterns: Mapping[re.Pattern[str], int]) -> KeywordPatterns:
    """Patterns by what they match, found out by trying: the few that fit a nomination take half the time of all."""

    def fitting(*lines: str) -> Patterns:
        return tuple(each for each in patterns.items() if any(each[0].match(line) for line in lines))

    stated = fitting('pwd "ab";')
    assigned = {}
    for separator in _SEPARATORS:
        lines = (f"pwd{joint}{value}" for joint, value in product((separator, f" {separator} "), _VALUES))
        assigned[separator] = tuple(dict.fromkeys((*fitting(*lines), *stated)))
    compared = tuple(each for each in patterns.items() if each[0].search('"ab" == pwd'))
    return KeywordPatterns(assigned, fitting('pwd("ab")', 'pwd.assign("ab")'), stated, compared)


class KeywordsDetector:
    """detect-secrets' keyword detector: its patterns, matched at the nominated keyword, then judged by us."""

    id = "detect-secrets/KeywordDetector"
    version = PLUGINS_VERSION
    nominators = nominators.KEYWORD
    before = LINE_REACH
    after = LINE_REACH

    def __init__(self, patterns_of: Callable[[str], KeywordPatterns]) -> None:
        """`patterns_of` gives the plugin's patterns for a file of a name, grouped()."""
        self._patterns_of = patterns_of

    def confirm(self, window: Window) -> Iterator[Candidate]:
        """What the patterns for this kind of file find at the keywords that the nomination is about."""
        data, at = window.data, window.at
        patterns = self._patterns_of(plugin_filename(window.path))
        if data[at - 1] == ";":
            yield from self._at_keywords(window, patterns.stated, at - _LONGEST_NOMINATION, at)
            return
        reverse = data[max(0, at - _LONGEST_NOMINATION) : at][::-1]
        assigned = _ASSIGNED_REVERSED.match(reverse)
        if assigned is not None:
            separator = assigned["separator"][::-1]
            tried = patterns.assigned.get(separator, ())
            yield from self._at_keywords(window, tried, at - assigned.end("name"), at - assigned.start("name"))
        elif patterns.called and (called := _CALLED_REVERSED.match(reverse)) is not None:
            yield from self._at_keywords(window, patterns.called, at - called.end("name"), at - called.start("name"))
        if patterns.compared and _COMPARED_REVERSED.match(reverse) is not None:
            yield from self._compared(window, patterns.compared)

    def _at_keywords(self, window: Window, patterns: Patterns, low: int, high: int) -> Iterator[Candidate]:
        """What the patterns find that begins with a keyword between `low` and `high`, over the nominated place."""
        low = max(0, low)
        keywords = list(_KEYWORD.finditer(window.data[low:high].lower()))[-MOST_KEYWORDS:]
        if not keywords or not patterns:
            return
        start, end = line_bounds(window.data, window.at)
        for keyword in keywords:
            first, last = low + keyword.start(), low + keyword.end()
            if first < start:
                continue
            for pattern, group in patterns:
                match = pattern.match(window.data, first, end)
                if match is not None and match.start(group) <= window.at <= match.end():
                    yield self._candidate(window, (start, end), (first, last), match.span(group))

    def _compared(self, window: Window, patterns: Patterns) -> Iterator[Candidate]:
        """`"value" == password`: the value stands first, so the pattern is searched for instead of matched."""
        start, end = line_bounds(window.data, window.at)
        low = max(start, window.at - _LONGEST_NOMINATION)
        for keyword in list(_KEYWORD.finditer(window.data[low : window.at].lower()))[-MOST_KEYWORDS:]:
            first, last = low + keyword.start(), low + keyword.end()
            if last != window.at:
                continue
            for pattern, group in patterns:
                for match in pattern.finditer(window.data, start, end):
                    if match.end(group) <= first <= match.end():
                        yield self._candidate(window, (start, end), (first, last), match.span(group))

    def _candidate(
        self, window: Window, line: tuple[int, int], keyword: tuple[int, int], span: tuple[int, int]
    ) -> Candidate:
        data = window.data
        (start, end), (first, last), (low, high) = line, keyword, span
        quoted = low > start and data[low - 1] in "'\"`"
        if not quoted:
            text = data[start:end]
            spaced = low > start and data[low - 1].isspace()
            high = max(low + 1, min(high, start + bare_end(text, low - start, spaced=spaced)))
        before = _NAME_BEFORE.search(data, max(start, first - 64), first)
        after = _NAME_AFTER.match(data, last, end)
        name = (before[0] if before else "") + data[first:last] + (after[0] if after else "")
        assignment = Assignment(name.lstrip("-."), low, high, quoted)
        return candidate_of(data, assignment, syntax_of(window.path))
