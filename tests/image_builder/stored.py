"""What the writers share: an archive as a dict of its members, put down as a tar or as a directory."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tests.image_builder.compression import COMPRESSIONS
from tests.image_builder.images import BuiltImage
from tests.image_builder.tar import Entry, as_bytes, write_tar

Members = dict[str, Entry]
Edit = Callable[[Members], object]
"""Changes an archive's members in place before they are written: drop a blob, corrupt another, rename."""
Images = BuiltImage | Sequence[BuiltImage]


def listed(images: Images) -> list[BuiltImage]:
    return [images] if isinstance(images, BuiltImage) else list(images)


def hexadecimal(digest: str) -> str:
    """`sha256:abc` without the algorithm."""
    return digest.partition(":")[2]


def saved(data: bytes | str = b"") -> Entry:
    """A regular file as the engine's save writes it: no time, no owner."""
    return Entry(data, mode=0o644, mtime=0)


def folder() -> Entry:
    return Entry(kind="directory", mode=0o755, mtime=0)


def link(target: str) -> Entry:
    return Entry(kind="symlink", linkname=target, mode=0o777, mtime=0)


def lexical(members: Members) -> Members:
    """The order of a walk over a directory: by path part, a folder before what is in it."""
    return dict(sorted(members.items(), key=lambda pair: pair[0].rstrip("/").split("/")))


def write_archive(members: Members, path: Path | str, edit: Edit | None = None) -> Path:
    """One tar of the members, in their order."""
    if edit is not None:
        edit(members)
    target = Path(path)
    target.write_bytes(write_tar(members.items()))
    return target


def write_directory(members: Members, path: Path | str, edit: Edit | None = None) -> Path:
    """The members as files, folders and symlinks below `path`, which need not exist."""
    if edit is not None:
        edit(members)
    root = Path(path)
    root.mkdir(parents=True, exist_ok=True)
    for name, entry in members.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if entry.kind == "directory":
            target.mkdir(exist_ok=True)
        elif entry.kind == "symlink":
            target.symlink_to(as_bytes(entry.linkname).decode())
        else:
            target.write_bytes(as_bytes(entry.data))
    return root


def wrap_archive(path: Path | str, how: str = "gz") -> Path:
    """The archive compressed as a whole, beside it: `app.tar` -> `app.tar.gz` (gz, xz, zst, bz2)."""
    source = Path(path)
    data = source.read_bytes()
    packers: dict[str, Callable[[bytes], bytes]] = {
        "gz": lambda plain: gzip.compress(plain, 6, mtime=0),
        "xz": lambda plain: lzma.compress(plain, preset=1),
        "zst": COMPRESSIONS["zstd"],
        "bz2": COMPRESSIONS["bz2"],
    }
    target = source.with_name(f"{source.name}.{how}")
    target.write_bytes(packers[how](data))
    return target


def repositories(tops: Iterable[tuple[BuiltImage, str]]) -> dict[str, dict[str, str]]:
    """The `repositories` file: {name: {tag: v1 id of the top layer}}."""
    result: dict[str, dict[str, str]] = {}
    for built, top in tops:
        for reference in built.tags:
            name, _, tag = reference.rpartition(":")
            result.setdefault(name, {})[tag] = top
    return result
