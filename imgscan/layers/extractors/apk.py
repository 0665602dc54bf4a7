"""Packages of Alpine, Wolfi and Chainguard: apk's installed database (apk-tools, apk-v2 database format)."""

from __future__ import annotations

from collections.abc import Iterator

from imgscan.evidence import decode
from imgscan.layers.extractors.extractor import Row, bounded, is_program


class ApkExtractor:
    """Rows ("package", name, version, architecture, maintainer, origin) and ("file", package, path).

    Only files in program directories are kept; busybox' applet links are made by a trigger and not in here.
    """

    name = "apk"
    version = 1
    paths = "(?:usr/)?lib/apk/db/installed"
    max_size = 1 << 40

    def extract(self, path: str, data: bytes) -> tuple[Row, ...]:
        return bounded(_rows(decode(data)))


def _rows(text: str) -> Iterator[Row]:
    for record in _records(text):
        fields: dict[str, str] = {}
        files: list[str] = []
        directory = ""
        for key, value in record:
            if key == "F":
                directory = value
            elif key == "R":
                files.append(f"{directory}/{value}" if directory else value)
            else:
                fields.setdefault(key, value)
        name = fields.get("P", "")
        if name:
            detail = (fields.get(key, "") for key in ("V", "A", "m", "o"))
            yield ("package", name, *detail)
            yield from (("file", name, path) for path in files if is_program(path))


def _records(text: str) -> Iterator[list[tuple[str, str]]]:
    """Records of (letter, value) pairs; an empty line ends one."""
    record: list[tuple[str, str]] = []
    for line in text.split("\n"):
        if not line:
            if record:
                yield record
            record = []
        elif line[1:2] == ":":
            record.append((line[0], line[2:]))
    if record:
        yield record
