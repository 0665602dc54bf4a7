"""Files of rules, read: with those that they extend, before them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

from imgscan.errors import UsageError
from imgscan.secrets.rules.load import load_rules
from imgscan.secrets.rules.rule import RuleSource

LARGEST = 8 << 20
"""Bytes of one file of rules."""
_DEEPEST = 2
"""Files that extend files that extend files: as far as gitleaks goes."""


def read_rules(paths: Iterable[Path]) -> tuple[RuleSource, ...]:
    """The files and what they extend, checked. Raises UsageError for what cannot be read or is no set of rules."""
    found: dict[Path, RuleSource] = {}
    for path in paths:
        _read(path, found, 0)
    sources = tuple(found.values())
    load_rules(sources)
    return sources


def _read(path: Path, found: dict[Path, RuleSource], depth: int) -> None:
    try:
        if path.stat().st_size > LARGEST:
            raise UsageError(f"{path}: more than {LARGEST >> 20} MiB", tip="a file of rules is a short text in TOML")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}", tip="--rules takes a TOML file of rules") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path}: no UTF-8 text at byte {error.start}", tip="--rules takes a TOML file of rules"
        ) from error
    extended = _extended(text)
    if extended and depth == _DEEPEST:
        raise UsageError(f"{path}: extends a third file", tip="a file that is extended may extend one more")
    if extended:
        _read(path.parent / extended, found, depth + 1)
    found[path.resolve()] = RuleSource(str(path), text)


def _extended(text: str) -> str:
    """What `extend.path` names; what is wrong with the file is told where it is loaded."""
    try:
        extend = tomllib.loads(text).get("extend")
    except (tomllib.TOMLDecodeError, RecursionError):
        return ""
    path = {str(key).lower(): value for key, value in extend.items()}.get("path") if isinstance(extend, dict) else None
    return path if isinstance(path, str) else ""
