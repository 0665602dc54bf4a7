"""Lines of `key = value` under `[sections]`, with places: ini, properties, and such TOML as tools write for logins.

No interpolation and no continuation lines: a value is what stands on its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgscan.secrets.formats.format import Leaf

_LINE = re.compile(r"[^\r\n]+")
_SECTION = re.compile(r"[ \t]*\[{1,2}[ \t]*(?P<name>[^\]]{0,400})\]{1,2}")
_TRAILING = re.compile(r"[ \t]+[#;].*\Z")
_PAIRS = {
    "=": re.compile(r"[ \t]*(?P<key>[^\s=#;][^=]{0,400}?)[ \t]*=[ \t]*(?P<value>.*)\Z"),
    "=:": re.compile(r"[ \t]*(?P<key>[^\s=:#;][^=:]{0,400}?)[ \t]*[=:][ \t]*(?P<value>.*)\Z"),
    ": ": re.compile(r"[ \t]*(?P<key>:?[^\s=#;][^=\s]{0,400}?):[ \t]+(?P<value>.*)\Z"),
}


def ini_leaves(text: str, marks: str = "=:") -> Iterator[Leaf]:
    """The values of a file, each under (section, key); the section is empty before the first. Quotes come off.

    `marks` are the characters that may stand between key and value.
    """
    section = ""
    pair = _PAIRS[marks]
    for line in _LINE.finditer(text):
        source = line[0][:LONGEST_LINE]
        if (head := _SECTION.match(source)) is not None:
            section = head["name"].strip().replace('"', "")
            continue
        found = pair.match(source)
        if found is None:
            continue
        low, high = line.start() + found.start("value"), line.start() + found.end("value")
        low, high = _trimmed(text, low, high)
        if high > low:
            yield Leaf((section, found["key"].strip("\"' \t")), text[low:high], low, high)


LONGEST_LINE = 64 << 10


def _trimmed(text: str, low: int, high: int) -> tuple[int, int]:
    """Without quotes, or without a comment behind a bare value, and without blanks."""
    quote = text[low : low + 1]
    if quote and quote in "\"'":
        end = text.find(quote, low + 1, high)
        if end > 0:
            return low + 1, end
    value = _TRAILING.sub("", text[low:high])
    return low, low + len(value.rstrip())
