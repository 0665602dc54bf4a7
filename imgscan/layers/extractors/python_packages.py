"""Python packages as installers leave them: *.dist-info (PyPA core metadata, RECORD) and *.egg-info."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from posixpath import normpath

from imgscan.evidence import decode
from imgscan.layers.extractors.extractor import MAX_TEXT, Row, bounded, is_program


class PythonPackagesExtractor:
    """Rows ("package", info, name, version), ("file", info, path) and ("script", info, command).

    `info` is the path of the .dist-info or .egg-info directory, which joins the rows of its files; `file` rows are
    the RECORD entries in program directories, as paths of the image; `script` rows are console_scripts.
    """

    name = "python_packages"
    version = 1
    paths = (
        r"(?:[^/]++/)*+(?:(?<=\.dist-info/)(?:METADATA|RECORD|entry_points\.txt)|(?<=\.egg-info/)PKG-INFO"
        r"|(?<=-packages/)[^/]+\.egg-info)"
    )
    max_size = 16 << 20

    def extract(self, path: str, data: bytes) -> tuple[Row, ...]:
        info, _, name = path.rpartition("/")
        text = decode(data)
        if name == "RECORD":
            return bounded(_programs(info, text))
        if name == "entry_points.txt":
            return bounded(_scripts(info, text))
        return bounded(_metadata(path if name.endswith(".egg-info") else info, text))


def _metadata(info: str, text: str) -> Iterator[Row]:
    fields: dict[str, str] = {}
    for line in text.split("\n"):
        if not line.strip():
            break  # the description follows
        key, _, value = line.partition(":")
        fields.setdefault(key.lower(), value.strip())
    if fields.get("name"):
        yield ("package", info, fields["name"], fields.get("version", ""))


def _programs(info: str, text: str) -> Iterator[Row]:
    site = info.rpartition("/")[0]
    try:
        for record in csv.reader(io.StringIO(text)):
            if record and len(record[0]) <= MAX_TEXT:
                entry = record[0]
                path = normpath("/" + (entry if entry.startswith("/") else f"{site}/{entry}")).lstrip("/")
                if is_program(path):
                    yield ("file", info, path)
    except csv.Error as error:
        raise ValueError(f"not a RECORD: {error}") from None


def _scripts(info: str, text: str) -> Iterator[Row]:
    inside = False
    for line in text.split("\n"):
        stripped = line.strip()
        if stripped.startswith("["):
            inside = stripped == "[console_scripts]"
        elif inside and "=" in stripped and not stripped.startswith(("#", ";")):
            yield ("script", info, stripped.partition("=")[0].strip())
