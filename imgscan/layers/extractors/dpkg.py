"""Packages of Debian and its children: dpkg's status file, distroless' status.d, and lists of files."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgscan import package_checksums
from imgscan.evidence import decode, encode
from imgscan.layers.extractors.extractor import Row, bounded, is_program


class DpkgExtractor:
    """Rows ("package", name, version, architecture, maintainer, source, status) and ("file", package, path).

    `status` is dpkg's (`install ok installed`), empty in status.d, which has none. Only files in program
    directories are kept; paths have no leading slash and are as the package names them (`bin/ls` also where
    bin leads to usr/bin). Rows of package_checksums have the md5 of all files, of conffiles from the status file.
    In status.d a package is known by its file's name, which *.md5sums shares and which may differ from its own.
    Sources: deb-control(5), dpkg's info/*.list and *.md5sums, distroless' status.d/*.md5sums.
    """

    name = "dpkg"
    version = 2
    paths = r"var/lib/dpkg/(?:status|status\.d/[^/]+|info/[^/]+\.(?:list|md5sums))"
    max_size = 1 << 40

    def extract(self, path: str, data: bytes) -> tuple[Row, ...]:
        name = path.rpartition("/")[2]
        if name.endswith(".list"):
            package = name.removesuffix(".list").partition(":")[0]
            return bounded(_files(package, decode(data).split("\n")))
        if name.endswith(".md5sums"):
            package = name.removesuffix(".md5sums")
            if "/status.d/" not in path:  # *.list has the files there
                return bounded(_checksums(package.partition(":")[0], data))
            listed = (line[32:] for line in decode(data).split("\n"))
            return bounded((*_files(package, listed), *_checksums(package, data)))
        return bounded(_packages(decode(data)))


def _files(package: str, lines: Iterator[str] | list[str]) -> Iterator[Row]:
    for line in lines:
        path = line.strip().removeprefix("./").lstrip("/")
        if is_program(path):
            yield ("file", package, path)


_SUM = re.compile(rb"^([0-9a-f]{32})[ \t]+\*?([^\n]+)$", re.MULTILINE)


def _checksums(package: str, data: bytes) -> Iterator[Row]:
    sums = ((path, bytes.fromhex(digest.decode())) for digest, path in _SUM.findall(data))
    return package_checksums.rows(package, "md5", sums)


def _conffiles(package: str, listed: str) -> Iterator[Row]:
    """Lines of path, md5 and a flag (`obsolete`); `newconffile` stands where dpkg has no digest yet."""
    lines = (line.split(" ") for line in listed.split("\n"))
    sums = (
        (encode(words[0]), bytes.fromhex(words[1])) for words in lines if len(words) > 1 and _MD5.fullmatch(words[1])
    )
    return package_checksums.rows(package, "md5", sums)


_MD5 = re.compile(r"[0-9a-f]{32}")


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
            yield from _conffiles(fields["package"], fields.get("conffiles", ""))


_WANTED = frozenset({"package", "version", "architecture", "maintainer", "source", "status", "conffiles"})


def stanzas(text: str) -> Iterator[dict[str, str]]:
    """The wanted fields of each paragraph of a control file, keys in lower case.

    Continuation lines are dropped but those of conffiles, which are joined by newlines.
    """
    fields: dict[str, str] = {}
    conffiles: list[str] = []
    inside = False
    for line in (*text.split("\n"), ""):
        if not line.strip():
            if conffiles:
                fields["conffiles"] = "\n".join(conffiles)
            if fields:
                yield fields
            fields, conffiles, inside = {}, [], False
        elif line[0] not in " \t#":
            key, colon, value = line.partition(":")
            key = key.lower()
            inside = key == "conffiles"
            if colon and key in _WANTED:
                fields.setdefault(key, value.strip())
        elif inside:
            conffiles.append(line.strip())
