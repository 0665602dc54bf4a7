"""What every detector is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from imgscan.evidence import Confidence, Validation


@dataclass(frozen=True, slots=True)
class Nominator:
    """A core pattern: no `^ $ \\b`, no look-around, no unbounded tail, at most `NOMINATOR_SPAN` bytes long.

    It must match, at any place in raw bytes, a superset of what its detector confirms. `caseless` is ASCII only.
    The syntax is what Hyperscan and Python's `re` (bytes) both accept; `.` is any byte.
    """

    pattern: str
    caseless: bool = False
    config_only: bool = False
    """Its nominations mean something only in files where quotes are optional (`syntax.Syntax.CONFIG`)."""


NOMINATOR_SPAN = 512
"""Longest run of bytes a nominator may match; blocks overlap by it."""


@dataclass(frozen=True, slots=True)
class Window:
    """The bytes round a nominated place, clipped to the member.

    `data` is latin-1 text (one character per byte); `at` is the index in `data` where the nomination ended.
    `starts_member` and `ends_member` tell whether the window's edge is the member's own.
    """

    path: str
    data: str
    at: int
    starts_member: bool
    ends_member: bool


@dataclass(frozen=True, slots=True, repr=False)
class Candidate:
    """A confirmed secret in a window: plaintext, so it never leaves the map step; its repr shows nothing.

    `start` and `end` are indexes into the window's data and span the full secret.
    `suppressed` names the reason why it is set aside (`placeholder`), empty where it counts.
    """

    kind: str
    start: int
    end: int
    value: str
    name: str | None = None
    confidence: Confidence = Confidence.HIGH
    validation: Validation = Validation.NONE
    suppressed: str = ""
    suppressed_by: str = ""
    """Who says so, where it is not the value itself."""
    companion: str = ""
    """The other half of the credential, redacted: `access key ID AKIA...7QX2`."""
    spelling: str = ""
    """What stands between `start` and `end` where that is not the value but an encoding of it."""


class Detector(Protocol):
    """One kind of credential, or a group that shares nominators."""

    @property
    def id(self) -> str: ...

    @property
    def version(self) -> int:
        """Rises whenever equal bytes would be confirmed differently."""
        ...

    @property
    def nominators(self) -> tuple[Nominator, ...]: ...

    @property
    def before(self) -> int:
        """Bytes of context wanted before the nominated place; at most 64 KiB."""
        ...

    @property
    def after(self) -> int:
        """Bytes of context wanted after it; at most 64 KiB."""
        ...

    def confirm(self, window: Window) -> Iterable[Candidate]:
        """All secrets that the nomination at `window.at` is part of; linear in the window. May yield none."""
        ...
