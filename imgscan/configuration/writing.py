"""Writing an ignore into a file without touching anything else in it: comments, order and blank lines stay."""

from __future__ import annotations

import re
import tomllib
from collections.abc import MutableMapping
from datetime import date
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from imgscan.errors import UsageError


def with_ignore(text: str, keys: tuple[str, ...], fingerprint: str, reason: str, until: date | None) -> str:
    """A TOML document with an ignore of one finding added, or its reason and end changed where it is there.

    `keys` lead to the table of imgscan: `()`, or `("tool", "imgscan")`. UsageError where the file's form has no place
    for one.
    """
    entry: dict[str, Any] = {"fingerprint": fingerprint, "reason": reason}
    if until is not None:
        entry["until"] = until
    failed = UsageError("the ignore cannot be added to this file", tip="add it by hand: [[ignore]] fingerprint, reason")
    try:
        document = tomlkit.parse(text)
        _add(_table(document, keys), entry)
        written = _apart(tomlkit.dumps(document).rstrip("\n") + "\n", fingerprint)
        # tomlkit's own edits have come out wrong before (dotted tables, arrays): what is written is read again.
        if _ignores(tomllib.loads(written), keys) != _expected(tomllib.loads(text), keys, entry):
            raise failed
        written.encode()
    except (TOMLKitError, tomllib.TOMLDecodeError, TypeError, AttributeError, KeyError, UnicodeError) as error:
        raise failed from error
    return written


def _apart(text: str, fingerprint: str) -> str:
    """The text with an empty line between the ignore and the table behind it, which tomlkit leaves out."""
    own = rf'^fingerprint = "{fingerprint}"\n(?:(?:reason|until) = .*\n)*'
    return re.sub(rf"({own})(?=\[)", r"\1\n", text, flags=re.MULTILINE)


def _table(document: MutableMapping[str, Any], keys: tuple[str, ...]) -> MutableMapping[str, Any]:
    table = document
    for key in keys:
        if key not in table:
            table[key] = tomlkit.table(is_super_table=key != keys[-1])
        table = table[key]
    return table


def _add(table: MutableMapping[str, Any], entry: dict[str, Any]) -> None:
    present = table.get("ignore")
    for item in present or ():
        if _is_of(item, entry["fingerprint"]):
            item["reason"] = entry["reason"]
            if "until" in entry:
                item["until"] = entry["until"]
            else:
                item.pop("until", None)
            return
    if present is not None and not isinstance(present, tomlkit.items.AoT):
        inline = tomlkit.inline_table()
        inline.update(entry)
        present.append(inline)
        return
    new = tomlkit.table()
    new.update(entry)
    if present is None:
        tables = tomlkit.aot()
        tables.append(new)
        table["ignore"] = tables
    else:
        present.append(new)


def _is_of(item: MutableMapping[str, Any], fingerprint: str) -> bool:
    """Whether an ignore is of this finding and of nothing else."""
    return item.get("fingerprint") == fingerprint and set(item) <= {"fingerprint", "reason", "until"}


def _ignores(document: dict[str, Any], keys: tuple[str, ...]) -> list[Any]:
    table: Any = document
    for key in keys:
        table = table.get(key, {})
    found: list[Any] = table.get("ignore", [])
    return found


def _expected(document: dict[str, Any], keys: tuple[str, ...], entry: dict[str, Any]) -> list[Any]:
    before = _ignores(document, keys)
    at = next((at for at, item in enumerate(before) if _is_of(item, entry["fingerprint"])), None)
    return [*before, entry] if at is None else [*before[:at], entry, *before[at + 1 :]]
