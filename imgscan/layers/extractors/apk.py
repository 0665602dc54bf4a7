"""Packages of Alpine, Wolfi and Chainguard: apk's installed database (apk-tools, apk-v2 database format)."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from collections.abc import Iterator

from imgscan import package_checksums
from imgscan.evidence import decode, encode
from imgscan.layers.extractors.extractor import Row, bounded, is_program


class ApkExtractor:
    """Rows ("package", name, version, architecture, maintainer, origin) and ("file", package, path).

    Only files in program directories are kept; busybox' applet links are made by a trigger and not in here.
    Rows of package_checksums have the digests of all files: `Z:Q1` and base64 of a sha1, `Z:Q2` of a sha256.
    """

    name = "apk"
    version = 2
    paths = "(?:usr/)?lib/apk/db/installed"
    max_size = 1 << 40

    def extract(self, path: str, data: bytes) -> tuple[Row, ...]:
        return bounded(_rows(decode(data)))


def _rows(text: str) -> Iterator[Row]:
    for record in _records(text):
        fields: dict[str, str] = {}
        files: list[str] = []
        sums: dict[str, list[tuple[bytes, bytes]]] = {}
        directory = ""
        for key, value in record:
            if key == "F":
                directory = value
            elif key == "R":
                files.append(f"{directory}/{value}" if directory else value)
            elif key == "Z" and files and value[:2] in _ALGORITHMS:
                sums.setdefault(_ALGORITHMS[value[:2]], []).append((encode(files[-1]), _digest(value[2:])))
            else:
                fields.setdefault(key, value)
        name = fields.get("P", "")
        if name:
            detail = (fields.get(key, "") for key in ("V", "A", "m", "o"))
            yield ("package", name, *detail)
            yield from (("file", name, path) for path in files if is_program(path))
            for algorithm, digests in sums.items():
                yield from package_checksums.rows(name, algorithm, digests)


_ALGORITHMS = {"Q1": "sha1", "Q2": "sha256"}


def _digest(text: str) -> bytes:
    try:
        return b64decode(encode(text))
    except (Error, ValueError):
        return b""


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
