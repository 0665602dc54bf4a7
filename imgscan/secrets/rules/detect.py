"""A rule as a detector."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from imgscan.evidence import Confidence, Validation
from imgscan.secrets import checks, placeholders
from imgscan.secrets.detector import Candidate, Detector, Nominator, Window
from imgscan.secrets.judgement import EMBEDDED, PLACEHOLDER, shannon
from imgscan.secrets.redaction import redact
from imgscan.secrets.rules.assigned import ASSIGNED_AT_END, shared_nominators
from imgscan.secrets.rules.rule import Allowlist, RuleSet, SecretRule, compiled
from imgscan.secrets.text import embedded, line_bounds

ALLOWLISTED = "allowlisted"
COMPANION_REACH = 512
"""How far from a secret its companion is looked for."""


@dataclass(frozen=True, slots=True)
class RuleDetector:
    """Runs one rule's pattern where it is nominated."""

    rule: SecretRule
    allowlists: tuple[Allowlist, ...] = ()
    """Those that hold for all rules of its file."""
    origin: str = "rule"
    """Tells sets of rules apart."""
    version: int = 1

    @property
    def id(self) -> str:
        return f"{self.origin}/{self.rule.id}"

    @property
    def nominators(self) -> tuple[Nominator, ...]:
        return self.rule.nominators

    @property
    def gate(self) -> tuple[str, ...]:
        """Texts in lower case of which a nominated place has one; empty where none is known."""
        return self.rule.literals

    @property
    def before(self) -> int:
        return self.rule.before

    @property
    def after(self) -> int:
        return self.rule.after

    def confirm(self, window: Window) -> Iterator[Candidate]:
        """Every match that covers the nominated place."""
        rule = self.rule
        if rule.path and not compiled(rule.path).search(window.path):
            return
        if rule.keywords and not _near(window.data, rule.keywords):
            return
        for match in self._matches(window):
            low, high = _secret_span(match, rule.group)
            if high == low or (rule.entropy and shannon(window.data[low:high]) <= rule.entropy):
                continue
            if rule.edges != "exact" or not embedded(window.data, low, high):
                yield self._candidate(window, match, low, high)

    def _matches(self, window: Window) -> Iterator[re.Match[str]]:
        pattern, data, at = compiled(self.rule.regex), window.data, window.at
        start, stop = at - self.rule.lead, at + self.rule.after
        if self.rule.exact:
            match = pattern.match(data, start, stop) if start >= 0 else None
            if match is not None:
                yield match
            return
        for match in pattern.finditer(data, max(0, start), stop):
            if match.start() >= at and not self.rule.around:
                return
            if match.end() >= at or self.rule.around:
                yield match

    def _candidate(self, window: Window, match: re.Match[str], low: int, high: int) -> Candidate:
        rule, data = self.rule, window.data
        value = data[low:high]
        validation = checks.VALIDATORS[rule.validator](value) if rule.validator else Validation.NONE
        stands_for = placeholders.reason if rule.form == "password" else placeholders.token_reason
        suppressed = PLACEHOLDER if stands_for(value) else ""
        if not suppressed and rule.edges == "word" and embedded(data, low, high):
            suppressed = EMBEDDED
        if any(_allows(each, window, match, value) for each in (*rule.allowlists, *self.allowlists)):
            suppressed = ALLOWLISTED
        doubtful = validation is Validation.CHECKSUM_WRONG or (rule.validator and validation is Validation.NONE)
        return Candidate(
            kind=rule.kind,
            start=low,
            end=high,
            value=value,
            name=match["name"] if "name" in match.re.groupindex else None,
            confidence=_lower(rule.confidence, Confidence.MEDIUM) if doubtful or suppressed else rule.confidence,
            validation=validation,
            suppressed=suppressed,
            companion=_companion(rule, data, low, high),
        )


ASSIGNED_REACH = 176
"""Longest name, separator and nominated head of a value together."""


class AssignedRulesDetector:
    """All rules that share their nominators: those whose vendor is named before the nominated place are run."""

    version = 1

    def __init__(self, detectors: Sequence[RuleDetector], name: str) -> None:
        self.id = name
        self.nominators = shared_nominators(detector.rule.regex for detector in detectors)
        self.before = max(detector.before for detector in detectors)
        self.after = max(detector.after for detector in detectors)
        self._gated = [(literal, detector) for detector in detectors for literal in detector.rule.literals]
        self._always = [detector for detector in detectors if not detector.rule.literals]
        self.gate = () if self._always else tuple(dict.fromkeys(literal for literal, _ in self._gated))

    def confirm(self, window: Window) -> Iterator[Candidate]:
        """What the rules find whose gate is open."""
        context = window.data[max(0, window.at - ASSIGNED_REACH) : window.at].lower()
        assigned = ASSIGNED_AT_END.search(context)
        if assigned is not None:  # vendors' short names are in any text, and in few names
            context = assigned["name"]
        for detector in dict.fromkeys([each for literal, each in self._gated if literal in context] + self._always):
            yield from detector.confirm(window)


def rule_detectors(rules: RuleSet, name: str) -> tuple[Detector, ...]:
    """The detectors of a set of rules; `name` tells sets apart."""
    every = [RuleDetector(rule, rules.allowlists, name) for rule in rules.rules]
    shared = [detector for detector in every if detector.rule.shared]
    single: list[Detector] = [detector for detector in every if not detector.rule.shared]
    return (*single, AssignedRulesDetector(shared, f"{name}/assigned")) if shared else tuple(single)


def _lower(one: Confidence, other: Confidence) -> Confidence:
    return max(one, other, key=list(Confidence).index)


def _near(data: str, keywords: tuple[str, ...]) -> bool:
    text = data.lower()
    return any(keyword in text for keyword in keywords)


def _secret_span(match: re.Match[str], group: int) -> tuple[int, int]:
    """The span of the secret: the wanted group, the group `value`, the first that took part, or all of it."""
    if "value" in match.re.groupindex:
        return match.span("value")
    if group:
        return match.span(group)
    taken = (number for number in range(1, match.re.groups + 1) if match[number])
    return match.span(next(taken, 0))


def _allows(allowlist: Allowlist, window: Window, match: re.Match[str], value: str) -> bool:
    checks_: list[bool] = []
    if allowlist.paths:
        checks_.append(any(compiled(path).search(window.path) for path in allowlist.paths))
    if allowlist.regexes:
        text = value
        if allowlist.target == "match":
            text = match[0]
        elif allowlist.target == "line":
            start, end = line_bounds(window.data, match.start())
            text = window.data[start : max(end, match.end())]
        checks_.append(any(compiled(regex).search(text) for regex in allowlist.regexes))
    if allowlist.stopwords:
        lowered = value.lower()
        checks_.append(any(word in lowered for word in allowlist.stopwords))
    if not checks_:
        return False
    return all(checks_) if allowlist.all_of else any(checks_)


def _companion(rule: SecretRule, data: str, low: int, high: int) -> str:
    """The other half of the credential, nearest to it, as a report may show it."""
    if not rule.companion:
        return ""
    pattern = compiled(rule.companion)
    best: tuple[int, str] | None = None
    for match in pattern.finditer(data, max(0, low - COMPANION_REACH), min(len(data), high + COMPANION_REACH)):
        start, end = match.span("id" if "id" in match.re.groupindex else 0)
        if start < high and low < end:
            continue
        distance = low - end if end <= low else start - high
        if best is None or distance < best[0]:
            best = (distance, data[start:end])
    return f"{rule.companion_title or 'companion'} {redact(best[1])}" if best is not None else ""
