"""Secrets in the strings of an image's config and history: ENV, build args, labels, commands, comments.

No multi-pattern engine: such strings are short, so nominators run as plain regular expressions over each.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator
from dataclasses import replace
from enum import StrEnum
from functools import lru_cache

from imgscan.evidence import Confidence, RuleSource
from imgscan.secrets.commands import Found, passwords_in
from imgscan.secrets.confirm import merge
from imgscan.secrets.detector import Candidate, Detector, Nominator, Window
from imgscan.secrets.detectors import detectors
from imgscan.secrets.judgement import NOT_A_SECRET_NAME, PLACEHOLDER, judge, looks_random
from imgscan.secrets.names import Strength, strength
from imgscan.secrets.placeholders import reason
from imgscan.secrets.rules.assigned import SHARED
from imgscan.secrets.rules.detect import AssignedRulesDetector, RuleDetector
from imgscan.secrets.syntax import Syntax

LONGEST_STRING = 1 << 20
"""Characters of one string that are read; configs are capped far below."""


class TextKind(StrEnum):
    """What a string of a config is."""

    COMMAND = "command"
    """Shell text: RUN, CMD, ENTRYPOINT, a health check."""
    DOCUMENT = "document"
    """A file's text: a heredoc, an embedded Dockerfile. Read as a config file, quotes optional."""
    PROSE = "prose"
    """A comment, an author, a file name: structural kinds and URLs alone."""


# A name under which the nominators' detectors take a text for what it is.
_PATHS = {TextKind.COMMAND: "command.sh", TextKind.DOCUMENT: "document.env", TextKind.PROSE: "prose.txt"}
_BY_NAME = frozenset({"secret-name", "detect-secrets/KeywordDetector"})


def find_in_assignment(
    name: str, value: str, *, entropy: bool = False, rules: tuple[RuleSource, ...] = ()
) -> list[Candidate]:
    """Secrets in the value of an environment variable, a build argument or a label; offsets count from the value's own.

    The name is judged as well as the value. Under a name that may hide a secret, entropy decides; with `entropy` it
    decides under every name, and public addresses are told.
    """
    text = value[:LONGEST_STRING]
    every = [*_structural(text, "value.env", by_name=True, entropy=entropy, rules=rules)]
    every += _under_name(name, text, rules)
    every += _random(text) if entropy else ()
    found = [each if each.name else replace(each, name=name) for each in every]
    whole = _whole_value(name, text)
    if whole is not None:
        found.append(whole)
    return merge(found)


def _under_name(name: str, text: str, rules: tuple[RuleSource, ...]) -> Iterator[Candidate]:
    """What rules find in the value because of its name: forty hex digits are a token where it says whose."""
    shift = len(name) + 1
    for each in _structural(f"{name}={text}", "value.env", by_name=False, entropy=False, rules=rules, only_rules=True):
        if each.start >= shift and each.name:
            yield replace(each, start=each.start - shift, end=each.end - shift, name=name)


def _whole_value(name: str, text: str) -> Candidate | None:
    how = strength(name)
    stripped = text.strip()
    if how is Strength.NONE or not stripped:
        return None
    start = text.index(stripped)
    if len(stripped) > 1 and stripped[0] in "'\"" and stripped[-1] == stripped[0]:
        stripped, start = stripped[1:-1], start + 1
    judgement = judge(name, stripped, Syntax.CONFIG, quoted=False)
    if judgement.suppressed == NOT_A_SECRET_NAME:
        return None
    return Candidate(
        kind="keyword",
        start=start,
        end=start + len(stripped),
        value=stripped,
        name=name,
        confidence=judgement.confidence,
        suppressed=judgement.suppressed,
    )


def _random(text: str) -> Iterator[Candidate]:
    stripped = text.strip()
    if looks_random(stripped):
        kind = "hex-entropy" if all(character in string.hexdigits for character in stripped) else "base64-entropy"
        start = text.index(stripped)
        yield Candidate(kind, start, start + len(stripped), stripped, confidence=Confidence.LOW)


def find_in_text(
    text: str, *, kind_of_text: TextKind, entropy: bool = False, rules: tuple[RuleSource, ...] = ()
) -> list[Candidate]:
    """Secrets in any other string of a config; offsets count from its first character."""
    text = text[:LONGEST_STRING]
    path = _PATHS[kind_of_text]
    found = list(_structural(text, path, by_name=kind_of_text is TextKind.DOCUMENT, entropy=entropy, rules=rules))
    if kind_of_text is TextKind.COMMAND:
        found.extend(candidate for each in passwords_in(text) if (candidate := judged_password(each)) is not None)
    return merge(found)


def judged_password(found: Found) -> Candidate | None:
    """The candidate of a value on a command line; None where its name does not say secret."""
    if found.option:
        doubtful = bool(reason(found.value)) or re.match(r"\$|-", found.value) is not None
        confidence, suppressed = Confidence.MEDIUM, PLACEHOLDER if doubtful else ""
        if looks_random(found.value):
            confidence = Confidence.HIGH
    else:
        judgement = judge(found.name, found.value, Syntax.CONFIG, quoted=False)
        if judgement.suppressed == NOT_A_SECRET_NAME:
            return None
        confidence, suppressed = judgement.confidence, judgement.suppressed
    return Candidate(
        kind="command-password" if found.option else "keyword",
        start=found.start,
        end=found.end,
        value=found.value,
        name=found.name,
        confidence=confidence,
        suppressed=suppressed,
    )


def _structural(
    text: str, path: str, *, by_name: bool, entropy: bool, rules: tuple[RuleSource, ...], only_rules: bool = False
) -> Iterator[Candidate]:
    """What the detectors of file contents find in a text, each nomination by a plain search."""
    data, offsets = _latin1(text)
    lowered = data.lower()
    for nominator, gate, group in _searches(entropy, rules):
        if gate and not any(part in lowered for part in gate):
            continue
        for match in _compiled(nominator).finditer(data):
            window = Window(path, data, match.end(), starts_member=True, ends_member=True)
            for detector in group:
                if only_rules and not isinstance(detector, RuleDetector | AssignedRulesDetector):
                    continue
                if by_name or detector.id not in _BY_NAME:
                    yield from (_placed(each, text, offsets) for each in detector.confirm(window))


def _latin1(text: str) -> tuple[str, bool]:
    """The text with one Latin-1 character for each of its characters, so that places are the same in both."""
    if text.isascii():
        return text, True
    return "".join(character if character < "\u0100" else "\xa4" for character in text), False


def _placed(candidate: Candidate, text: str, same: bool) -> Candidate:
    return candidate if same or candidate.spelling else replace(candidate, value=text[candidate.start : candidate.end])


@lru_cache(maxsize=4)
def _searches(
    entropy: bool, rules: tuple[RuleSource, ...]
) -> tuple[tuple[Nominator, tuple[str, ...], tuple[Detector, ...]], ...]:
    """Each nominator with what a text must hold for it (nothing, where that is not known), and its detectors."""
    groups: dict[Nominator, list[Detector]] = {}
    for detector in detectors(entropy, rules):
        # Names of hundreds of vendors in eight patterns suit a multi-pattern engine, and take `re` seven times as long.
        texts = SHARED if isinstance(detector, AssignedRulesDetector) else detector.nominators
        for nominator in texts:
            groups.setdefault(nominator, []).append(detector)
    return tuple((nominator, _gate(group), tuple(group)) for nominator, group in groups.items())


def _gate(group: Iterable[Detector]) -> tuple[str, ...]:
    gates = [each.gate if isinstance(each, (RuleDetector, AssignedRulesDetector)) else () for each in group]
    return tuple(dict.fromkeys(text for gate in gates for text in gate)) if all(gates) else ()


@lru_cache(maxsize=4096)
def _compiled(nominator: Nominator) -> re.Pattern[str]:
    """At first use: compiling all of them takes a fifth of a second, and few texts need more than some."""
    return re.compile(nominator.pattern, re.DOTALL | re.ASCII | (re.IGNORECASE if nominator.caseless else 0))


def visible_values(candidates: Iterable[Candidate]) -> list[str]:
    """The plaintext values that every other string must be kept free of; placeholders may stay readable."""
    return [candidate.value for candidate in candidates if not candidate.suppressed]
