"""Which package brought a program: the records of dpkg, apk, rpm, pip and npm in the final file system."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from imgscan.evidence import Fact

EXTRACTORS = ("dpkg", "apk", "rpm", "python_packages", "npm_packages")
"""The extractors whose facts are asked for."""


class Evidence(Protocol):
    """What is needed of the evidence."""

    def final_facts(self, kind: str) -> Iterator[tuple[int, Fact]]: ...


class Packages:
    """Owners of programs. Distribution packages come before language packages, which they may contain."""

    def __init__(self, evidence: Evidence) -> None:
        self._owners: dict[str, str] = {}
        self._directories: dict[str, str] = {}
        for kind in ("dpkg", "apk", "rpm", "python_packages"):
            self._add(evidence, kind)
        for _, fact in evidence.final_facts("npm_packages"):
            for row in fact.rows:
                if row[0] == "package":
                    self._directories.setdefault(str(row[1]), f"{row[2]} {row[3]}".strip())

    def _add(self, evidence: Evidence, kind: str) -> None:
        # One package's records may be spread over files (dpkg: status and *.list), in any order.
        rows = [row for _, fact in evidence.final_facts(kind) for row in fact.rows]
        named = kind == "python_packages"  # there a package is known by its directory, the name is a column
        packages: dict[str, str] = {}
        for row in rows:
            if row[0] == "package" and not (kind == "dpkg" and _removed(str(row[6]))):
                name, version = (row[2], row[3]) if named else (row[1], row[2])
                packages.setdefault(str(row[1]), f"{name} {version}".strip())
        for row in rows:
            if row[0] == "file" and str(row[1]) in packages:
                self._owners.setdefault(_key(str(row[2])), packages[str(row[1])])

    def owner(self, path: str) -> str | None:
        """`name version` of the package that a file belongs to; None where no record names it."""
        owner = self._owners.get(_key(path))
        if owner is not None:
            return owner
        directory = path
        while directory:
            directory = directory.rpartition("/")[0]
            if directory in self._directories:
                return self._directories[directory]
        return None


def _removed(status: str) -> bool:
    """Whether dpkg only remembers a package. status.d has no status."""
    return bool(status) and not status.endswith(" installed")


def _key(path: str) -> str:
    """One key for both names of a directory that usr-merge made one: bin and usr/bin, sbin and usr/sbin."""
    return path.removeprefix("usr/") if path.startswith(("usr/bin/", "usr/sbin/")) else path
