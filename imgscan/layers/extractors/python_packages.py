"""Python packages as installers leave them: *.dist-info (PyPA core metadata, RECORD) and *.egg-info."""

from __future__ import annotations

import csv
import io
import json
from base64 import urlsafe_b64decode
from binascii import Error
from collections.abc import Iterator
from posixpath import normpath

from imgscan import package_checksums
from imgscan.evidence import decode, encode
from imgscan.layers.extractors.extractor import MAX_TEXT, Row, bounded, is_program


class PythonPackagesExtractor:
    """Rows ("package", info, name, version), ("file", info, path), ("script", info, command) and ("direct", info, how).

    `info` is the path of the .dist-info or .egg-info directory, which joins the rows of its files; `file` rows are
    the RECORD entries in program directories, as paths of the image; `script` rows are console_scripts; a `direct` row
    says that it came from no index (PEP 610): `how` is `editable`, `directory`, `vcs` or `archive`, never the URL,
    which may have a password in it. Rows of package_checksums have RECORD's digests of all files.
    """

    name = "python_packages"
    version = 2
    paths = (
        r"(?:[^/]++/)*+(?:(?<=\.dist-info/)(?:METADATA|RECORD|entry_points\.txt|direct_url\.json)"
        r"|(?<=\.egg-info/)PKG-INFO"
        r"|(?<=-packages/)[^/]+\.egg-info)"
    )
    max_size = 16 << 20

    def extract(self, path: str, data: bytes) -> tuple[Row, ...]:
        info, _, name = path.rpartition("/")
        text = decode(data)
        if name == "RECORD":
            return bounded(_recorded(info, text))
        if name == "entry_points.txt":
            return bounded(_scripts(info, text))
        if name == "direct_url.json":
            return (("direct", info, _how(text)),)
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


def _recorded(info: str, text: str) -> Iterator[Row]:
    site = info.rpartition("/")[0]
    sums: dict[str, list[tuple[bytes, bytes]]] = {}
    try:
        for record in csv.reader(io.StringIO(text)):
            if record and len(record[0]) <= MAX_TEXT:
                entry = record[0]
                path = normpath("/" + (entry if entry.startswith("/") else f"{site}/{entry}")).lstrip("/")
                if is_program(path):
                    yield ("file", info, path)
                algorithm, _, digest = (record[1] if len(record) > 1 else "").partition("=")
                if algorithm in _ALGORITHMS and len(digest) <= 64:
                    sums.setdefault(algorithm, []).append((encode(path), _digest(digest)))
    except csv.Error as error:
        raise ValueError(f"not a RECORD: {error}") from None
    for algorithm, files in sums.items():
        yield from package_checksums.rows(info, algorithm, files)


_ALGORITHMS = frozenset({"sha256", "sha1", "md5"})  # those that the digests of a scan have


def _digest(text: str) -> bytes:
    """Base64 for URLs without its padding."""
    try:
        return urlsafe_b64decode(encode(text) + b"=" * (-len(text) % 4))
    except (Error, ValueError):
        return b""


def _how(text: str) -> str:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return "archive"
    if not isinstance(document, dict):
        return "archive"
    directory = document.get("dir_info")
    if isinstance(directory, dict):
        return "editable" if directory.get("editable") is True else "directory"
    return "vcs" if "vcs_info" in document else "archive"


def _scripts(info: str, text: str) -> Iterator[Row]:
    inside = False
    for line in text.split("\n"):
        stripped = line.strip()
        if stripped.startswith("["):
            inside = stripped == "[console_scripts]"
        elif inside and "=" in stripped and not stripped.startswith(("#", ";")):
            yield ("script", info, stripped.partition("=")[0].strip())
