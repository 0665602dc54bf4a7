"""Which distribution an image is: os-release(5)."""

from __future__ import annotations

from collections.abc import Iterator

from imgscan.evidence import decode
from imgscan.layers.extractors.extractor import Row, bounded

_KEYS = frozenset({"ID", "ID_LIKE", "NAME", "PRETTY_NAME", "VERSION", "VERSION_ID", "VERSION_CODENAME", "VARIANT_ID"})


class OsReleaseExtractor:
    """Rows (key, value) of the keys that name the distribution; quotes removed."""

    name = "os_release"
    version = 1
    paths = "(?:etc|usr/lib)/os-release"
    max_size = 1 << 20

    def extract(self, path: str, data: bytes) -> tuple[Row, ...]:
        return bounded(_settings(decode(data)))


def _settings(text: str) -> Iterator[Row]:
    for line in text.split("\n"):
        key, equals, value = line.strip().partition("=")
        if equals and key in _KEYS:
            quote = value[:1]
            if quote in ("'", '"') and len(value) > 1 and value.endswith(quote):
                value = value[1:-1]
            yield (key, value)
