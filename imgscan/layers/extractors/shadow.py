"""etc/shadow, without hashes: whose password is empty, locked or set."""

from __future__ import annotations

from imgscan.evidence import decode
from imgscan.layers.extractors.extractor import Row, bounded


class ShadowExtractor:
    """Rows ("password", name, state); `state` is `empty`, `locked` (* or !) or `set`; never the hash (shadow(5))."""

    name = "shadow"
    version = 1
    paths = r"etc/(?:shadow|master\.passwd)"
    max_size = 1 << 40

    def extract(self, path: str, data: bytes) -> tuple[Row, ...]:
        lines = (line.strip().split(":") for line in decode(data).split("\n"))
        return bounded(
            ("password", fields[0], _state(fields[1]))
            for fields in lines
            if len(fields) > 1 and fields[0] and not fields[0].startswith("#")
        )


def _state(field: str) -> str:
    if not field:
        return "empty"
    return "locked" if field[0] in "*!" or field == "x" else "set"
