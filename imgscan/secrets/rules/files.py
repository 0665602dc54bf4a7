"""Files of rules, read: with those that they extend, before them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from imgscan.errors import UsageError
from imgscan.secrets.rules.load import load_rules
from imgscan.secrets.rules.plugins import is_plugin, plugins_of
from imgscan.secrets.rules.rule import RuleSource

LARGEST = 8 << 20
"""Bytes of one file of rules."""
_TIP = "--rules takes a TOML file of rules; docs/writing-rules.md tells how they are written"
_DEEPEST = 2
"""Files that extend files that extend files: as far as gitleaks goes."""


def read_rules(paths: Iterable[Path]) -> tuple[RuleSource, ...]:
    """The files and what they extend, checked. Raises UsageError for what cannot be read or is no set of rules."""
    found: dict[Path, RuleSource] = {}
    for path in paths:
        _read(path, found, 0)
    sources = tuple(found.values())
    load_rules(sources)
    plugins_of(sources)
    return sources


def code_named_by(paths: Iterable[Path]) -> str | None:
    """The first Python file that the files of rules would have executed. Nothing is executed to tell."""
    found: dict[Path, RuleSource] = {}
    for path in paths:
        _read(path, found, 0)
    return next((source.name for source in found.values() if is_plugin(source)), None)


def _read(path: Path, found: dict[Path, RuleSource], depth: int) -> None:
    text = _text(path)
    document = _document(text)
    extend = document.get("extend")
    named = {str(key).lower(): value for key, value in extend.items()}.get("path") if isinstance(extend, dict) else None
    if isinstance(named, str) and named:
        if depth == _DEEPEST:
            raise UsageError(f"{path}: extends a third file", tip="a file that is extended may extend one more")
        _read(path.parent / named, found, depth + 1)
    found[path.resolve()] = RuleSource(str(path), text)
    plugins = document.get("detect_secrets_plugins", [])
    for table in plugins if isinstance(plugins, list) else [plugins]:
        code = table.get("path") if isinstance(table, dict) else None
        if not isinstance(code, str) or not code.endswith(".py"):
            raise UsageError(f"{path}: `detect_secrets_plugins` needs the `path` of a Python file", tip=_TIP)
        plugin = path.parent / code.removeprefix("file://")
        found[plugin.resolve()] = RuleSource(str(plugin), _text(plugin))


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise UsageError(f"{path}: more than {LARGEST >> 20} MiB", tip=_TIP)
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}", tip=_TIP) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: no UTF-8 text at byte {error.start}", tip=_TIP) from error


def _document(text: str) -> dict[str, Any]:
    """The file's tables; what is wrong with it is told where it is loaded."""
    try:
        return {key.lower(): value for key, value in tomllib.loads(text).items()}
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}
