"""What every unpacker is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from imgscan.image.blob import Readable
from imgscan.layers.unpack.content import Content


class Damaged(Exception):
    """A container is not what its first bytes say, or breaks off. The message tells where; it quotes nothing."""


class Form(Enum):
    """What an inner stream is to the container."""

    FILE = "file"
    """A file with a path of its own."""
    WHOLE = "whole"
    """All of the content, compressed: if that is a container again, its path says nothing and is left out."""
    ENCODING = "encoding"
    """The same text in other bytes: its path is the encoding's name, and it is judged under the container's."""


@dataclass(frozen=True, slots=True)
class Inner:
    """One thing inside a container. `stream` is valid until the next one is asked for, and may raise Damaged.

    `path` is as stored: it names a place in a report, and nothing is ever written to it.
    """

    path: str
    stream: Readable
    form: Form = Form.FILE
    name: str = ""
    """What it is called, which tells its syntax; empty where that is its path."""


@dataclass(frozen=True, slots=True)
class Opaque:
    """One thing inside a container that cannot be read: encrypted, or in a format that is not supported."""

    path: str
    reason: str
    size: int = 0


class Unpacker(Protocol):
    """One format. It trusts no length, count, offset or path; what it takes to memory at once is bounded.

    Budgets are the caller's: it reads as much of each stream, and asks for as many, as it is willing to pay for.
    """

    @property
    def name(self) -> str:
        """For reports: `zip`, `gzip`."""
        ...

    @property
    def magic(self) -> bytes:
        """A pattern for the beginning of a content's first 512 bytes, without groups; `.` is any byte."""
        ...

    @property
    def certain(self) -> bool:
        """The magic proves the format: what then cannot be read is told. Otherwise it is no container after all."""
        ...

    @property
    def streams(self) -> bool:
        """It reads a content once, in order, and yields all that a search of the content's own bytes would find.

        Inside other containers such a content is neither kept nor searched a second time.
        """
        ...

    def unpack(self, content: Content) -> Iterator[Inner | Opaque]:
        """All that is in it, in a fixed order. Raises Damaged where it cannot go on."""
        ...
