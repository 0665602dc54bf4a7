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
            "secret-id": self.secret,
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
    glob, names = _glob_of(pattern), path.removeprefix("/").split("/")
    if glob.several:
        return _walk(glob, names)
    head, tail = glob.head, glob.tail
    if tail is None:
        return len(names) == len(head) and all(map(_fits, head, names))
    # What stands at the end of a pattern tells most paths apart.
    return (
        len(names) >= len(head) + max(len(tail), 1)
        and all(map(_fits, reversed(tail), reversed(names)))
        and all(map(_fits, head, names))
    )


_Part = str | re.Pattern[str]


@dataclass(frozen=True, slots=True)
class _Glob:
    """A glob taken apart: the names before its `**` and those behind it, None without one.

    With `several` of them, `head` has all, each as the text `**`.
    """

    head: tuple[_Part, ...]
    tail: tuple[_Part, ...] | None = None
    several: bool = False


@lru_cache(maxsize=1024)
def _glob_of(pattern: str) -> _Glob:
    pattern = pattern.removeprefix("/") if "/" in pattern.strip("/") or pattern.startswith("/") else f"**/{pattern}"
    names = (f"{pattern}**" if pattern.endswith("/") else pattern).split("/")
    parts = tuple(_glob(name) if name != "**" and re.search(r"[*?\[]", name) else name for name in names)
    if parts.count("**") > 1:
        return _Glob(parts, several=True)
    if "**" not in parts:
        return _Glob(parts)
    at = parts.index("**")
    return _Glob(parts[:at], parts[at + 1 :])


def _fits(part: _Part, name: str) -> bool:
    return part == name if isinstance(part, str) else part.match(name) is not None


def _walk(glob: _Glob, names: list[str]) -> bool:
    """Names against parts of a pattern, each pair once: what an image calls its files cannot make it slow."""
    parts, last = glob.head, len(glob.head) - 1
    reached = {0}
    for name in (*names, None):
        # `**` may also be nothing at all, but at the end: whoever stands before it may as well stand behind it.
        for start in sorted(reached):
            at = start
            while at < last and parts[at] == "**":
                at += 1
                reached.add(at)
        if name is None:
            break
        wide = {at for at in reached if at <= last and parts[at] == "**"}
        reached = wide | {at + 1 for at in reached if at <= last and (at in wide or _fits(parts[at], name))}
        if not reached:
            return False
    return len(parts) in reached


@lru_cache(maxsize=1024)
def _glob(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern))
