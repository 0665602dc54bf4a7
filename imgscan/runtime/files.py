"""Files of a container as its engine hands them out: one by one, or many put together to one layer."""

from __future__ import annotations

import hashlib
import re
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from imgscan.errors import Effect, Problem
from imgscan.evidence import Member, MemberKind
from imgscan.runtime.engine import ContainerEngine
from imgscan.tar.header import BLOCK
from imgscan.tar.reader import MemberStream, TarReader

_READ = 1 << 18
_MOST_BESIDE = 4 << 30
"""Bytes that are passed over for a directory's changed files: some 10 s of an engine's time."""
_LINKS = 4
"""Symlinks that are followed to a small file; etc/passwd rarely is one."""
_TYPES = {
    MemberKind.FILE: tarfile.REGTYPE,
    MemberKind.DIRECTORY: tarfile.DIRTYPE,
    MemberKind.SYMLINK: tarfile.SYMTYPE,
    # In a layer these names hide something; in a container's tree they are names like any other.
    MemberKind.WHITEOUT: tarfile.REGTYPE,
    MemberKind.OPAQUE_WHITEOUT: tarfile.REGTYPE,
}
_WHITEOUT = re.compile(r"(^|/)\.wh\.")


class BlockStream:
    """Blocks of bytes as a stream; `more` gives them in order."""

    def __init__(self, more: Iterator[bytes]) -> None:
        self._more = more
        self._block = b""

    def read(self, size: int, /) -> bytes:
        while not self._block:
            block = next(self._more, None)
            if block is None:
                return b""
            self._block = block
        data, self._block = self._block[:size], self._block[size:]
        return data


def read_small_file(engine: ContainerEngine, container_id: str, path: str, limit: int = 1 << 20) -> bytes | None:
    """The bytes of a regular file of a container; None where there is none, or one of more than `limit` bytes."""
    for _ in range(_LINKS):
        stat = engine.stat(container_id, path)
        if stat is None or stat.size > limit:
            return None
        if not stat.link_target or stat.link_target == path:
            break
        path = stat.link_target
    for member, data in TarReader(BlockStream(engine.archive(container_id, path))):
        if member.kind is not MemberKind.FILE or member.size > limit:
            return None
        return b"".join(_blocks(data))
    return None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A path to ask an engine for, without leading slash; of a directory, `only` some files where that is not empty."""

    path: str
    only: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file that went by: `path` without leading slash; `sha256` of a regular file's bytes, as far as they came."""

    path: str
    kind: MemberKind
    size: int
    mode: int
    uid: int
    sha256: str | None
    truncated: bool = False


def as_layer(
    archives: Iterator[tuple[Wanted, Iterator[bytes]]],
    seen: Callable[[ReadFile], None],
    problems: list[Problem],
    budget: int,
) -> Iterator[bytes]:
    """One tar made of archives, each with what was asked for; its names are whole paths.

    An engine names what it hands out by the last part of the path alone. `seen` is told of each file when it has gone
    by, `problems` gets what is wrong with an archive. Ends when more than `budget` bytes of files have come.
    """
    left = budget
    for asked, blocks in archives:
        parent = asked.path.strip("/").rpartition("/")[0]
        beside = 0
        reader = TarReader(BlockStream(blocks))
        for member, data in reader:
            if left < 0:
                return
            kind = _TYPES.get(member.kind)
            path = f"{parent}/{_name_of(member)}".strip("/")
            if asked.only and path not in asked.only:
                beside += member.size
                if beside > _MOST_BESIDE:
                    message = (
                        f"not all changed files of it were read: there are more than {_MOST_BESIDE:,} bytes of others"
                    )
                    problems.append(Problem("too-much-beside", message, Effect.INCOMPLETE, asked.path))
                    break
                continue
            if kind is None:  # a socket, a pipe, a device: it is there, and has nothing to read
                seen(ReadFile(path, member.kind, 0, member.mode, member.uid, None))
                continue
            yield _header(path, member, kind)
            digest = hashlib.sha256()
            size = member.size if kind == tarfile.REGTYPE else 0
            got = 0
            for block in _blocks(data) if size else ():
                digest.update(block)
                got += len(block)
                yield block
            yield bytes(size - got + -size % BLOCK) if size - got < budget else b""
            left -= size
            sha256 = digest.hexdigest() if kind == tarfile.REGTYPE else None
            seen(ReadFile(path, member.kind, member.size, member.mode, member.uid, sha256, truncated=got < size))
        problems += [replace(problem, path=asked.path, layer=None) for problem in reader.problems]
    yield bytes(2 * BLOCK)


def _blocks(data: MemberStream) -> Iterator[bytes]:
    while block := data.read(_READ):
        yield block


def _name_of(member: Member) -> str:
    marker = member.kind in (MemberKind.WHITEOUT, MemberKind.OPAQUE_WHITEOUT)
    return member.raw_name.removeprefix("./").strip("/") if marker else member.path


def _header(path: str, member: Member, kind: bytes) -> bytes:
    info = tarfile.TarInfo()
    # A name like a whiteout's hides nothing here, and must not look as if it did.
    info.name = _WHITEOUT.sub(r"\1%2ewh.", path)
    info.type, info.mode, info.size = kind, member.mode & 0o7777, member.size if kind == tarfile.REGTYPE else 0
    info.uid, info.gid, info.mtime = max(member.uid, 0), max(member.gid, 0), max(member.mtime, 0)
    info.linkname = member.linkname
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
