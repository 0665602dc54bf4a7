"""The reduce step: the layers of an image stacked into every version of every file, each with its fate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from imgscan.evidence import LayerScan, Member


class FateKind(StrEnum):
    """What became of a file version."""

    PRESENT = "present"
    DELETED = "deleted"
    """Removed by a whiteout of it or of a directory above it, an opaque directory, or a change of type above it."""
    OVERWRITTEN = "overwritten"
    """A later layer has another content at its path."""
    REWRITTEN = "rewritten"
    """A later layer has the same bytes at its path (chown, chmod, touch): nothing was lost."""


@dataclass(frozen=True, slots=True)
class Fate:
    """`by_layer` is the layer that ended the version, None for PRESENT."""

    kind: FateKind
    by_layer: int | None = None


@dataclass(frozen=True, slots=True)
class FileVersion:
    """One version of one path: the member of the layer that brought it, and what became of it."""

    layer: int
    member: Member
    fate: Fate

    @property
    def path(self) -> str:
        return self.member.path

    @property
    def present(self) -> bool:
        return self.fate.kind is FateKind.PRESENT


class Overlay:
    """Every version of every file of an image. Paths have no leading slash; `""` is the root."""

    def __init__(self, scans: Sequence[LayerScan]) -> None: ...

    def version_of(self, layer: int, member: int) -> FileVersion:
        """The version that member `member` of layer `layer` is; a hard link's own, not its target's."""
        raise NotImplementedError

    def content_fate(self, layer: int, member: int) -> Fate:
        """The fate of the bytes behind a member: that of the most alive of the hard links that share them."""
        raise NotImplementedError

    def versions(self, path: str | None = None) -> Iterator[FileVersion]:
        """All versions in path order, then layer order; or those of one path."""
        raise NotImplementedError

    def final(self, path: str) -> FileVersion | None:
        """What is at `path` in the final file system; symlinks are not followed."""
        raise NotImplementedError

    def resolve(self, path: str) -> FileVersion | None:
        """What `path` leads to in the final file system, symlinks followed inside the image as chroot would.

        A hard link resolves to the version that holds its bytes. None where it leads nowhere or in a loop.
        """
        raise NotImplementedError

    def listdir(self, path: str) -> list[FileVersion]:
        """The final entries directly in directory `path`, by name; empty where it is no directory."""
        raise NotImplementedError

    def dead_bytes(self) -> int:
        """Bytes of file contents no longer reachable in the final file system, hard links counted once."""
        raise NotImplementedError
