"""Where a key stands in a TOML file: the parser gives values without their lines, and an error must name one."""

from __future__ import annotations

import re

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_KEY = re.compile(rf"\s*({_PART}(?:\s*\.\s*{_PART})*)\s*=\s*")
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_PART}(?:\s*\.\s*{_PART})*)\s*\]\]?\s*(?:#.*)?")
_PARTS = re.compile(_PART)
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}|\'\'\'(?:[^\']|\'(?!\'\'))*\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|#[^\n]*',
    re.DOTALL,
)

Place = tuple[str | int, ...]
"""Keys from the outermost; a number counts the tables of an array from 0."""


def lines_of(text: str) -> dict[Place, int]:
    """The line, from 1, of each key and table of a TOML document that was parsed without an error.

    What stands in an inline table or a list has the line of the key it belongs to.
    """
    blanked = _STRING.sub(_blank, text)
    inside = _inside_strings(text)
    found: dict[Place, int] = {}
    table: Place = ()
    counts: dict[Place, int] = {}
    depth = 0
    for number, (line, plain) in enumerate(zip(text.split("\n"), blanked.split("\n"), strict=True), 1):
        header = _HEADER.fullmatch(line.rstrip("\r")) if depth == 0 and number not in inside else None
        if header is not None:
            table = _within(_parts(header[2]), counts, array=header[1] == "[[")
            found.setdefault(table, number)
        elif depth == 0 and number not in inside and (key := _KEY.match(line)) is not None:
            parts = _parts(key[1])
            for length in range(1, len(parts) + 1):
                found.setdefault((*table, *parts[:length]), number)
        if header is None:
            depth = max(0, depth + plain.count("[") + plain.count("{") - plain.count("]") - plain.count("}"))
    return found


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found[0])


def _inside_strings(text: str) -> set[int]:
    """The lines that begin within a string of several lines: none of them has a key, whatever it looks like."""
    lines: set[int] = set()
    for found in _STRING.finditer(text):
        first = text.count("\n", 0, found.start()) + 1 if "\n" in found[0] else 0
        lines.update(range(first + 1, first + found[0].count("\n") + 1) if first else ())
    return lines


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in _PARTS.findall(dotted)]


def _within(parts: list[str], counts: dict[Place, int], *, array: bool) -> Place:
    """The place of a header: the names of arrays of tables are followed by the number of the table that is open."""
    place: Place = ()
    for part in parts[:-1]:
        place = (*place, part)
        if place in counts:
            place = (*place, counts[place])
    place = (*place, parts[-1])
    if array:
        counts[place] = counts.get(place, -1) + 1
        place = (*place, counts[place])
    return place


def line_of(lines: dict[Place, int], place: Place) -> int | None:
    """The line of a place, or of the nearest one around it."""
    for length in range(len(place), 0, -1):
        if place[:length] in lines:
            return lines[place[:length]]
    return None
