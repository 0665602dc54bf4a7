"""The file: which one is in force, and what it says, each part with the line it stands in."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgscan.configuration.places import Place, line_of, lines_of
from imgscan.errors import UsageError

NAME = "imgscan.toml"
PROJECT = "pyproject.toml"
TABLE = ("tool", "imgscan")
SIZE_CAP = 1 << 20
"""Bytes of a file that is read at all."""
_IN_PROJECT = re.compile(r"^\s*\[\[?\s*tool\s*\.\s*[\"']?imgscan\b|^\s*tool\s*\.\s*[\"']?imgscan\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Document:
    """A file's own part of what it says: a pyproject.toml's is [tool.imgscan]. `text` is all of it."""

    path: Path
    text: str
    table: dict[str, Any]
    prefix: Place = ()
    """Where the table stands in the file."""
    shown: str = ""
    """The path as messages name it."""

    def place(self, *keys: str | int) -> str:
        """`imgscan.toml:3`, for errors and for `config show`."""
        line = line_of(lines_of(self.text), (*self.prefix, *keys))
        return f"{self.shown}:{line}" if line is not None else self.shown


def find(start: Path) -> Path | None:
    """The nearest file from a directory upwards; not beyond the repository (`.git`) that it lies in."""
    for directory in (start, *start.parents):
        for candidate in _candidates(directory):
            return candidate
        if (directory / ".git").exists():
            return None
    return None


def _candidates(directory: Path) -> Iterator[Path]:
    path = directory / NAME
    if path.is_file():
        yield path
    project = directory / PROJECT
    if project.is_file():
        try:
            said = _has_table(_text(project, PROJECT))
        except UsageError:
            said = False  # a file of others that cannot be read says nothing of imgscan
        if said:
            yield project


def is_passed_over(path: Path) -> bool:
    """Whether a pyproject.toml beside this file has the table too, which then says nothing."""
    return path.name == NAME and any(other.name == PROJECT for other in _candidates(path.parent))


def _has_table(text: str) -> bool:
    """Whether a pyproject.toml has the table, in whatever way it is written; a broken one, where it looks so."""
    if "imgscan" not in text:
        return False
    try:
        tool = tomllib.loads(text).get("tool")
    except (tomllib.TOMLDecodeError, RecursionError):
        return _IN_PROJECT.search(text) is not None
    return isinstance(tool, dict) and "imgscan" in tool


def load(path: Path, working_directory: Path) -> Document:
    """The document in a file; UsageError where it is not there or no TOML."""
    shown = called_from(working_directory, path)
    text = _text(path, shown)
    try:
        whole = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"^(.*) \(at line (\d+), column \d+\)$", str(error))
        place, what = (f"{shown}:{where[2]}", where[1]) if where else (shown, str(error))
        raise UsageError(f"{place}: {what[:1].lower()}{what[1:]}", tip="correct it: the file must be TOML") from None
    except RecursionError:
        raise UsageError(f"{shown}: nested too deeply", tip="correct it: the file must be TOML") from None
    if path.name != PROJECT:
        return Document(path, text, whole, (), shown)
    tool = whole.get("tool")
    table = tool.get("imgscan", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise UsageError(f"{shown}: tool.imgscan is no table", tip="write [tool.imgscan]")
    return Document(path, text, table, TABLE, shown)


def called_from(working_directory: Path, path: Path) -> str:
    """The path as somebody there would write it: `../imgscan.toml` for a file of a directory above."""
    near = path.is_relative_to(working_directory) or working_directory.is_relative_to(path.parent)
    return os.path.relpath(path, working_directory) if near else str(path)


def _text(path: Path, shown: str) -> str:
    tip = "name a file that exists and that you may read"
    if str(path) == os.devnull:
        return ""
    try:
        with path.open("rb") as file:
            if not stat.S_ISREG(path.stat().st_mode):
                raise UsageError(f"cannot read {shown}: it is no regular file", tip=tip)
            data = file.read(SIZE_CAP + 1)
    except OSError as error:
        raise UsageError(f"cannot read {shown}: {error.strerror or error}", tip=tip) from error
    if len(data) > SIZE_CAP:
        raise UsageError(f"cannot read {shown}: it has more than {SIZE_CAP:,} bytes", tip=tip)
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"{shown} is not UTF-8: byte {error.start}", tip="save it as UTF-8") from None
