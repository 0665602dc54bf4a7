"""The loose objects of a layer's git repositories: what its commits and trees say of the files among them.

Known once the layer has ended, as objects lie in the order of their digests. A repository whose objects are in several
layers or packs is named as far as one layer's loose objects allow.
"""

from __future__ import annotations

import re
from dataclasses import replace

from imgscan.evidence import Match
from imgscan.image.compression import Compression, CorruptStream, EmbeddedStream
from imgscan.layers.unpack.content import Content, read_exactly
from imgscan.layers.unpack.git_objects import Names

_OBJECT = re.compile(r"(?:.*/)?objects/([0-9a-f]{2})/([0-9a-f]{38})", re.DOTALL)
_LARGEST = 1 << 20
"""Bytes of a tree or commit that is read; more than a directory of 20,000 files takes."""


class GitFolder:
    """Is shown every container of a layer; then names the files of git that matches are in."""

    def __init__(self) -> None:
        self._names = Names()
        self._blobs: dict[int, bytes] = {}

    def see(self, member: int, path: str, content: Content) -> None:
        """A member that may be a loose object, by its path."""
        match = _OBJECT.fullmatch(path)
        if match is None:
            return
        digest = bytes.fromhex(match[1] + match[2])
        stream = EmbeddedStream(content.stream(), Compression.ZLIB)
        try:
            data = read_exactly(stream, 16)
            kind = data.partition(b" ")[0]
            if kind == b"blob":
                self._blobs[member] = digest
            elif kind in (b"tree", b"commit"):
                data += read_exactly(stream, _LARGEST)
                self._names.add(kind.decode(), digest, data.partition(b"\0")[2])
        except CorruptStream:
            return

    def named(self, match: Match) -> Match:
        """A match in an object, told of the file that the object was."""
        digest = self._blobs.get(match.member)
        if digest is None or match.inner_path is None or match.inner_path.split("!/")[0] != "blob":
            return match
        return replace(match, inner_path=self._names.of("blob", digest) + match.inner_path[len("blob") :])
