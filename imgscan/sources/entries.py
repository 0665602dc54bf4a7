"""What an archive or a layout directory holds, by name; links inside it followed, nothing opened but documents."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from imgscan.errors import Effect, InvalidImage, Problem, ProblemLog
from imgscan.evidence import Limits, Member, MemberKind
from imgscan.image.blob import BlobRef, FileBlob, Readable
from imgscan.image.compression import SNIFF, Compression, detect_compression
from imgscan.image.oci import MAX_JSON
from imgscan.tar.header import BLOCK, ZERO_BLOCK, checksum_ok
from imgscan.tar.reader import TarReader

ARCHIVE_LIMITS = Limits(members=200_000, name_bytes=32 << 20)
"""Entries of an archive that holds images; real ones have some hundred."""
MAX_DOCUMENTS = 64 << 20
"""Bytes of all JSON documents of one stream that are kept until its end."""
_MAX_LINKS = 32
_FILES = frozenset({MemberKind.FILE, MemberKind.OTHER})


class Entries(Protocol):
    """Names as the spec writes them: no leading `/` or `./`."""

    def names(self) -> Collection[str]:
        """Names of all files."""
        ...

    def document(self, name: str) -> bytes | None:
        """The bytes of a JSON document; None where there is no such file or it is bigger than a document may be."""
        ...

    def blob(self, name: str) -> BlobRef | None:
        """How to open a file; None where there is none."""
        ...


@dataclass(slots=True)
class ArchiveEntries:
    """The entries of a plain tar file: only its headers are read."""

    path: str
    files: dict[str, FileBlob] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    @classmethod
    def read(cls, path: str) -> ArchiveEntries:
        """Index the archive. InvalidImage where it is no tar at all; OSError where it cannot be read."""
        entries = cls(path)
        with FileBlob(path, 0, Path(path).stat().st_size).open() as stream:
            reader = TarReader(stream, ARCHIVE_LIMITS)
            duplicates = ProblemLog()
            count = 0
            for member, _ in reader:
                count += 1
                if member.kind in _FILES:
                    if member.path in entries.files:
                        tell_duplicate(duplicates, member)
                    entries.files[member.path] = FileBlob(path, member.data_offset, member.size)
                else:
                    add_link(entries.links, member)
        if not count:
            raise not_an_archive(path)
        entries.problems = (*reader.problems, *duplicates.all())
        return entries

    def names(self) -> Collection[str]:
        return self.files.keys()

    def document(self, name: str) -> bytes | None:
        blob = self.blob(name)
        return read_document(blob) if blob is not None else None

    def blob(self, name: str) -> FileBlob | None:
        return self.files.get(self.place(name))

    def place(self, name: str) -> str:
        """What is equal for two names of one file."""
        return follow(name, self.files, self.links)


@dataclass(slots=True)
class DirectoryEntries:
    """The files of a layout directory; blobs may be symlinks, as deduplicating stores make them."""

    root: Path

    def names(self) -> Collection[str]:
        return [path.relative_to(self.root).as_posix() for path in self._files()]

    def document(self, name: str) -> bytes | None:
        blob = self.blob(name)
        return read_document(blob) if blob is not None else None

    def blob(self, name: str) -> FileBlob | None:
        if ".." in name.split("/") or name.startswith("/"):
            return None
        path = self.root / name
        try:
            return FileBlob(str(path), 0, path.stat().st_size) if path.is_file() else None
        except (OSError, ValueError):  # ValueError: a NUL in the name
            return None

    def place(self, name: str) -> str:
        """What is equal for two names of one file."""
        return os.path.realpath(self.root / name) if "\0" not in name else name

    def _files(self) -> Iterator[Path]:
        """At the depths where layouts have files: `manifest.json`, `ID/layer.tar`, `blobs/sha256/HEX`."""
        for pattern in ("*", "*/*", "blobs/*/*"):
            yield from (path for path in sorted(self.root.glob(pattern)) if path.is_file())


def tell_duplicate(problems: ProblemLog, member: Member) -> None:
    """Two files of one name: as when unpacking the last counts."""
    problems.add("duplicate-entry", "twice in the archive; the last counts", path=member.path)


def add_link(links: dict[str, str], member: Member) -> None:
    """Note what a link of an archive leads to: symlinks from their own directory, hard links from the root."""
    if member.kind is MemberKind.SYMLINK:
        links[member.path] = posixpath.normpath(posixpath.join(posixpath.dirname(member.path), member.linkname))
    elif member.kind is MemberKind.HARDLINK:
        links[member.path] = posixpath.normpath(member.linkname).lstrip("/")


def follow(name: str, files: Collection[str], links: dict[str, str]) -> str:
    """The file that a name leads to, through links; the name itself where it leads nowhere."""
    name = posixpath.normpath(name).lstrip("/")
    for _ in range(_MAX_LINKS):
        if name in files or name not in links:
            break
        name = links[name]
    return name


def read_document(blob: FileBlob) -> bytes | None:
    """A whole small file; None where it is bigger than a document may be, or gone."""
    if blob.size > MAX_JSON:
        return None
    try:
        with blob.open() as stream:
            return read_all(stream, blob.size)
    except OSError:
        return None


def read_head_of(blob: FileBlob) -> bytes:
    """The first bytes of a file, enough to tell what it is. OSError where it cannot be read."""
    with blob.open() as stream:
        return read_all(stream, SNIFF)


def read_all(stream: Readable, size: int) -> bytes:
    """Up to `size` bytes of a stream, which may give fewer at a time."""
    parts = []
    while size > 0:
        data = stream.read(size)
        if not data:
            break
        parts.append(data)
        size -= len(data)
    return b"".join(parts)


def looks_like_json(head: bytes) -> bool:
    """Whether a blob starts as a JSON object or list."""
    return head.lstrip(b" \t\r\n\xef\xbb\xbf")[:1] in (b"{", b"[")


def looks_like_layer(head: bytes) -> bool:
    """Whether a blob starts as a compressed stream or a tar, an empty one included."""
    if detect_compression(head) is not Compression.NONE:
        return True
    return len(head) >= BLOCK and (head[:BLOCK] == ZERO_BLOCK or checksum_ok(head[:BLOCK], head[148:156]))


def may_be_layer(head: bytes, size: int) -> bool:
    """Whether a blob is to be scanned as a layer: it looks like one, or is too big for a document and no JSON."""
    return looks_like_layer(head) or (size > MAX_JSON and not looks_like_json(head))


def not_an_archive(path: str) -> InvalidImage:
    """The error for what is no tar."""
    return InvalidImage(
        f"{path} is not an image archive: no tar header was found in it",
        tip="give a file that docker save, podman save, skopeo or buildah wrote, or an OCI layout directory",
    )


def cut_off(where: str, problems: Iterable[Problem], error: InvalidImage) -> InvalidImage:
    """The error for an archive without an image: that it is cut off, where that is why."""
    cut = next((problem for problem in problems if problem.effect is Effect.INCOMPLETE), None)
    if cut is None:
        return error
    message = f"{where} is cut off before anything said what is in it ({cut.message})"
    return InvalidImage(message, tip="save the image again")
