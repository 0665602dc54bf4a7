"""What a user of the container could put something else in the place of, by owner, mode and the directories above."""

from __future__ import annotations

from imgscan.accounts import Access, EffectiveUser, permits
from imgscan.evidence import MemberKind
from imgscan.overlay import FileVersion, Overlay

STICKY = 0o1000
"""In a directory: only owners may rename and delete."""

DEEPEST = 64
"""Directories above a file that are looked at, from the root on: a hostile path has 2,000."""

OTHERS = EffectiveUser("", None, None, None, (), implicit=False)
"""Somebody who owns nothing and is in no group."""


def may_change(user: EffectiveUser, version: FileVersion) -> bool:
    """Whether the user may write to one file or directory, or make it writable as its owner."""
    owns = user.uid is not None and version.member.uid == user.uid
    return owns or permits(user, version.member, Access.WRITE)


def weak_point(user: EffectiveUser, overlay: Overlay, path: str) -> FileVersion | None:
    """Where the user may write in order to replace what `path` leads to: the uppermost such directory, else the file.

    Looks along the name as given and along where it leads. A directory that no layer has an entry for is taken for
    root's. None where the user can do nothing, or nothing is there.
    """
    version = overlay.resolve(path)
    if version is None:
        return None
    in_reach = False
    for name in dict.fromkeys((path, version.path)):
        found, reached = _weak_directory(user, overlay, name)
        if found is not None:
            return found
        in_reach = in_reach or reached
    kinds = (MemberKind.FILE, MemberKind.DIRECTORY)
    return version if in_reach and version.member.kind in kinds and may_change(user, version) else None


def _weak_directory(user: EffectiveUser, overlay: Overlay, path: str) -> tuple[FileVersion | None, bool]:
    """The uppermost directory above `path` in which the user may put another entry in the place of the next one.

    And whether the user may go through all directories above.
    """
    parts = path.split("/")
    for depth in range(min(len(parts), DEEPEST)):
        directory = overlay.resolve("/".join(parts[:depth]))
        if directory is None or directory.member.kind is not MemberKind.DIRECTORY:
            continue
        if not permits(user, directory.member, Access.EXECUTE) and directory.member.uid != user.uid:
            return None, False
        entry = overlay.final("/".join(parts[: depth + 1]))
        if may_change(user, directory) and _may_replace(user, directory, entry):
            return directory, True
    return None, True


def _may_replace(user: EffectiveUser, directory: FileVersion, entry: FileVersion | None) -> bool:
    if entry is None or not directory.member.mode & STICKY:
        return True
    return user.uid is not None and user.uid in (directory.member.uid, entry.member.uid)
