"""Checksums of packages' files, in the compact form in which they travel from a layer's scan to the judgement.

A record is 16 bytes: 8 that stand for a path (of its sha256) and the first 8 of the file's digest. A Debian image lists
100,000 files: 2.1 MB as rows of text, where their paths and digests would take 12 MB. 64 bits are enough: a database
is the image's own claim, and whoever would look for a collision could write what they like into it instead.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Iterable, Iterator

RECORD = 16
_HALF = RECORD // 2
_ROW = 192 * RECORD
"""Bytes of records in a row: 4,096 characters of base64, the longest text that a fact may have."""

MARK = "checksums"
"""The first value of a row of records: (MARK, package, algorithm, records)."""

Row = tuple[str | int | None, ...]

# usr-merge: what a package calls bin/ls is at usr/bin/ls, or the other way round.
_MERGED = tuple(b"usr/" + name + b"/" for name in (b"bin", b"sbin", b"lib", b"lib32", b"lib64", b"libx32"))


def path_key(path: bytes) -> bytes:
    """What stands for a path in records: one key for both names of a directory that usr-merge made one.

    `path` is as stored, with or without a leading slash or dot.
    """
    path = path.removeprefix(b"./").lstrip(b"/")
    if path.startswith(_MERGED):
        path = path[4:]
    return hashlib.sha256(path).digest()[:_HALF]


def digest_key(digest: str) -> bytes:
    """What stands for a file's content: the first bytes of its digest, which comes in hex."""
    return bytes.fromhex(digest[: 2 * _HALF])


def rows(package: str, algorithm: str, files: Iterable[tuple[bytes, bytes]]) -> Iterator[Row]:
    """Rows for (path, raw digest) of a package's files; digests of less than 64 bits are left out."""
    data = b"".join(path_key(path) + digest[:_HALF] for path, digest in files if len(digest) >= _HALF)
    for start in range(0, len(data), _ROW):
        yield (MARK, package, algorithm, b64encode(data[start : start + _ROW]).decode())


def records(text: str) -> Iterator[tuple[bytes, bytes]]:
    """(path key, digest key) of the records in a row; a row that is none has none."""
    try:
        data = b64decode(text)
    except (Error, ValueError):
        return
    for at in range(0, len(data) - RECORD + 1, RECORD):
        yield data[at : at + _HALF], data[at + _HALF : at + RECORD]
