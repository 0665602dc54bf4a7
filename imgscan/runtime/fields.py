"""Typed access to a JSON object of an engine, whose fields may have any type: what is wrong counts as not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imgscan.image.oci import clean

MAX_ITEMS = 10_000
"""Entries of one list or object that are read; engines refuse far fewer mounts and variables."""
MAX_TEXT = 1 << 20
"""Characters of one string; the kernel takes 128 KiB for a variable or an argument."""
_MAX_NUMBER = 1 << 63


class Fields:
    """A JSON object; names of fields whose type is wrong collect in `wrong`, those cut in `too_many`."""

    def __init__(self, document: object, prefix: str = "", parent: Fields | None = None) -> None:
        self._document: Mapping[str, Any] = document if isinstance(document, dict) else {}
        self._prefix = prefix
        self.wrong: set[str] = parent.wrong if parent else set()
        self.too_many: set[str] = parent.too_many if parent else set()

    def __contains__(self, name: str) -> bool:
        return self._document.get(name) is not None

    def inner(self, name: str) -> Fields:
        """The fields of an object within; an empty one where there is none."""
        return Fields(self.mapping(name), f"{self._prefix}{name}.", self)

    def objects(self, name: str) -> list[Fields]:
        """The objects of a list."""
        found = []
        for item in self._items(name):
            if isinstance(item, dict):
                found.append(Fields(item, f"{self._prefix}{name}.", self))
            else:
                self._is_wrong(name)
        return found

    def text(self, name: str) -> str:
        value = self._document.get(name)
        if value is None or isinstance(value, str):
            return clean(value or "")[:MAX_TEXT]
        self._is_wrong(name)
        return ""

    def number(self, name: str) -> int:
        value = self._document.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and -_MAX_NUMBER <= value < _MAX_NUMBER:
            return value
        if value is not None:
            self._is_wrong(name)
        return 0

    def flag(self, name: str) -> bool:
        value = self._document.get(name)
        if value is not None and not isinstance(value, bool):
            self._is_wrong(name)
        return value is True

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings; a bare string counts as a list of one, as podman and old engines write it."""
        if isinstance(self._document.get(name), str):
            return (self.text(name),)
        items = self._items(name)
        if not all(isinstance(item, str) for item in items):
            self._is_wrong(name)
        return tuple(clean(item)[:MAX_TEXT] for item in items if isinstance(item, str))

    def mapping(self, name: str) -> dict[str, Any]:
        value = self._document.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._is_wrong(name)
            return {}
        if len(value) > MAX_ITEMS:
            self.too_many.add(self._prefix + name)
            return dict(list(value.items())[:MAX_ITEMS])
        return value

    def pairs(self, name: str) -> tuple[tuple[str, str], ...]:
        """An object of strings, by key."""
        found = self.mapping(name)
        if not all(isinstance(value, str) for value in found.values()):
            self._is_wrong(name)
        return tuple(sorted((clean(key), clean(value)) for key, value in found.items() if isinstance(value, str)))

    def _items(self, name: str) -> list[Any]:
        value = self._document.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self._is_wrong(name)
            return []
        if len(value) > MAX_ITEMS:
            self.too_many.add(self._prefix + name)
        return value[:MAX_ITEMS]

    def _is_wrong(self, name: str) -> None:
        self.wrong.add(self._prefix + name)
