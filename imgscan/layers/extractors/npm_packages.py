"""Packages installed globally with npm: lib/node_modules/*/package.json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from posixpath import normpath

from imgscan.layers.extractors.extractor import MAX_TEXT, Row, bounded


class NpmPackagesExtractor:
    """Rows ("package", directory, name, version) and ("bin", directory, command, path).

    `directory` is the package's own, `path` the program's in the image; npm links lib/../bin/COMMAND to it.
    """

    name = "npm_packages"
    version = 1
    paths = r"(?=.*/package\.json\Z)(?:[^/]+/)*lib/node_modules/(?:@[^/]+/)?[^/]+/package\.json"
    max_size = 4 << 20

    def extract(self, path: str, data: bytes) -> tuple[Row, ...]:
        try:
            document = json.loads(data)
        except (ValueError, RecursionError):
            raise ValueError("package.json is not JSON") from None
        if not isinstance(document, dict):
            raise ValueError("package.json is not a JSON object")
        return bounded(_rows(path.rpartition("/")[0], document))


def _rows(directory: str, document: dict[str, object]) -> Iterator[Row]:
    name = _text(document.get("name")) or directory.rpartition("/")[2]
    yield ("package", directory, name, _text(document.get("version")))
    programs = document.get("bin")
    if isinstance(programs, str):
        programs = {name.rpartition("/")[2]: programs}
    if isinstance(programs, dict):
        for command, target in programs.items():
            if isinstance(target, str) and len(target) <= MAX_TEXT:
                yield ("bin", directory, _text(command), normpath(f"/{directory}/{_text(target)}").lstrip("/"))


def _text(value: object) -> str:
    # JSON may hold lone surrogates (\ud800), which no output can encode.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""
