"""Tars, written by hand: honest ones of every dialect, and hostile ones with any field as one likes.

Nothing here asks a clock, a user database or a file system: equal arguments give equal bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

BLOCK = 512
MTIME = 1_700_000_000
"""Seconds since the epoch that every entry bears unless told otherwise."""

Dialect = Literal["pax", "gnu", "ustar", "v7"]
Name = str | bytes
Number = int | bytes

TYPE_FLAGS = {
    "file": b"0",
    "hardlink": b"1",
    "symlink": b"2",
    "char": b"3",
    "block": b"4",
    "directory": b"5",
    "fifo": b"6",
}
MODES = {"directory": 0o755, "symlink": 0o777}


@dataclass(frozen=True)
class Entry:
    """One member. `kind` is a key of TYPE_FLAGS, or one byte: the type flag itself.

    `mode` None is what is usual for the kind. `xattrs` become `SCHILY.xattr.*` pax records; `pax` are further
    records, and win over what the dialect would write. `size` overrides the size field alone, not the data.
    """

    data: bytes | str = b""
    kind: str | bytes = "file"
    mode: int | None = None
    uid: int = 0
    gid: int = 0
    mtime: int = MTIME
    linkname: Name = ""
    uname: str = ""
    gname: str = ""
    devmajor: int = 0
    devminor: int = 0
    xattrs: Mapping[str, bytes] = field(default_factory=dict)
    pax: Mapping[str, str | bytes] = field(default_factory=dict)
    size: Number | None = None


Value = bytes | str | Entry
Item = tuple[Name, Value] | bytes
"""A member, or raw bytes that are put into the tar as they are (a hand-made header, garbage)."""


def file(data: bytes | str = b"", mode: int = 0o644, **fields: Any) -> Entry:
    return Entry(data, mode=mode, **fields)


def executable(data: bytes | str = b"\x7fELF", mode: int = 0o755, **fields: Any) -> Entry:
    return Entry(data, mode=mode, **fields)


def directory(mode: int = 0o755, **fields: Any) -> Entry:
    return Entry(kind="directory", mode=mode, **fields)


def symlink(target: Name, **fields: Any) -> Entry:
    return Entry(kind="symlink", linkname=target, **fields)


def hardlink(target: Name, **fields: Any) -> Entry:
    return Entry(kind="hardlink", linkname=target, **fields)


def raw_header(
    name: Name = b"",
    *,
    mode: Number = 0o644,
    uid: Number = 0,
    gid: Number = 0,
    size: Number = 0,
    mtime: Number = MTIME,
    checksum: Number | Literal["signed"] | None = None,
    typeflag: bytes = b"0",
    linkname: Name = b"",
    magic: bytes = b"ustar\0",
    version: bytes = b"00",
    uname: Name = b"",
    gname: Name = b"",
    devmajor: Number = 0,
    devminor: Number = 0,
    prefix: Name = b"",
    padding: bytes = b"",
) -> bytes:
    """One 512-byte header. An int is written as octal digits, bytes are written as they are (cut or filled with NUL).

    `checksum` None is the right one, "signed" the one that pre-POSIX tars made by adding up signed chars.
    """
    fields = [
        (as_bytes(name), 100),
        (number(mode, 8), 8),
        (number(uid, 8), 8),
        (number(gid, 8), 8),
        (number(size, 12), 12),
        (number(mtime, 12), 12),
        (b" " * 8, 8),
        (typeflag, 1),
        (as_bytes(linkname), 100),
        (magic, 6),
        (version, 2),
        (as_bytes(uname), 32),
        (as_bytes(gname), 32),
        (number(devmajor, 8), 8),
        (number(devminor, 8), 8),
        (as_bytes(prefix), 155),
        (padding, 12),
    ]
    block = b"".join(value[:width].ljust(width, b"\0") for value, width in fields)
    if checksum is None:
        checksum = b"%06o\0 " % sum(block)
    elif checksum == "signed":
        checksum = b"%06o\0 " % sum(byte - 256 if byte > 127 else byte for byte in block)
    return block[:148] + number(checksum, 8)[:8].ljust(8, b"\0") + block[156:]


def number(value: Number, width: int) -> bytes:
    """Octal digits and a NUL; base-256 where they do not fit, as GNU tar does."""
    if isinstance(value, bytes):
        return value
    if 0 <= value < 8 ** (width - 1):
        return b"%0*o\0" % (width - 1, value)
    return base256(value, width)


def base256(value: int, width: int) -> bytes:
    """A binary number, big-endian two's complement, its first byte's top bit set."""
    first = 0x80 if value >= 0 else 0xFF
    encoded = bytearray(value.to_bytes(width, "big", signed=True))
    encoded[0] |= first
    return bytes(encoded)


def pax_records(records: Mapping[str, str | bytes]) -> bytes:
    """`LENGTH KEY=VALUE\\n` each; the length counts its own digits (POSIX.1-2001 pax)."""
    lines = []
    for key, value in records.items():
        rest = b" " + as_bytes(key) + b"=" + as_bytes(value) + b"\n"
        length = len(rest) + 1
        while len(str(length)) + len(rest) != length:
            length = len(str(length)) + len(rest)
        lines.append(str(length).encode() + rest)
    return b"".join(lines)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def pax_header(records: Mapping[str, str | bytes], *, scope: Literal["next", "global"] = "next") -> bytes:
    """The block(s) of a pax header, to be put before a member, or anywhere for a global one."""
    data = pax_records(records)
    flag = b"x" if scope == "next" else b"g"
    return raw_header(b"PaxHeaders.0/header", size=len(data), typeflag=flag) + padded(data)


def write_tar(
    items: Mapping[Name, Value] | Iterable[Item],
    *,
    dialect: Dialect = "pax",
    end_blocks: int = 2,
    trailing: bytes = b"",
) -> bytes:
    """A tar of the given members and raw bytes, `end_blocks` zero blocks, then `trailing`."""
    pairs = items.items() if isinstance(items, Mapping) else items
    parts = [item if isinstance(item, bytes) else _member(item[0], item[1], dialect) for item in pairs]
    return b"".join(parts) + bytes(BLOCK * end_blocks) + trailing


def as_entry(name: Name, value: Value) -> Entry:
    """What `{"app/": ""}` and `{"app/x": "text"}` mean."""
    if isinstance(value, Entry):
        return value
    return directory() if as_bytes(name).endswith(b"/") else Entry(value)


def as_bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def _member(name: Name, value: Value, dialect: Dialect) -> bytes:
    entry = as_entry(name, value)
    data = as_bytes(entry.data)
    path, link = as_bytes(name), as_bytes(entry.linkname)
    if entry.kind == "directory" and not path.endswith(b"/"):
        path += b"/"
    before = b""
    prefix = b""
    records: dict[str, str | bytes] = {}
    if dialect in ("pax", "ustar"):
        prefix, short = _split(path)
        if dialect == "ustar" and (short is None or len(link) > 100):
            raise ValueError(f"ustar has no room for {name!r}")
        if dialect == "pax" and (short is None or not path.isascii()):
            prefix, short = b"", _replaced(path)
            records["path"] = path
        if dialect == "pax" and (len(link) > 100 or not link.isascii()):
            records["linkpath"] = link
            link = _replaced(link)
        path = short or b""
    elif dialect == "gnu":
        before = _gnu_long(b"L", path) + _gnu_long(b"K", link)
    records |= {f"SCHILY.xattr.{key}": value for key, value in entry.xattrs.items()}
    records |= entry.pax
    if records:
        before += pax_header(records)
    magic, version = {"gnu": (b"ustar ", b" \0"), "v7": (b"", b"")}.get(dialect, (b"ustar\0", b"00"))
    header = raw_header(
        path,
        mode=MODES.get(str(entry.kind), 0o644) if entry.mode is None else entry.mode,
        uid=entry.uid,
        gid=entry.gid,
        size=len(data) if entry.size is None else entry.size,
        mtime=entry.mtime,
        typeflag=entry.kind if isinstance(entry.kind, bytes) else TYPE_FLAGS[entry.kind],
        linkname=link,
        magic=magic,
        version=version,
        uname=entry.uname,
        gname=entry.gname,
        devmajor=entry.devmajor,
        devminor=entry.devminor,
        prefix=prefix,
    )
    return before + header + padded(data)


def _split(path: bytes) -> tuple[bytes, bytes | None]:
    """(prefix, name) as ustar stores a path; no name where it does not fit."""
    if len(path) <= 100:
        return b"", path
    for at in range(max(len(path) - 101, 1), min(len(path) - 1, 156)):
        if path[at : at + 1] == b"/" and len(path) - at - 1 <= 100 and path[at + 1 :]:
            return path[:at], path[at + 1 :]
    return b"", None


def _replaced(path: bytes) -> bytes:
    return bytes(byte if byte < 128 else ord("?") for byte in path)[:100]


def _gnu_long(flag: bytes, text: bytes) -> bytes:
    if len(text) <= 100:
        return b""
    data = text + b"\0"
    return raw_header(
        b"././@LongLink", size=len(data), mtime=0, typeflag=flag, magic=b"ustar ", version=b" \0"
    ) + padded(data)
