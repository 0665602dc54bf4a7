"""Names of tar members: one form for each path, and the markers among them (OCI image-spec, layer.md)."""

from __future__ import annotations

from imgscan.evidence import MemberKind

_VISIBLE_NUL = "\N{SYMBOL FOR NULL}".encode()


def normalised(raw: bytes) -> tuple[bytes, bool]:
    """A path without leading slash, empty parts, `.` and `..`, and whether its `..` led out of the root.

    NUL, which no path can have, becomes a visible sign.
    """
    parts: list[bytes] = []
    escapes = False
    for part in raw.replace(b"\0", _VISIBLE_NUL).split(b"/"):
        if part in (b"", b"."):
            continue
        if part == b"..":
            escapes = escapes or not parts
            del parts[-1:]
        else:
            parts.append(part)
    return b"/".join(parts), escapes


def has_dots(raw: bytes) -> bool:
    """Whether `.` or `..` is a part of the path, other than the first."""
    return b"/." in raw and (b"/./" in raw or b"/../" in raw or raw.endswith((b"/.", b"/..")))


def marker(kind: MemberKind, path: bytes) -> tuple[MemberKind, bytes]:
    """Decode a whiteout, once: its kind and the path it hides, or the directory that is opaque.

    Other members keep their kind and path. A marker that hides nothing nameable (`.wh.`, `.wh..`) or that only AUFS
    knew (`.wh..wh.plnk`) is an ANOMALY.
    """
    directory, slash, name = path.rpartition(b"/")
    if not name.startswith(b".wh."):
        return kind, path
    if name == b".wh..wh..opq":
        return MemberKind.OPAQUE_WHITEOUT, directory
    if name[4:] in (b"", b".", b"..") or name.startswith(b".wh..wh."):
        return MemberKind.ANOMALY, path
    return MemberKind.WHITEOUT, directory + slash + name[4:]
