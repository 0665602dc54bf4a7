"""Who a container runs as: the configured user, resolved through the image's own etc/passwd and etc/group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from imgscan.errors import Effect
from imgscan.evidence import LayerScan, Member, MemberKind
from imgscan.image.image import Image
from imgscan.overlay import Overlay

Row = tuple[str | int | None, ...]


class Evidence(Protocol):
    """What is needed of the evidence."""

    @property
    def image(self) -> Image: ...
    @property
    def scans(self) -> tuple[LayerScan, ...]: ...
    @property
    def overlay(self) -> Overlay: ...
    def rows_at(self, kind: str, path: str) -> tuple[Row, ...] | None: ...


@dataclass(frozen=True, slots=True)
class EffectiveUser:
    """The user a container of an image starts with.

    `uid` is None where the name cannot be resolved: `exists` tells whether that keeps the container from starting.
    `groups` are all group ids, the primary one first. `missing` says what does not exist (`user ghost`).
    """

    spec: str
    """`config.User` as stored."""
    uid: int | None
    gid: int | None
    name: str | None
    groups: tuple[int, ...]
    implicit: bool
    """Nobody chose this user: the config has none."""
    exists: bool = True
    missing: str = ""

    @property
    def is_root(self) -> bool:
        return self.uid == 0

    @property
    def label(self) -> str:
        """`root (implicit)`, `appuser (uid 999)`, `uid 1000`."""
        if self.implicit:
            return "root (implicit)" if self.is_root else "the base image's default (implicit)"
        if self.missing:
            return f"{self.spec} (no such {self.missing.partition(' ')[0]})"
        if self.uid is None:
            return self.name or self.spec
        if self.name == "root" and self.uid == 0:
            return "root"
        return f"{self.name} (uid {self.uid})" if self.name else f"uid {self.uid}"


class Access(IntEnum):
    """What is asked of a file's mode; the value is its bit for others."""

    READ = 4
    WRITE = 2
    EXECUTE = 1


def effective_user(evidence: Evidence) -> EffectiveUser:
    """Resolve the config's user as runtimes do (moby/sys/user, GetExecUser).

    `user[:group]`, each a name or a number; a number is always an id; the first line that fits wins; an id without
    a line is fine, a name without one is not. Where a layer or the file was not read, a name that is not found stays
    unresolved instead of missing.
    """
    config = evidence.image.config
    if config.platform.os == "windows":
        return _windows_user(config.user)
    users = evidence.rows_at("accounts", "etc/passwd")
    groups = evidence.rows_at("accounts", "etc/group")
    unread = (
        (evidence.image.layers and not evidence.scans)
        or any(problem.effect is not Effect.NOTE for problem in evidence.image.problems)
        or any(
            rows is None and evidence.overlay.resolve(path) is not None
            for rows, path in ((users, "etc/passwd"), (groups, "etc/group"))
        )
    )
    return resolve(config.user, users or (), groups or (), read=not unread)


def resolve(spec: str, users: Sequence[Row], groups: Sequence[Row], *, read: bool = True) -> EffectiveUser:
    """The user that `spec` means, given the rows of the accounts extractor; `read` False where not all were got."""
    wanted, _, wanted_group = spec.strip().partition(":")
    wanted_group = wanted_group.partition(":")[0]
    number = _number(wanted) if wanted else 0
    row = next((row for row in users if row[0] == "user" and _fits(row, wanted, number)), None)
    name: str | None
    if row is not None:
        name = str(row[1])
        uid, gid = _id(row[2]), _id(row[3])
    elif number is not None:
        name, uid, gid = ("root" if number == 0 else None), number, 0
    elif wanted == "root":
        # Some runtimes know root without a line for it, others refuse: the one that starts runs as root.
        name, uid, gid = "root", 0, 0
    else:
        missing = f"user {wanted}" if read else ""
        return EffectiveUser(spec, None, None, wanted, (), implicit=False, exists=not missing, missing=missing)
    gids, missing = _group_ids(wanted_group, name, gid, groups)
    if missing and not read:
        missing = ""
    return EffectiveUser(spec, uid, gids[0], name, gids, implicit=not spec.strip(), exists=not missing, missing=missing)


def _group_ids(wanted: str, user: str | None, primary: int, groups: Sequence[Row]) -> tuple[tuple[int, ...], str]:
    """All group ids, primary first, and what is missing. A named group replaces the user's own and adds none."""
    rows = [row for row in groups if row[0] == "group"]
    if not wanted:
        others = {_id(row[2]) for row in rows if user and user in str(row[3]).split(",")}
        return (primary, *sorted(others - {primary})), ""
    number = _number(wanted)
    row = next((row for row in rows if _fits(row, wanted, number)), None)
    if row is not None:
        return (_id(row[2]),), ""
    if number is not None:
        return (number,), ""
    return (primary,), "" if wanted == "root" else f"group {wanted}"


def _fits(row: Row, name: str, number: int | None) -> bool:
    return _id(row[2]) == number if number is not None else row[1] == name


def _id(value: str | int | None) -> int:
    return value if isinstance(value, int) else 0  # runtimes read a broken number as 0


def _number(text: str) -> int | None:
    digits = text.removeprefix("+")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 12 else None


def _windows_user(spec: str) -> EffectiveUser:
    """Windows has no uids; ContainerAdministrator is its root. Without a user the base image decides."""
    administrator = spec.rpartition("\\")[2].lower() in ("containeradministrator", "administrator")
    uid = 0 if administrator else None
    return EffectiveUser(spec, uid, None, spec or None, (), implicit=not spec)


def permits(user: EffectiveUser, member: Member, access: Access) -> bool:
    """Whether mode, owner and group of one entry let the user do this. Access lists and capabilities are not asked.

    A user who could not be resolved has the rights of others. Root reads and writes all, and executes what anyone may.
    """
    if user.is_root:
        return access is not Access.EXECUTE or bool(member.mode & 0o111) or member.kind is MemberKind.DIRECTORY
    if user.uid is not None and member.uid == user.uid:
        return bool(member.mode >> 6 & access)
    if member.gid in user.groups:
        return bool(member.mode >> 3 & access)
    return bool(member.mode & access)


def may_read(user: EffectiveUser, overlay: Overlay, path: str) -> bool:
    """Whether the user may read what is at `path` in the final file system; False where nothing is."""
    return _may(user, overlay, path, Access.READ)


def may_execute(user: EffectiveUser, overlay: Overlay, path: str) -> bool:
    """Whether the user may execute what is at `path` in the final file system; False where nothing is."""
    return _may(user, overlay, path, Access.EXECUTE)


def _may(user: EffectiveUser, overlay: Overlay, path: str, access: Access) -> bool:
    version = overlay.resolve(path)
    if version is None or not permits(user, version.member, access):
        return False
    # The directories of the name as given and of where it leads; those inside a chain of links are not asked.
    return all(
        directory is None or permits(user, directory.member, Access.EXECUTE)
        for name in {path, version.path}
        for directory in map(overlay.resolve, _directories(name))
    )


def _directories(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
