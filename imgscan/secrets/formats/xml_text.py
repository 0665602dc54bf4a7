"""XML with places, by expat as a stream: no tree, no document type, so neither entities nor anything from outside."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.parsers import expat  # a document type is refused before anything of it is read

from imgscan.secrets.formats.format import Leaf, latin1

DEEPEST = 64
MOST = 50_000


@dataclass(slots=True, repr=False)
class Element:
    """An element without its children: names from the root to it, attributes and text, each with its place."""

    path: tuple[str, ...]
    attributes: dict[str, Leaf]
    number: int
    """Counts elements in the order of their beginnings."""
    parent: int
    """The parent's number, -1 for the root."""
    text: str = ""
    start: int = -1
    end: int = -1
    texts: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.path[-1]


def xml_elements(data: bytes) -> list[Element]:
    """All elements in the order of their ends. ValueError for what is not XML, and for a document type.

    `start` and `end` span the text without blanks around it; they are right where it is spelled without markup.
    """
    return _Reader(data).elements()


class _Reader:
    def __init__(self, data: bytes) -> None:
        # Version 1.1 is what Jenkins declares; expat knows 1.0 alone, and the difference is of no matter here.
        self._data = _VERSION.sub(rb"\g<1>1.0", data, count=1) if data[:64].lstrip().startswith(b"<?xml") else data
        self._open: list[Element] = []
        self._done: list[Element] = []
        self._count = 0
        self._parser = parser = expat.ParserCreate()
        parser.buffer_text = False
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = _refuse

    def elements(self) -> list[Element]:
        try:
            self._parser.Parse(self._data, True)
        except (expat.ExpatError, LookupError, UnicodeError) as error:
            raise ValueError(f"not XML: {error}"[:200]) from None
        return self._done

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) >= DEEPEST or self._count >= MOST:
            raise ValueError(f"more than {DEEPEST} levels or {MOST:,} elements")
        path = (*(self._open[-1].path if self._open else ()), name.rpartition(":")[2])
        at = self._parser.CurrentByteIndex
        found = {key: self._attribute((*path, key), at, key, value) for key, value in attributes.items()}
        self._open.append(Element(path, found, self._count, self._open[-1].number if self._open else -1))
        self._count += 1

    def _attribute(self, path: tuple[str, ...], at: int, key: str, value: str) -> Leaf:
        spelled = re.compile(rb"\s" + re.escape(key.encode()) + rb"\s{0,16}=\s{0,16}([\"'])")
        match = spelled.search(self._data, at, at + _LONGEST_TAG)
        if match is None:
            return Leaf(path, latin1(value), at, at)
        end = self._data.find(match[1], match.end())
        return Leaf(path, latin1(value), match.end(), end)

    def _characters(self, text: str) -> None:
        element = self._open[-1]
        if element.start < 0 and text.strip():
            blank = len(latin1(text)) - len(latin1(text.lstrip()))
            element.start = self._parser.CurrentByteIndex + blank
        element.texts.append(text)

    def _end(self, _: str) -> None:
        element = self._open.pop()
        element.text = latin1("".join(element.texts).strip())
        element.texts.clear()
        if element.start >= 0:
            end = self._parser.CurrentByteIndex
            spelled = self._data[element.start : end]
            element.end = element.start + len(spelled.rstrip())
        self._done.append(element)


_VERSION = re.compile(rb"(version\s{0,4}=\s{0,4}[\"'])1\.1")
_LONGEST_TAG = 64 << 10


def _refuse(*_: object) -> None:
    raise ValueError("it has a document type, which settings have no use for")


def beside(elements: Iterable[Element], *names: str) -> dict[int, str]:
    """By their parent's number, the texts of elements that have one of these names."""
    return {element.parent: element.text for element in elements if element.name in names and element.text}
