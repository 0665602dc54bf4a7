"""Packages of Red Hat, SUSE and their children: rpm's database in its three forms, without librpm.

A database is a container of header blobs, one a package: SQLite (rpmdb.sqlite, since rpm 4.16), NDB (Packages.db,
SUSE) or Berkeley DB (Packages, before). The containers are read by rpm_containers.py, the headers here
(rpm's lib/header.c: index length, data length, 16-byte index entries, data; all big-endian).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from imgscan import package_checksums
from imgscan.evidence import decode
from imgscan.layers.extractors.extractor import Row, bounded, is_program
from imgscan.layers.extractors.rpm_containers import header_blobs

_NAME, _VERSION, _RELEASE, _EPOCH, _VENDOR, _ARCHITECTURE = 1000, 1001, 1002, 1003, 1011, 1022
_OLD_FILE_NAMES, _DIRECTORY_INDEXES, _BASE_NAMES, _DIRECTORY_NAMES = 1027, 1116, 1117, 1118
_FILE_DIGESTS, _DIGEST_ALGORITHM = 1035, 5011
_WANTED = frozenset(
    {
        _NAME,
        _VERSION,
        _RELEASE,
        _EPOCH,
        _VENDOR,
        _ARCHITECTURE,
        _OLD_FILE_NAMES,
        _DIRECTORY_INDEXES,
        _BASE_NAMES,
        _DIRECTORY_NAMES,
        _FILE_DIGESTS,
        _DIGEST_ALGORITHM,
    }
)
_ALGORITHMS = {1: "md5", 2: "sha1", 8: "sha256"}  # of RFC 9580 section 9.5, as rpm numbers them; without the tag md5
_INT32, _STRING, _STRING_ARRAY, _I18N_STRING = 4, 6, 8, 9
_MAX_ENTRIES = 65_536  # index entries of one header; rpm's own limit (hdrchkTags)
_MAX_FILES = 500_000  # names of one package; the largest known have about 100,000

Value = list[int] | list[bytes]


class RpmExtractor:
    """Rows ("package", name, version-release with epoch, architecture, vendor) and ("file", package, path).

    Only files in program directories are kept; rows of package_checksums have the digests of all.
    """

    name = "rpm"
    version = 2
    paths = r"(?:var/lib/rpm|usr/lib/sysimage/rpm|usr/share/rpm)/(?:rpmdb\.sqlite|Packages(?:\.db)?)"
    max_size = 1 << 40

    def extract(self, path: str, data: bytes) -> tuple[Row, ...]:
        try:
            return bounded(row for blob in header_blobs(data) for row in _rows(blob))
        except (struct.error, IndexError) as error:
            raise ValueError(f"rpm database ends early: {error}") from None


def _rows(blob: bytes) -> Iterator[Row]:
    tags = _tags(blob)
    name = _first(tags, _NAME)
    if not name:
        return
    version = f"{_first(tags, _VERSION)}-{_first(tags, _RELEASE)}"
    epoch = _first(tags, _EPOCH)
    yield (
        "package",
        name,
        f"{epoch}:{version}" if epoch else version,
        _first(tags, _ARCHITECTURE),
        _first(tags, _VENDOR),
    )
    paths = list(_paths(tags))
    for path in map(decode, paths):
        if is_program(path):
            yield ("file", name, path)
    algorithm = _ALGORITHMS.get(next((value for value in tags.get(_DIGEST_ALGORITHM, []) if isinstance(value, int)), 1))
    if algorithm:
        digests = map(_digest, tags.get(_FILE_DIGESTS, []))
        yield from package_checksums.rows(name, algorithm, zip(paths, digests, strict=False))


def _digest(value: int | bytes) -> bytes:
    """A digest in hex; empty for what has none, as directories."""
    try:
        return bytes.fromhex(value.decode("ascii")) if isinstance(value, bytes) else b""
    except ValueError:
        return b""


def _paths(tags: dict[int, Value]) -> Iterator[bytes]:
    """All paths in the header's order, without leading slash; one whose directory is missing is empty."""
    directories = tags.get(_DIRECTORY_NAMES, [])
    for base, index in zip(tags.get(_BASE_NAMES, []), tags.get(_DIRECTORY_INDEXES, []), strict=False):
        directory = directories[index] if isinstance(index, int) and index < len(directories) else b""
        if isinstance(base, bytes) and isinstance(directory, bytes) and directory:
            yield (directory + base).lstrip(b"/")
        else:
            yield b""
    for path in tags.get(_OLD_FILE_NAMES, []):
        yield path.lstrip(b"/") if isinstance(path, bytes) else b""


def _first(tags: dict[int, Value], tag: int) -> str:
    values = tags.get(tag)
    if not values:
        return ""
    return decode(values[0]) if isinstance(values[0], bytes) else str(values[0])


def _tags(blob: bytes) -> dict[int, Value]:
    """The wanted tags of a header; entries that point outside of it are left out."""
    count, length = struct.unpack_from(">II", blob)
    if count > _MAX_ENTRIES:
        raise ValueError(f"rpm header with {count} entries")
    start = 8 + 16 * count
    store = blob[start : start + length]
    tags: dict[int, Value] = {}
    for index in range(count):
        tag, kind, offset, number = struct.unpack_from(">IIiI", blob, 8 + 16 * index)
        if tag in _WANTED and tag not in tags and 0 <= offset <= len(store):
            tags[tag] = _value(store, kind, offset, min(number, _MAX_FILES))
    return tags


def _value(store: bytes, kind: int, offset: int, count: int) -> Value:
    if kind == _INT32:
        count = min(count, (len(store) - offset) // 4)
        return list(struct.unpack_from(f">{count}I", store, offset))
    if kind == _STRING:
        count = 1
    if kind in (_STRING, _STRING_ARRAY, _I18N_STRING):
        strings: list[bytes] = []
        while len(strings) < count:
            end = store.find(b"\0", offset)
            if end < 0:
                break
            strings.append(store[offset:end])
            offset = end + 1
        return strings
    return []
