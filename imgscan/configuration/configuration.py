"""What is in force: defaults, then the file, then the variables; each value with where it comes from."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from imgscan.configuration import document as documents
from imgscan.configuration.document import Document
from imgscan.configuration.settings import BY_KEY, SETTINGS, Kind, Setting, Value, read
from imgscan.errors import UsageError
from imgscan.report import Ignore, Origin

SCHEMA = "imgscan-config/1"
DEFAULT = "default"
OWN_VARIABLES = {
    "IMGSCAN_CONFIG": "the configuration file",
    "IMGSCAN_KEY": "keys the ids of secrets",
    "IMGSCAN_CACHE_DIR": "where scanned layers are kept",
}
"""Variables that are no setting of a file."""
OF_COMMANDS = ("fail_on_new", "newest", "rate", "scheduler", "since", "state", "workers")
"""Options of single commands that are no part of a policy: they have a variable and no key in the file."""
ORIGINS = {"own": Origin.OWN, "inherited": Origin.BASE, "unknown": Origin.UNKNOWN}
IGNORE_KEYS = ("fingerprint", "rule", "path", "secret-id", "origin", "reason", "until")
_CONDITIONS = IGNORE_KEYS[:5]
_FINGERPRINT = re.compile(r"[0-9a-f]{24}")


@dataclass(frozen=True, slots=True)
class InForce:
    """A setting's value and where it was said: `default`, `imgscan.toml:3` or `IMGSCAN_FAIL_ON`."""

    setting: Setting
    value: Value
    source: str = DEFAULT

    @property
    def given(self) -> bool:
        return self.source != DEFAULT


@dataclass(frozen=True, slots=True)
class Configuration:
    """All settings in the table's order, and the ignores of the file."""

    path: Path | None = None
    """The file in force."""
    shown: str = ""
    """Its path as messages name it."""
    settings: tuple[InForce, ...] = tuple(InForce(setting, setting.default) for setting in SETTINGS)
    ignores: tuple[Ignore, ...] = ()

    def in_force(self, key: str) -> InForce:
        return next(item for item in self.settings if item.setting.key == key)

    def value(self, key: str) -> Value:
        return self.in_force(key).value

    @property
    def directory(self) -> Path | None:
        return self.path.parent if self.path is not None else None


def configure(working_directory: Path, environment: Mapping[str, str], chosen: str | None = None) -> Configuration:
    """The configuration for a run in a directory; `chosen` is the file of `--config`. Raises UsageError."""
    named = chosen if chosen is not None else environment.get("IMGSCAN_CONFIG") or None
    path = (working_directory / named) if named else documents.find(working_directory)
    if path is None:
        return _with_variables(Configuration(), environment)
    loaded = documents.load(path, working_directory)
    return _with_variables(_of_document(loaded, working_directory), environment)


def _of_document(document: Document, working_directory: Path) -> Configuration:
    _check_keys(document)
    settings = []
    for setting in SETTINGS:
        if setting.key not in document.table:
            settings.append(InForce(setting, setting.default))
            continue
        place, raw = document.place(setting.key), document.table[setting.key]
        if setting.kind is Kind.LEVELS and isinstance(raw, dict):
            for name, level in raw.items():  # one by one: an error names the line of its own key
                read(setting, {name: level}, f"{document.place(setting.key, name)}: {setting.key}")
        value = read(setting, raw, f"{place}: {setting.key}")
        settings.append(InForce(setting, _from(document.path.parent, working_directory, setting, value), place))
    raw = document.table.get("ignore", [])
    if not isinstance(raw, list):
        raise UsageError(f"{document.place('ignore')}: ignore is no list of tables", tip="write [[ignore]]")
    ignores = tuple(_ignore(document, number, entry) for number, entry in enumerate(raw))
    return Configuration(document.path, document.shown, tuple(settings), ignores)


def _check_keys(document: Document) -> None:
    schema = document.table.get("schema", SCHEMA)
    if schema != SCHEMA:
        raise UsageError(
            f"{document.place('schema')}: the schema is {schema!r}, and this imgscan knows {SCHEMA}",
            tip="update imgscan, or write the file in the form it knows",
        )
    valid = [setting.key for setting in SETTINGS if setting.in_file]
    for key in document.table:
        if key in BY_KEY and not BY_KEY[key].in_file:
            setting = BY_KEY[key]
            raise UsageError(
                f"{document.place(key)}: {key} cannot be said in a file",
                tip=f"use {setting.flag} or the variable {setting.variable}",
            )
        if key not in (*valid, "ignore", "schema"):
            _unknown(document.place(key), key, (*valid, "ignore"))


def _unknown(place: str, key: str, valid: Iterable[str]) -> None:
    names = list(valid)
    near = difflib.get_close_matches(key.replace("_", "-").lower(), names, 1, 0.5)
    tip = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(names)}"
    raise UsageError(f"{place}: there is no key {key!r}", tip=tip)


def _from(directory: Path, working_directory: Path, setting: Setting, value: Value) -> Value:
    """Files that a file names are looked for beside it."""

    def beside(name: str) -> str:
        return name if Path(name).is_absolute() else documents.called_from(working_directory, directory / name)

    if setting.kind is Kind.PATH and isinstance(value, str):
        return beside(value)
    if setting.kind is Kind.PATHS and isinstance(value, tuple):
        return tuple(beside(str(part)) for part in value)
    return value


def _ignore(document: Document, number: int, entry: Any) -> Ignore:
    place = document.place("ignore", number)
    if not isinstance(entry, dict):
        raise UsageError(f"{place}: an ignore is no table", tip="write [[ignore]], and its conditions below")
    for key, value in entry.items():
        where = document.place("ignore", number, key)
        if key not in IGNORE_KEYS:
            _unknown(where, key, IGNORE_KEYS)
        if key != "until" and not (isinstance(value, str) and value.strip()):
            raise UsageError(f"{where}: {key} cannot be {value!r}", tip="write a text that is not empty")
    if not entry.get("reason"):
        raise UsageError(f"{place}: an ignore without a reason", tip='say why: reason = "..."')
    if not any(key in entry for key in _CONDITIONS):
        raise UsageError(
            f"{place}: an ignore without a condition would ignore everything",
            tip=f"give it one or more of: {', '.join(_CONDITIONS)}",
        )
    fingerprint, origin = entry.get("fingerprint", ""), entry.get("origin")
    if fingerprint and not _FINGERPRINT.fullmatch(fingerprint):
        raise UsageError(
            f"{document.place('ignore', number, 'fingerprint')}: {fingerprint!r} is no fingerprint",
            tip="it has 24 hexadecimal digits: --format json shows those of all findings",
        )
    if origin is not None and origin not in ORIGINS:
        raise UsageError(
            f"{document.place('ignore', number, 'origin')}: origin cannot be {origin!r}",
            tip=f"the values are {', '.join(ORIGINS)}",
        )
    return Ignore(
        reason=entry["reason"].strip(),
        fingerprint=fingerprint,
        rule=entry.get("rule", ""),
        path=entry.get("path", ""),
        secret=entry.get("secret-id", ""),
        origin=ORIGINS[origin] if origin is not None else None,
        until=_until(document, number, entry["until"]) if "until" in entry else None,
        place=place,
    )


def _until(document: Document, number: int, value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value) if isinstance(value, str) else _no_date()
    except ValueError:
        place = document.place("ignore", number, "until")
        raise UsageError(f"{place}: until cannot be {value!s:.40}", tip="write a date as 2030-12-31") from None


def _no_date() -> date:
    raise ValueError


def _with_variables(configuration: Configuration, environment: Mapping[str, str]) -> Configuration:
    settings = []
    for item in configuration.settings:
        raw = environment.get(item.setting.variable)
        if raw is None or (not raw.strip() and item.setting.kind is not Kind.SWITCH):
            settings.append(item)  # set and empty is as good as not set, as CI systems do
            continue
        value = read(item.setting, raw, item.setting.variable)
        settings.append(InForce(item.setting, value, item.setting.variable))
    return replace(configuration, settings=_settled(settings))


_RIVALS = (("strict", "allow-incomplete"), ("no-cache", "verify"))
"""Switches that exclude each other: the one that was said in the stronger place holds."""


def _settled(settings: list[InForce]) -> tuple[InForce, ...]:
    by_key = {item.setting.key: item for item in settings}
    for one, other in _RIVALS:
        pair = by_key[one], by_key[other]
        if not (pair[0].value and pair[1].value):
            continue
        strong = [item for item in pair if item.source == item.setting.variable]
        if len(strong) != 1:
            raise UsageError(
                f"{pair[0].source}: {one}, and {pair[1].source}: {other} exclude each other",
                tip="leave one of them out",
            )
        (weak,) = (item for item in pair if item is not strong[0])
        by_key[weak.setting.key] = replace(weak, value=False)
    return tuple(by_key[item.setting.key] for item in settings)


def variable_of(parameter: str) -> str:
    """`IMGSCAN_WORKERS` for the option --workers."""
    return f"IMGSCAN_{parameter.upper()}"


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Variables that begin with IMGSCAN_ and mean nothing: mistyped ones."""
    known = {setting.variable for setting in SETTINGS} | OWN_VARIABLES.keys() | {variable_of(n) for n in OF_COMMANDS}
    return sorted(name for name in environment if name.startswith("IMGSCAN_") and name not in known)
