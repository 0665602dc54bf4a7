"""What became of a file version."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from imgscan.evidence import Member


class FateKind(StrEnum):
    """What became of a file version."""

    PRESENT = "present"
    DELETED = "deleted"
    """Removed by a whiteout of it or of a directory above it, an opaque directory, or a change of type above it."""
    OVERWRITTEN = "overwritten"
    """A later entry has another content at its path."""
    REWRITTEN = "rewritten"
    """A later entry has the same bytes at its path (chown, chmod, touch): nothing was lost."""


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


PRESENT = Fate(FateKind.PRESENT)
