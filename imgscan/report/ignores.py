"""Ignores: what a user has decided to live with, why, and until when."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from fnmatch import translate
from functools import lru_cache

from imgscan.report.finding import Finding, Origin


@dataclass(frozen=True, slots=True)
class Ignore:
    """A decision about findings that fulfil all of the conditions it has; empty ones are no conditions.

    `rule` is a family or a glob over rule ids, `path` a glob as `matches_path` reads it, `secret` a `secret.id`.
    `until` is the last day it holds, None for ever. `place` is where it stands: `imgscan.toml:12`.
    """

    reason: str
    fingerprint: str = ""
    rule: str = ""
    path: str = ""
    secret: str = ""
    origin: Origin | None = None
    until: date | None = None
    place: str = ""

    def expired(self, today: date | None) -> bool:
        """Whether its last day is over; never where nobody says what day it is."""
        return self.until is not None and today is not None and today > self.until

    def matches(self, finding: Finding) -> bool:
        """Whether a finding of a report (redacted, with its secret's id) fulfils every condition."""
        if self.fingerprint and finding.fingerprint != self.fingerprint:
            return False
        if self.secret and (finding.secret is None or finding.secret.id != self.secret):
            return False
        if self.origin is not None and finding.origin is not self.origin:
            return False
        if self.rule and not matches_rule(self.rule, finding.rule.id):
            return False
        place = finding.location
        return not self.path or (
            place.path is not None
            and (
                matches_path(self.path, place.path)
                or (place.inner_path is not None and matches_path(self.path, f"{place.path}!/{place.inner_path}"))
            )
        )

    @property
    def conditions(self) -> str:
        """`path app/**, rule build-tool`: how a message calls it."""
        named = {
            "fingerprint": self.fingerprint,
            "rule": self.rule,
            "path": self.path,
            "secret": self.secret,
            "origin": ("inherited" if self.origin is Origin.BASE else str(self.origin)) if self.origin else "",
        }
        return ", ".join(f"{name} {value}" for name, value in named.items() if value)


@lru_cache(maxsize=4096)
def matches_rule(pattern: str, rule: str) -> bool:
    """Whether `pattern` is a rule's id, its family, or a glob over ids (`*-secret/aws-*`)."""
    return pattern in (rule, rule.partition("/")[0]) or _glob(pattern).match(rule) is not None


def matches_path(pattern: str, path: str) -> bool:
    """Whether a path in an image is what a glob means.

    `*`, `?` and `[...]` stay within a name, `**` is any number of directories, a leading slash may be there or not.
    A pattern that ends in a slash means all below it, one without a slash a name in any directory.
    """
    pattern = pattern.removeprefix("/") if "/" in pattern.strip("/") or pattern.startswith("/") else f"**/{pattern}"
    pattern = f"{pattern}**" if pattern.endswith("/") else pattern
    return _walk(tuple(pattern.split("/")), path.removeprefix("/").split("/"))


def _walk(pattern: tuple[str, ...], names: list[str]) -> bool:
    """Names against parts of a pattern, each pair once: what an image calls its files cannot make it slow."""
    reached = {0}
    for name in (*names, None):
        # `**` may also be nothing at all: whoever stands before it may as well stand behind it.
        for at in sorted(reached):
            while at < len(pattern) and pattern[at] == "**" and at + 1 < len(pattern):
                at += 1  # noqa: PLW2901
                reached.add(at)
        if name is None:
            break
        stepped = {at for at in reached if at < len(pattern) and pattern[at] == "**"}
        stepped |= {
            at + 1
            for at in reached
            if at < len(pattern) and (pattern[at] == "**" or _glob(pattern[at]).match(name) is not None)
        }
        reached = stepped
        if not reached:
            return False
    return len(pattern) in reached


@lru_cache(maxsize=1024)
def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))
