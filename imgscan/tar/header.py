"""One tar header, decoded as found: v7, ustar, GNU and pax (POSIX.1-2017 pax, GNU tar manual "Standard Format").

Nothing here trusts a number: a field that is none raises ValueError, and the walker tells where.
"""

from __future__ import annotations

import base64
import binascii
import struct
from dataclasses import dataclass, field, replace
from zlib import adler32

BLOCK = 512
ZERO_BLOCK = bytes(BLOCK)

# name, mode + uid + gid, size, mtime, checksum, type, linkname, magic, (uname .. devminor), prefix
FIELDS = struct.Struct("100s24s12s12s8sc100s6s82x155s12x")

TYPES_WITH_DATA = frozenset(b"\x0007S")
"""Regular and contiguous files, old GNU sparse files; other known types have no data, whatever `size` says."""
TYPES_WITHOUT_DATA = frozenset(b"123456")
PAX_LOCAL, PAX_GLOBAL, GNU_LONG_NAME, GNU_LONG_LINK, GNU_SPARSE = b"x", b"g", b"L", b"K", b"S"
PAX_SOLARIS = b"X"

_MAX = (1 << 63) - 1
_XATTR_PREFIXES = ("SCHILY.xattr.", "LIBARCHIVE.xattr.")
_MAX_XATTR = 64 << 10


def number(text: bytes) -> int:
    """A numeric field: octal with blanks and NULs round it, or base-256 (GNU). ValueError where it is neither."""
    plain = text[:-1]
    if plain.isdigit() and text[-1] in b"\0 ":  # as nearly all are written
        return int(plain, 8)
    if text[0] & 0x80:
        value = int.from_bytes(text, "big", signed=True) if text[0] & 0x40 else int.from_bytes(text[1:], "big")
        if text[0] & 0x3F and not text[0] & 0x40:
            value += (text[0] & 0x3F) << 8 * (len(text) - 1)
        if not -_MAX <= value <= _MAX:
            raise ValueError("number out of range")
        return value
    digits = text.partition(b"\0")[0].strip(b" ")
    if not digits:
        return 0
    if not digits.isdigit():  # int() would take signs, underscores and "0o"
        raise ValueError("not an octal number")
    return int(digits, 8)


def checksum_ok(header: bytes, stored: bytes) -> bool:
    """Whether the header's byte sum is the stored one, with bytes unsigned (POSIX) or signed (old Sun and others)."""
    try:
        plain = stored[:6]  # six digits, NUL, blank: as nearly all are written
        expected = int(plain, 8) if plain.isdigit() and stored[6] == 0 else number(stored)
    except ValueError:
        return False
    # The low half of Adler-32 is 1 + the byte sum modulo 65521: 0.1 us against 2.5 us for sum().
    blanked = 256 - sum(stored)
    if ((adler32(header) & 0xFFFF) - 1 + blanked - expected) % 65521 == 0:
        return True
    signed = sum(header) - 256 * sum(byte > 127 for byte in header)
    signed_stored = sum(stored) - 256 * sum(byte > 127 for byte in stored)
    return signed - signed_stored + 256 == expected


@dataclass(slots=True)
class Overrides:
    """What extended headers say instead of the next header's fields; None where they say nothing."""

    path: bytes | None = None
    linkpath: bytes | None = None
    size: int | None = None
    uid: int | None = None
    gid: int | None = None
    mtime: int | None = None
    xattrs: dict[str, bytes] = field(default_factory=dict)
    sparse_name: bytes | None = None
    long_name: bytes | None = None
    long_link: bytes | None = None

    def copy(self) -> Overrides:
        return replace(self, xattrs=dict(self.xattrs))

    def drop_structure(self) -> bool:
        """Forget what names and sizes members; whether there was any."""
        names = ("path", "linkpath", "size", "sparse_name")
        found = any(getattr(self, name) is not None for name in names)
        for name in names:
            setattr(self, name, None)
        return found


def apply_pax(data: bytes, overrides: Overrides) -> str:
    """Read the records of a pax header into `overrides`; what was wrong with them, or ""."""
    at = 0
    wrong = ""
    while at < len(data):
        if data[at] == 0:  # some writers pad with NULs
            break
        space = data.find(b" ", at, at + 20)
        length_text = data[at:space] if space > 0 else b""
        if not length_text.isdigit():
            return "a record without a length"
        end = at + int(length_text)
        if end <= space or end > len(data) or data[end - 1 : end] != b"\n":
            return "a record of a wrong length"
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if not equals:
            return "a record without a value"
        wrong = _apply_record(key, value, overrides) or wrong
        at = end
    return wrong


def _apply_record(key: bytes, value: bytes, overrides: Overrides) -> str:
    name = key.decode("utf-8", "surrogateescape")
    match name:
        case "path":
            overrides.path = value or None
        case "linkpath":
            overrides.linkpath = value or None
        case "GNU.sparse.name":
            overrides.sparse_name = value or None
        case "size" | "uid" | "gid" | "mtime":
            try:
                parsed = _decimal(value) if value else None
            except ValueError:
                return f"{name} is not a number"
            setattr(overrides, name, parsed)
        case _:
            prefix = next((p for p in _XATTR_PREFIXES if name.startswith(p)), None)
            if prefix is not None:
                overrides.xattrs[name[len(prefix) :]] = _xattr(prefix, value)[:_MAX_XATTR]
    return ""


def _decimal(value: bytes) -> int:
    whole, _, fraction = value.partition(b".")
    digits = whole[1:] if whole[:1] == b"-" else whole
    if not digits.isdigit() or len(digits) > 19 or (fraction and not fraction.isdigit()):
        raise ValueError("not a decimal number")
    parsed = int(whole)
    if not -_MAX <= parsed <= _MAX:
        raise ValueError("number out of range")
    return parsed


def _xattr(prefix: str, value: bytes) -> bytes:
    if prefix != "LIBARCHIVE.xattr.":
        return value
    try:
        return base64.b64decode(value + b"=" * (-len(value) % 4))
    except (ValueError, binascii.Error):
        return value
