"""What a rule is: a value, made from a table of a TOML file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from imgscan.errors import Problem
from imgscan.evidence import Confidence, RuleSource
from imgscan.secrets.detector import Nominator
from imgscan.secrets.rules.regex import parse
from imgscan.secrets.rules.writing import write


@dataclass(frozen=True, slots=True)
class Allowlist:
    """What a rule finds and nobody should be told of: `paths` and `regexes` are searched for, `stopwords` are parts.

    With `all_of` every list that is not empty must hold, else one of them. `target` is what `regexes` are searched in.
    """

    description: str = ""
    paths: tuple[str, ...] = ()
    regexes: tuple[str, ...] = ()
    stopwords: tuple[str, ...] = ()
    target: Literal["secret", "match", "line"] = "secret"
    all_of: bool = False


@dataclass(frozen=True, slots=True)
class SecretRule:
    """One form of a secret. Patterns are in RE2's syntax (`rules.regex`)."""

    id: str
    kind: str
    """The kind of its findings: rules of one vendor may share one."""
    title: str
    regex: str
    description: str = ""
    severity: Literal["critical", "high", "medium", "low"] = "critical"
    confidence: Confidence = Confidence.HIGH
    group: int = 0
    """The number of the group that is the secret; 0 for the first that took part, or all where there is none."""
    keywords: tuple[str, ...] = ()
    """In lower case; one of them must stand near the match."""
    entropy: float = 0.0
    """Bits per character that the secret must have more of."""
    path: str = ""
    """Searched for in the member's path; empty for any."""
    allowlists: tuple[Allowlist, ...] = ()
    validator: str = ""
    """The name of a check of `secrets.checks`."""
    edges: Literal["word", "exact", "any"] = "any"
    """What a secret that goes on in letters or digits on either side is: set aside, none, or one all the same."""
    form: Literal["token", "password"] = "token"
    """A password is anything that somebody chose: what only stands for one is a placeholder."""
    companion: str = ""
    """A pattern for the other half of a credential; its `id` group, or all of it, is told with the secret."""
    companion_title: str = ""
    remediation: str = ""
    documentation: str = ""
    """The vendor's page that states the form."""
    area: str = ""
    """The table of ours that it stands in; empty for a user's."""
    examples: tuple[str, ...] = ()
    near_misses: tuple[str, ...] = ()
    """Templates (`rules.examples`)."""
    nominators: tuple[Nominator, ...] = ()
    before: int = 512
    after: int = 1024
    lead: int = 512
    exact: bool = False
    """A match begins `lead` bytes before the end of its nomination, never elsewhere."""
    around: bool = False
    """Nominated by a keyword: a match may be anywhere in the window."""
    shared: bool = False
    """Nominated together with all rules of assigned values (`rules.assigned`)."""
    literals: tuple[str, ...] = ()
    """One of these, in lower case, is in each match; empty where nothing is known."""


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules in the order of their files, and what of the files is not run."""

    rules: tuple[SecretRule, ...]
    allowlists: tuple[Allowlist, ...] = ()
    """Hold for all rules."""
    problems: tuple[Problem, ...] = ()


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern in RE2's syntax as Python runs it, over text with one character a byte; PatternError if it is wrong."""
    return re.compile(write(parse(pattern)), re.ASCII)


__all__ = ["Allowlist", "RuleSet", "RuleSource", "SecretRule", "compiled"]
