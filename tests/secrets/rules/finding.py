"""A rule run over a text in the plain way: nominators as regular expressions, then confirmation."""

import re

from imgscan.secrets.detector import Window
from imgscan.secrets.rules.detect import RuleDetector, rule_detectors
from imgscan.secrets.rules.load import load_rules
from imgscan.secrets.rules.rule import RuleSet, RuleSource


def rules_of(text, name="rules.toml"):
    return load_rules((RuleSource(name, text),))


def nominations(nominators, data):
    for nominator in nominators:
        pattern = re.compile(nominator.pattern.encode(), re.DOTALL | (re.IGNORECASE if nominator.caseless else 0))
        at = 0
        while (match := pattern.search(data, at)) is not None:
            yield match.end()
            at = match.start() + 1


def found_by(detector, text, path="app/settings.xml", member=None):
    """The candidates in the member, which is a slice of the text; the nominators see all of it."""
    first, last = member or (0, len(text))
    data, found = text[first:last], {}
    for end in sorted(set(nominations(detector.nominators, text.encode("latin-1")))):
        at = end - first
        if not 0 < at <= len(data):
            continue
        low, high = max(0, at - detector.before), min(len(data), at + detector.after)
        for each in detector.confirm(Window(path, data[low:high], at - low, low == 0, high == len(data))):
            assert data[low + each.start : low + each.end] == each.value
            found[(first + low + each.start, first + low + each.end)] = each
    return found


def find(rules: RuleSet, text, path="app/settings.env"):
    return [each for detector in rule_detectors(rules, "given") for each in found_by(detector, text, path).values()]


def detector_of(rule):
    return RuleDetector(rule)
