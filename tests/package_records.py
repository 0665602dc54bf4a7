"""What package managers write down of the packages they installed, for images made in tests."""

from __future__ import annotations

import base64
import hashlib
import sqlite3
import struct
from collections.abc import Mapping, Sequence

Files = dict[str, str]
DEBIAN = "Debian GnuTLS Maintainers <pkg-gnutls-maint@lists.alioth.debian.org>"
COMPANY = "Platform Team <platform@corp.example>"


def md5(content: str) -> str:
    return hashlib.md5(content.encode(), usedforsecurity=False).hexdigest()


def deb(
    name: str,
    files: Mapping[str, str],
    *,
    version: str = "1.2-3",
    maintainer: str = DEBIAN,
    source: str = "",
    conffiles: Mapping[str, str] | None = None,
) -> Files:
    """The records of one package as the only one installed; `files` are what the records say, not what is there."""
    stanza = f"Package: {name}\nStatus: install ok installed\nMaintainer: {maintainer}\nVersion: {version}\n"
    if source:
        stanza += f"Source: {source}\n"
    if conffiles:
        stanza += "Conffiles:\n" + "".join(f" /{path} {md5(content)}\n" for path, content in conffiles.items())
    return {
        "var/lib/dpkg/status": stanza + "Description: x\n more\n\n",
        f"var/lib/dpkg/info/{name}:amd64.md5sums": "".join(f"{md5(data)}  {path}\n" for path, data in files.items()),
    }


def distroless(stem: str, name: str, files: Mapping[str, str], maintainer: str = DEBIAN) -> Files:
    """One package as bazel's rules and distroless leave it; the file's name may be shorter than the package's."""
    return {
        f"var/lib/dpkg/status.d/{stem}": f"Package: {name}\nVersion: 3.0\nMaintainer: {maintainer}\n",
        f"var/lib/dpkg/status.d/{stem}.md5sums": "".join(f"{md5(data)}  {path}\n" for path, data in files.items()),
    }


def apk(
    name: str, files: Mapping[str, str], maintainer: str = "Somebody <x@alpinelinux.org>", origin: str = ""
) -> Files:
    lines = [f"P:{name}", "V:1.5-r0", f"o:{origin or name}"]
    lines += [f"m:{maintainer}"] if maintainer else []
    for path, content in files.items():
        directory, _, base = path.rpartition("/")
        digest = hashlib.sha1(content.encode(), usedforsecurity=False).digest()
        lines += [f"F:{directory}", f"R:{base}", f"Z:Q1{base64.b64encode(digest).decode()}"]
    return {"lib/apk/db/installed": "\n".join(lines) + "\n\n"}


def wheel(
    name: str, files: Mapping[str, str], version: str = "2.0", site: str = "usr/lib/python3.11/site-packages"
) -> Files:
    """A package as pip installs it; the keys of `files` are relative to site-packages, as RECORD has them."""
    info = f"{site}/{name.replace('-', '_')}-{version}.dist-info"
    record = ""
    for path, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).decode().rstrip("=")
        record += f"{path},sha256={digest},{len(content)}\n"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    return {f"{info}/METADATA": metadata, f"{info}/RECORD": record, f"{info}/INSTALLER": "pip\n"}


def rpm_header(
    name: str,
    version: str,
    release: str,
    *,
    epoch: int | None = None,
    files: Sequence[str] = (),
    digests: Sequence[str] = (),
    algorithm: int | None = None,
    vendor: str = "",
) -> bytes:
    """An rpm header blob (lib/header.c); `digests` are in hex, one a file; `algorithm` is OpenPGP's number for it."""
    directories = sorted({path.rpartition("/")[0] + "/" for path in files})
    tags: list[tuple[int, int, int, bytes]] = [
        (1000, 6, 1, name.encode() + b"\0"),
        (1001, 6, 1, version.encode() + b"\0"),
        (1002, 6, 1, release.encode() + b"\0"),
        (1022, 6, 1, b"x86_64\0"),
    ]
    if vendor:
        tags.append((1011, 6, 1, vendor.encode() + b"\0"))
    if epoch is not None:
        tags.append((1003, 4, 1, struct.pack(">I", epoch)))
    if files:
        indexes = [directories.index(path.rpartition("/")[0] + "/") for path in files]
        tags += [
            (1116, 4, len(files), struct.pack(f">{len(files)}I", *indexes)),
            (1117, 8, len(files), b"".join(path.rpartition("/")[2].encode() + b"\0" for path in files)),
            (1118, 8, len(directories), b"".join(path.encode() + b"\0" for path in directories)),
        ]
    if digests:
        tags.append((1035, 8, len(digests), b"".join(digest.encode() + b"\0" for digest in digests)))
    if algorithm is not None:
        tags.append((5011, 4, 1, struct.pack(">I", algorithm)))
    index, store = b"", b""
    for tag, kind, number, value in tags:
        store += b"\0" * (-len(store) % 4)
        index += struct.pack(">IIiI", tag, kind, len(store), number)
        store += value
    return struct.pack(">II", len(tags), len(store)) + index + store


def rpm_database(blobs: Sequence[bytes], page_size: int = 4096) -> bytes:
    """rpmdb.sqlite."""
    connection = sqlite3.connect(":memory:")
    connection.execute(f"PRAGMA page_size = {page_size}")
    connection.execute("CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL)")
    connection.execute("CREATE TABLE 'Name' (key 'TEXT' NOT NULL, hnum INTEGER NOT NULL)")
    connection.executemany("INSERT INTO Packages (blob) VALUES (?)", [(blob,) for blob in blobs])
    connection.commit()
    data = connection.serialize()
    connection.close()
    return data
