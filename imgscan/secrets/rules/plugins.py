"""Plugins of detect-secrets that a file of rules names: Python code of the user's, executed.

A plugin is known by what it has (`secret_type`, `denylist`, `analyze_string`), so that nothing is loaded here that a
plugin does not load itself. It is nominated by its patterns, and asked about the line round a nominated place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from types import ModuleType
from typing import Any

from imgscan.errors import UsageError
from imgscan.secrets import placeholders
from imgscan.secrets.detector import Candidate, Nominator, Window
from imgscan.secrets.judgement import PLACEHOLDER
from imgscan.secrets.rules import core
from imgscan.secrets.rules.regex import PatternError, parse
from imgscan.secrets.rules.rule import RuleSource
from imgscan.secrets.text import LINE_REACH, line_bounds

_TIP = "docs/writing-rules.md tells which plugins can be run"
_LOOKS = ("(?=", "(?!", "(?<=", "(?<!")


@dataclass(frozen=True, slots=True)
class GivenPluginDetector:
    """One plugin. It sees a line, at most `LINE_REACH` characters on either side of the nominated place."""

    plugin: Any = field(repr=False, compare=False)
    kind: str
    title: str
    nominators: tuple[Nominator, ...]
    version: int = 1
    before: int = LINE_REACH
    after: int = LINE_REACH

    @property
    def id(self) -> str:
        return f"given-plugin/{self.kind}"

    def confirm(self, window: Window) -> Iterator[Candidate]:
        """Every secret that the plugin finds in the line."""
        start, end = line_bounds(window.data, window.at)
        line = window.data[start:end]
        for value in sorted({str(secret) for secret in self.plugin.analyze_string(line) if secret}):
            at = line.find(value)
            while at >= 0:
                suppressed = PLACEHOLDER if placeholders.token_reason(value) else ""
                yield Candidate(self.kind, start + at, start + at + len(value), value, suppressed=suppressed)
                at = line.find(value, at + len(value))


def is_plugin(source: RuleSource) -> bool:
    """Whether a source is a plugin's code rather than a table of rules."""
    return source.name.endswith(".py")


def plugins_of(sources: Iterable[RuleSource]) -> tuple[GivenPluginDetector, ...]:
    """The plugins of those sources that are code. Raises UsageError for what cannot be run."""
    return tuple(plugin for source in sources if is_plugin(source) for plugin in _plugins(source))


@lru_cache(maxsize=32)
def _plugins(source: RuleSource) -> tuple[GivenPluginDetector, ...]:
    module = ModuleType("given_plugin")
    try:
        exec(compile(source.text, source.name, "exec"), module.__dict__)  # noqa: S102  (what the user asks for)
    except (SyntaxError, ImportError, NameError, AttributeError, TypeError, ValueError) as error:
        raise UsageError(f"{source.name}: {type(error).__name__}: {error}", tip=_TIP) from error
    classes = [
        value for value in vars(module).values() if isinstance(value, type) and value.__module__ == "given_plugin"
    ]
    found = [
        _detector(source, each) for each in classes if hasattr(each, "analyze_string") and hasattr(each, "secret_type")
    ]
    if not found:
        raise UsageError(f"{source.name}: no plugin of detect-secrets in it", tip=_TIP)
    return tuple(found)


def _detector(source: RuleSource, plugin: type) -> GivenPluginDetector:
    title = str(plugin.secret_type)  # type: ignore[attr-defined]
    patterns = getattr(plugin, "denylist", ())
    nominators: list[Nominator] = []
    try:
        for pattern in patterns:
            found = core.cores(parse(_without_looks(pattern)))
            if not found:
                raise UsageError(f"{source.name}: {title}: its pattern has no part to look for", tip=_TIP)
            nominators += (each.nominator for each in found)
    except PatternError as error:
        raise UsageError(f"{source.name}: {title}: {error}", tip=_TIP) from error
    if not nominators:
        raise UsageError(f"{source.name}: {title}: it has no `denylist` of patterns", tip=_TIP)
    kind = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or plugin.__name__.lower()
    return GivenPluginDetector(plugin(), kind, title, tuple(dict.fromkeys(nominators)))


def _without_looks(pattern: re.Pattern[str]) -> str:
    """The pattern for a nominator: what it looks at round a match only makes it match less."""
    text = pattern.pattern
    for opening in _LOOKS:
        while (start := text.find(opening)) >= 0:
            depth, at = 1, start + len(opening)
            while at < len(text) and depth:
                at += 1 + (text[at] == "\\")
                depth += {"(": 1, ")": -1}.get(text[at - 1], 0) if text[at - 2] != "\\" else 0
            text = text[:start] + text[at:]
    return f"(?i){text}" if pattern.flags & re.IGNORECASE else text
