"""The plain way to find secrets in a file: nominators as regular expressions over its bytes, then confirmation."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

from imgscan.secrets.confirm import merge
from imgscan.secrets.detector import Candidate, Detector, Nominator, Window
from imgscan.secrets.detectors import detectors
from imgscan.secrets.syntax import Syntax, syntax_of


@cache
def nominators(*, entropy: bool = False) -> dict[Nominator, tuple[Detector, ...]]:
    every = detectors(entropy)
    unique = dict.fromkeys(nominator for detector in every for nominator in detector.nominators)
    return {each: tuple(detector for detector in every if each in detector.nominators) for each in unique}


@cache
def pattern(nominator: Nominator) -> re.Pattern[bytes]:
    return re.compile(nominator.pattern.encode("latin-1"), re.DOTALL | (re.IGNORECASE if nominator.caseless else 0))


def windows(path: str, data: bytes, *, entropy: bool = False, member: tuple[int, int] | None = None):
    """(window, its offset in the member, detector) of every nomination; `member` is a slice of the raw bytes."""
    first, last = member or (0, len(data))
    text = data[first:last].decode("latin-1")
    for nominator, group in nominators(entropy=entropy).items():
        if nominator.config_only and syntax_of(path) is not Syntax.CONFIG:
            continue
        ends = {match.end() for start in range(len(data)) if (match := _at(nominator, data, start))}
        for end in sorted(ends):
            at = end - first
            if not 0 < at <= len(text):
                continue
            for detector in group:
                low, high = max(0, at - detector.before), min(len(text), at + detector.after)
                yield Window(path, text[low:high], at - low, low == 0, high == len(text)), low, detector


def _at(nominator: Nominator, data: bytes, start: int) -> re.Match[bytes] | None:
    return pattern(nominator).match(data, start)


def candidates(
    path: str, data: bytes, *, entropy: bool = False, member: tuple[int, int] | None = None
) -> list[Candidate]:
    found: dict[tuple[int, int, str, str | None], Candidate] = {}
    for window, low, detector in windows(path, data, entropy=entropy, member=member):
        for each in detector.confirm(window):
            assert window.data[each.start : each.end] == (each.spelling or each.value)
            placed = replace(each, start=each.start + low, end=each.end + low)
            found[(placed.start, placed.end, placed.kind, placed.name)] = placed
    return merge(list(found.values()))


def counted(path: str, text: str, **kwargs: bool) -> list[tuple[str, str | None, str]]:
    """(kind, name, value) of what counts."""
    every = candidates(path, text.encode("latin-1"), **kwargs)
    return [(each.kind, each.name, each.value) for each in every if not each.suppressed]
