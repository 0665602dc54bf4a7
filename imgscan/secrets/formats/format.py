"""What every reader of a small file of known form is, and what readers share."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from imgscan.evidence import Confidence, Validation
from imgscan.secrets import placeholders
from imgscan.secrets.detector import Candidate
from imgscan.secrets.judgement import PLACEHOLDER


@dataclass(frozen=True, slots=True)
class Format:
    """One form of file, and where such files lie.

    `paths` are ends of a path at a slash: `.aws/credentials` is any file of that name in any directory `.aws`. A `*`
    in the last component stands for one or more characters.
    """

    name: str
    title: str
    """What the file is, to a reader: `Docker client's configuration`."""
    paths: tuple[str, ...]
    read: Callable[[str, bytes], Iterable[Candidate]]
    """Is given the path and the whole content. Places count in bytes of the content, values are Latin-1 text of bytes.
    ValueError where the content is not of this form."""
    decodes: str
    """What is found in it, for the documentation."""
    max_size: int = 1 << 20
    """Bytes; a larger file is no settings file of this form, and its contents are matched as any other's."""


@dataclass(frozen=True, slots=True, repr=False)
class Leaf:
    """A value of a document, the keys that lead to it, and where its spelling stands; its repr shows nothing."""

    path: tuple[str, ...]
    value: str
    start: int
    end: int

    @property
    def key(self) -> str:
        return self.path[-1] if self.path else ""


def secret(
    data: str,
    kind: str,
    value: str,
    start: int,
    end: int,
    *,
    name: str | None = None,
    key: str | None = None,
    confidence: Confidence = Confidence.HIGH,
    validation: Validation = Validation.NONE,
) -> Candidate:
    """The candidate of a value that is spelled between `start` and `end` of the file's text.

    `key` is what it is assigned to, where a value that repeats it is a placeholder.
    """
    spelled = data[start:end]
    reason = placeholders.reason(value, key)
    return Candidate(
        kind=kind,
        start=start,
        end=end,
        value=value,
        name=name[:LONGEST_NAME] if name else None,
        confidence=Confidence.LOW if reason else confidence,
        validation=validation,
        suppressed=PLACEHOLDER if reason else "",
        spelling=spelled if spelled != value else "",
    )


LONGEST_NAME = 200


def text_of(data: bytes) -> str:
    """One character a byte."""
    return data.decode("latin-1")


def latin1(text: str) -> str:
    """Text as the Latin-1 text of its UTF-8 bytes, which is how values of files are written."""
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("latin-1")


_BASE64 = re.compile(r"[A-Za-z0-9+/_=\s-]+")
_URL_SAFE = str.maketrans("-_", "+/")


def from_base64(text: str) -> str | None:
    """The bytes that a text is the base64 of (either alphabet, with or without padding), as Latin-1 text."""
    if not _BASE64.fullmatch(text):
        return None
    body = "".join(text.split()).rstrip("=").translate(_URL_SAFE)
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4), validate=True).decode("latin-1")
    except binascii.Error:
        return None


_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})")


def unquoted(text: str) -> str:
    """A part of a URL without its percent escapes (RFC 3986 section 2.1)."""
    return _PERCENT.sub(lambda match: chr(int(match[1], 16)), text)


def printable(text: str) -> bool:
    """Whether the Latin-1 text of some bytes reads as text: printable UTF-8, blanks and line ends."""
    try:
        decoded = text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return False
    return bool(decoded) and all(character.isprintable() or character in "\t\r\n" for character in decoded)
