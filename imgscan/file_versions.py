"""Every version of every file of an image as rows, and which of them somebody wants to see.

A row costs about 3 us and nothing is kept: a million of them go by in seconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, Protocol

from imgscan.accounts import Row as AccountRow
from imgscan.errors import Problem, UsageError
from imgscan.evidence import Fact, MemberKind, decode
from imgscan.image.image import Image
from imgscan.overlay import FateKind, Overlay
from imgscan.package_checksums import path_key
from imgscan.package_files import files_of
from imgscan.report.report import ImageRow, Report

KINDS = {
    MemberKind.FILE: "file",
    MemberKind.DIRECTORY: "directory",
    MemberKind.SYMLINK: "symlink",
    MemberKind.HARDLINK: "hardlink",
    MemberKind.CHARACTER_DEVICE: "character-device",
    MemberKind.BLOCK_DEVICE: "block-device",
    MemberKind.FIFO: "fifo",
    MemberKind.OTHER: "other",
}
"""What reports call the kinds of versions."""


class Evidence(Protocol):
    """What is needed of the evidence."""

    @property
    def image(self) -> Image: ...
    @property
    def overlay(self) -> Overlay: ...
    def rows_at(self, kind: str, path: str) -> tuple[AccountRow, ...] | None: ...
    def facts(self, kind: str) -> Iterator[tuple[int, Fact]]: ...


class FileRow(NamedTuple):
    """One version of one path.

    `member` counts from 0 in the layer's tar. `size` and `sha256` of a hard link are those of the bytes it leads to,
    which the entry `content` (layer, member) holds; `sha256` is empty where it was not asked for. `ended_by` is the
    layer that ended the version, None for one that is present.
    """

    path: str
    kind: MemberKind
    layer: int
    member: int
    size: int
    mode: int
    uid: int
    gid: int
    mtime: int
    link: str
    sha256: bytes
    fate: FateKind
    ended_by: int | None
    content: tuple[int, int]


@lru_cache(maxsize=4096)
def mode_text(mode: int) -> str:
    """`rwxr-sr-t`: permissions as `ls -l` writes them."""
    text = [letter if mode & (0o400 >> at) else "-" for at, letter in enumerate("rwxrwxrwx")]
    for bit, at, letter in ((0o4000, 2, "s"), (0o2000, 5, "s"), (0o1000, 8, "t")):
        if mode & bit:
            text[at] = letter if text[at] == "x" else letter.upper()
    return "".join(text)


@dataclass(frozen=True, slots=True)
class Names:
    """The names that an image's own etc/passwd and etc/group give to ids; the first line of an id counts."""

    users: Mapping[int, str] = field(default_factory=dict)
    groups: Mapping[int, str] = field(default_factory=dict)

    def owner(self, uid: int, gid: int) -> str:
        """`app:app`, with numbers for what has no name."""
        return f"{self.users.get(uid, uid)}:{self.groups.get(gid, gid)}"


def names_of(evidence: Evidence) -> Names:
    """The names of the final file system; empty where it has no such files."""
    return Names(
        _names("user", evidence.rows_at("accounts", "etc/passwd") or ()),
        _names("group", evidence.rows_at("accounts", "etc/group") or ()),
    )


def _names(kind: str, rows: Iterable[AccountRow]) -> dict[int, str]:
    found: dict[int, str] = {}
    for row in rows:
        if row[0] == kind and isinstance(row[2], int):
            found.setdefault(row[2], str(row[1]))
    return found


@dataclass(frozen=True, slots=True)
class Selection:
    """Which versions are wanted: all that every given field lets pass.

    `globs` as `glob_pattern` reads them, any of which may fit; `owner` as in `--owner`.
    """

    globs: tuple[str, ...] = ()
    fates: frozenset[FateKind] = frozenset()
    layer: int | None = None
    owner: str | None = None
    package: str | None = None
    """Only what a package of this name lists as its own."""


def file_rows(evidence: Evidence, selection: Selection | None = None) -> Iterator[FileRow]:
    """The wanted versions by path, the base layer's first. Markers are no versions.

    UsageError where the selection names a user, a package or a layer that the image does not have.
    """
    wanted = selection or Selection()
    count = len(evidence.image.layers)
    if wanted.layer is not None and not 0 <= wanted.layer < count:
        has = f"its layers are 0 to {count - 1}" if count else "it has no layers"
        raise UsageError(f"the image has no layer {wanted.layer}", tip=f"layers count from 0, base first: {has}")
    uid, gid = owner_ids(wanted.owner, names_of(evidence)) if wanted.owner is not None else (None, None)
    keys = files_of(evidence, wanted.package) if wanted.package is not None else None
    return _rows(evidence.overlay, wanted, glob_pattern(wanted.globs), (uid, gid), keys)


def _rows(
    overlay: Overlay,
    wanted: Selection,
    pattern: re.Pattern[str] | None,
    owner: tuple[int | None, int | None],
    packaged: frozenset[bytes] | None,
) -> Iterator[FileRow]:
    tables = overlay.tables
    uid, gid = owner
    for layer, index, fate, ended_by in overlay.places():
        if (wanted.layer is not None and layer != wanted.layer) or (wanted.fates and fate not in wanted.fates):
            continue
        table = tables[layer]
        if (uid is not None and table.uids[index] != uid) or (gid is not None and table.gids[index] != gid):
            continue
        path = decode(table.path(index))
        if pattern is not None and pattern.match(path) is None:
            continue
        if packaged is not None and path_key(table.path(index)) not in packaged:
            continue
        kind = MemberKind(table.kinds[index])
        content, holder = (layer, index), table
        if kind is MemberKind.HARDLINK:
            content = overlay.content_of(layer, index)
            holder = tables[content[0]]
        yield FileRow(
            path,
            kind,
            layer,
            index,
            holder.sizes[content[1]],
            table.modes[index] & 0o7777,
            table.uids[index],
            table.gids[index],
            table.mtimes[index],
            decode(table.linkname(index)),
            holder.sha256(content[1]),
            fate,
            ended_by,
            content,
        )


# --- who owns it


def owner_ids(text: str, names: Names) -> tuple[int | None, int | None]:
    """The uid and gid that `USER[:GROUP]` or `:GROUP` means, None for a part that is left out.

    A number is an id, anything else a name of the image's own accounts.
    """
    user, colon, group = text.partition(":")
    if not user and not group:
        raise UsageError(f"--owner cannot be {text!r}", tip="write UID, UID:GID, :GID, or names that the image knows")
    uid = _id(user, names.users, "user") if user else None
    return uid, _id(group, names.groups, "group") if colon and group else None


def _id(text: str, known: Mapping[int, str], what: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 20:
        return int(text)
    for number, name in known.items():
        if name == text:
            return number
    some = ", ".join(list(known.values())[:8])
    raise UsageError(
        f"the image has no {what} {text!r}",
        tip=f"it knows {some}{', ...' if len(known) > 8 else ''}" if some else f"name the {what} by its number",
    )


# --- globs


def glob_pattern(globs: Sequence[str]) -> re.Pattern[str] | None:
    r"""One expression for paths that any of the globs fits; None for no glob.

    `*` and `?` stay within a name, `**` as a whole name stands for any number of names, `[...]` for one character of
    a set (`[!...]` of all others), a backslash takes the next character as it is. A glob with a slash is matched
    against the whole path, from the root whether it begins with a slash or not; one without against the last name,
    wherever it is. A slash at the end means all that lies below.
    """
    if not globs:
        return None
    return re.compile("|".join(f"(?:{_whole(glob)})" for glob in globs), re.DOTALL)


_ANY_NAMES = r"(?:[^/]+/)*"


def _whole(glob: str) -> str:
    below = glob.endswith("/")
    anchored = "/" in glob.rstrip("/")
    names = [name for name in glob.split("/") if name not in ("", ".")]
    if below:
        names.append("**")
    if not names:  # "/": the root itself
        return r"\Z"
    parts = [] if anchored else [_ANY_NAMES]
    for number, name in enumerate(names):
        last = number == len(names) - 1
        if name == "**":
            parts.append(".+" if last else _ANY_NAMES)
        else:
            parts.append(_name(name) + ("" if last else "/"))
    return "".join(parts) + r"\Z"


def _name(glob: str) -> str:
    """One name. A star is tried at its first fit only where another follows: linear in the name's length."""
    pieces: list[str] = [""]
    at = 0
    while at < len(glob):
        sign = glob[at]
        at += 1
        if sign == "*":
            if pieces[-1] or len(pieces) == 1:
                pieces.append("")
        elif sign == "?":
            pieces[-1] += "[^/]"
        elif sign == "[" and (end := _set_end(glob, at)) > 0:
            pieces[-1] += _set(glob[at:end])
            at = end + 1
        else:
            if sign == "\\" and at < len(glob):
                sign = glob[at]
                at += 1
            pieces[-1] += re.escape(sign)
    if len(pieces) == 1:
        return pieces[0]
    first, *middle, last = pieces
    return first + "".join(f"(?>[^/]*?{piece})" for piece in middle) + f"[^/]*{last}"


def _set_end(glob: str, at: int) -> int:
    """Where the set that begins at `at` ends; -1 where nothing closes it."""
    start = at + 1 if glob[at : at + 1] in ("!", "^") else at
    return glob.find("]", start + 1)


def _set(text: str) -> str:
    negated = text[:1] in ("!", "^")
    inside = text[1:] if negated else text
    parts = []
    at = 0
    while at < len(inside):
        if inside[at + 1 : at + 2] == "-" and at + 2 < len(inside):
            low, high = inside[at], inside[at + 2]
            if low <= high:  # a range the wrong way round has no characters
                parts.append(f"{re.escape(low)}-{re.escape(high)}")
            at += 3
        else:
            parts.append(re.escape(inside[at]))
            at += 1
    body = "".join(parts)
    if negated:
        return f"[^/{body}]"
    return f"(?!/)[{body}]" if body else "(?!)"


# --- what a listing of an image is


@dataclass(frozen=True, slots=True)
class Listing:
    """All versions of one image that were asked for, and what a report on its metadata alone tells. It is redacted."""

    report: Report
    selected: Callable[[], Iterator[FileRow]]
    """The rows; each call begins anew."""
    names: Names

    @property
    def image(self) -> ImageRow:
        return self.report.image

    @property
    def dead_bytes(self) -> int:
        """Of the whole image, whatever was selected: contents that nobody can reach, hard links counted once."""
        return self.report.summary.dead_bytes

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self.report.problems
