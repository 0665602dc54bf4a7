"""Which files a package says are its own, by the records of dpkg, apk, rpm and pip in any layer.

The records know regular files: those with checksums, and programs. Directories and links are not listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from imgscan.errors import UsageError
from imgscan.evidence import Fact, encode
from imgscan.package_checksums import MARK, path_key, records

EXTRACTORS = ("dpkg", "apk", "rpm", "python_packages")
"""The extractors whose facts are asked for."""


class Evidence(Protocol):
    """What is needed of the evidence."""

    def facts(self, kind: str) -> Iterator[tuple[int, Fact]]: ...


def files_of(evidence: Evidence, name: str) -> frozenset[bytes]:
    """Keys (`package_checksums.path_key`) of the paths that packages of this name list; UsageError without any."""
    rows = [(kind, row) for kind in EXTRACTORS for _, fact in evidence.facts(kind) for row in fact.rows]
    # Python's packages are known by a directory each; the name stands behind it.
    names = {
        (kind, row[1]): row[2] if kind == "python_packages" else row[1] for kind, row in rows if row[0] == "package"
    }
    wanted = {key for key, called in names.items() if called == name}
    if not wanted:
        alike = sorted({str(called) for called in names.values() if name.lower() in str(called).lower()})
        tip = f"it knows {', '.join(alike[:8])}" if alike else "it has no package with such a name in any layer"
        raise UsageError(f"the image has no package {name!r}", tip=tip)
    keys: set[bytes] = set()
    for kind, row in rows:
        if (kind, row[1]) in wanted:
            if row[0] == MARK:
                keys.update(path for path, _ in records(str(row[3])))
            elif row[0] == "file":
                keys.add(path_key(encode(str(row[2]))))
    return frozenset(keys)
