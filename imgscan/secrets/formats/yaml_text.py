"""YAML with places. PyYAML's parser alone: no document is built, so nothing is constructed and no alias is followed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from imgscan.secrets.formats.format import Leaf, latin1

DEEPEST = 32
LONGEST = 256 << 10
"""Characters: the parser in Python reads 0.3 MB a second."""

# YAML allows no C1 controls, 0x85 would end a line, and what comes out of an escape must be told from a byte: bytes of
# multi-byte characters stand aside while it is parsed.
_ASIDE = {code: 0xE000 + code for code in range(0x80, 0x100)}
_BACK = {aside: code for code, aside in _ASIDE.items()}


def yaml_leaves(text: str) -> Iterator[tuple[int, Leaf]]:
    """The scalars of all documents in order, each with its document's number; items of a list are told by number.

    ValueError where the text is not YAML, or is longer or deeper than settings are. An alias has no value.
    """
    if len(text) > LONGEST:
        raise ValueError(f"more than {LONGEST:,} characters")
    import yaml  # noqa: PLC0415  # 20 ms

    try:
        yield from _leaves(text, yaml.parse(text.translate(_ASIDE), Loader=yaml.SafeLoader))  # no objects
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ValueError(f"not YAML at line {mark.line + 1}" if mark is not None else "not YAML") from None
    except RecursionError:
        raise ValueError("too deep") from None


def _leaves(text: str, events: Iterator[Any]) -> Iterator[tuple[int, Leaf]]:
    path: list[str] = []
    frames: list[str] = []  # what is expected in each open node: "key", "value" or "item"
    document = -1
    for event in events:
        name = type(event).__name__
        if name == "DocumentStartEvent":
            document += 1
            path, frames = [], []
        elif name in ("MappingStartEvent", "SequenceStartEvent"):
            if len(frames) >= DEEPEST:
                raise ValueError(f"more than {DEEPEST} levels")
            if frames and frames[-1] == "key":
                path[-1] = ""
            frames.append("key" if name == "MappingStartEvent" else "item")
            path.append("" if name == "MappingStartEvent" else "0")
        elif name in ("MappingEndEvent", "SequenceEndEvent"):
            frames.pop()
            path.pop()
            _advance(path, frames)
        elif name in ("ScalarEvent", "AliasEvent"):
            value = latin1_value(event.value) if name == "ScalarEvent" else ""
            if frames and frames[-1] == "key":
                path[-1], frames[-1] = value, "value"
                continue
            if name == "ScalarEvent":
                start, end = _place(text, event)
                yield document, Leaf(tuple(path), value, start, end)
            _advance(path, frames)


def _advance(path: list[str], frames: list[str]) -> None:
    """A node has ended: the next one is another key, a key's value, or a further item."""
    if not frames:
        return
    if frames[-1] == "item":
        path[-1] = str(int(path[-1]) + 1)
    else:
        frames[-1] = "value" if frames[-1] == "key" else "key"


def _place(text: str, event: Any) -> tuple[int, int]:
    start, end = event.start_mark.index, event.end_mark.index
    if event.style in ('"', "'"):
        return start + 1, end - 1
    if event.style in ("|", ">"):  # behind the line of the indicator
        line = text.find("\n", start, end) + 1
        body = text[line:end]
        low = line + len(body) - len(body.lstrip())
        return low, max(low, line + len(body.rstrip()))
    return start, end


def latin1_value(value: str) -> str:
    """A parsed scalar as Latin-1 text of bytes; characters from escapes become their UTF-8."""
    if value.isascii():
        return value
    return "".join(chr(_BACK[code]) if (code := ord(each)) in _BACK else latin1(each) for each in value)
