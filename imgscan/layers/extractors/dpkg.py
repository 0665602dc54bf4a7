"""Packages of Debian and its children: dpkg's status file, distroless' status.d, and lists of files."""

from __future__ import annotations

from collections.abc import Iterator

from imgscan.evidence import decode
from imgscan.layers.extractors.extractor import Row, bounded, is_program


class DpkgExtractor:
    """Rows ("package", name, version, architecture, maintainer, source, status) and ("file", package, path).

    `status` is dpkg's (`install ok installed`), empty in status.d, which has none. Only files in program
    directories are kept; paths have no leading slash and are as the package names them (`bin/ls` also where
    bin leads to usr/bin). Sources: deb-control(5), dpkg's info/*.list, distroless' status.d/*.md5sums.
    """

    name = "dpkg"
    version = 1
    paths = r"var/lib/dpkg/(?:status|status\.d/[^/]+|info/[^/]+\.list)"
    max_size = 1 << 40

    def extract(self, path: str, data: bytes) -> tuple[Row, ...]:
        text = decode(data)
        name = path.rpartition("/")[2]
        if name.endswith(".list"):
            package = name.removesuffix(".list").partition(":")[0]
            return bounded(_files(package, text.split("\n")))
        if name.endswith(".md5sums"):
            return bounded(_files(name.removesuffix(".md5sums"), (line[32:] for line in text.split("\n"))))
        return bounded(_packages(text))


def _files(package: str, lines: Iterator[str] | list[str]) -> Iterator[Row]:
    for line in lines:
        path = line.strip().removeprefix("./").lstrip("/")
        if is_program(path):
            yield ("file", package, path)


def _packages(text: str) -> Iterator[Row]:
    for fields in stanzas(text):
        if fields.get("package"):
            yield (
                "package",
                fields["package"],
                fields.get("version", ""),
                fields.get("architecture", ""),
                fields.get("maintainer", ""),
                fields.get("source", ""),
                fields.get("status", ""),
            )


_WANTED = frozenset({"package", "version", "architecture", "maintainer", "source", "status"})


def stanzas(text: str) -> Iterator[dict[str, str]]:
    """The wanted fields of each paragraph of a control file, keys in lower case; continuation lines are dropped."""
    fields: dict[str, str] = {}
    for line in text.split("\n"):
        if not line.strip():
            if fields:
                yield fields
            fields = {}
        elif line[0] not in " \t#":
            key, colon, value = line.partition(":")
            key = key.lower()
            if colon and key in _WANTED:
                fields.setdefault(key, value.strip())
    if fields:
        yield fields
