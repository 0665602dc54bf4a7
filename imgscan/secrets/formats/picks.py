"""Formats that are keys and values: which keys hold a credential is all there is to say of each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from imgscan.secrets.detector import Candidate
from imgscan.secrets.formats.format import Format, Leaf, secret, text_of
from imgscan.secrets.formats.ini_text import ini_leaves
from imgscan.secrets.formats.json_text import json_leaves
from imgscan.secrets.formats.yaml_text import yaml_leaves


@dataclass(frozen=True, slots=True)
class Pick:
    """The values whose keys, joined by slashes and in lower case, match `keys` are of this kind."""

    keys: re.Pattern[str]
    kind: str

    @classmethod
    def of(cls, keys: str, kind: str) -> Pick:
        return cls(re.compile(keys), kind)


Leaves = Callable[[str], Iterable[Leaf]]


def ini(text: str) -> Iterator[Leaf]:
    return ini_leaves(text)


def ini_equals(text: str) -> Iterator[Leaf]:
    """Keys may have a colon in them."""
    return ini_leaves(text, "=")


def ini_colon(text: str) -> Iterator[Leaf]:
    """`:key: value`, as Ruby writes a map of symbols."""
    return ini_leaves(text, ": ")


def yaml(text: str) -> Iterator[Leaf]:
    return (leaf for _, leaf in yaml_leaves(text))


def json(text: str) -> Iterator[Leaf]:
    return json_leaves(text)


def picked(name: str, title: str, paths: str, leaves: Leaves, *picks: Pick, decodes: str = "") -> Format:
    """The format of a settings file; `paths` are separated by blanks."""
    read = partial(_read, leaves, picks)
    what = decodes or "values of the keys that hold a credential"
    return Format(name, title, tuple(paths.split()), read, what)


def _read(leaves: Leaves, picks: tuple[Pick, ...], _: str, data: bytes) -> Iterator[Candidate]:
    text = text_of(data)
    for leaf in leaves(text):
        if not leaf.value.strip() or leaf.value in _NO_VALUES:
            continue
        keys = "/".join(leaf.path).lstrip("/")
        folded = keys.lower()
        for pick in picks:
            if pick.keys.fullmatch(folded):
                yield secret(text, pick.kind, leaf.value, leaf.start, leaf.end, name=keys, key=leaf.key)
                break


_NO_VALUES = frozenset({"null", "~", "true", "false"})
