"""Programs and databases of Windows and macOS hold text in UTF-16 between other bytes: PE files, registry hives,
OLE documents (doc, xls, msi), `.DS_Store`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgscan.layers.unpack.content import CHUNK, Content
from imgscan.layers.unpack.unpacker import Form, Inner, Opaque

_RUN = re.compile(rb"(?:[\t\n\r\x20-\x7e]\0){8,}|(?:\0[\t\n\r\x20-\x7e]){8,}")
_LONGEST = 64 << 10


class WideStringsUnpacker:
    """Runs of at least eight ASCII characters in UTF-16, a line each; everything else is searched as it is."""

    name = "UTF-16 strings"
    magic = rb"(?:MZ.{58}.{2}\0\0|regf|\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1|\0\0\0\x01Bud1)"
    certain = False
    streams = False

    def unpack(self, content: Content) -> Iterator[Inner | Opaque]:
        """One text of all runs, in order."""
        yield Inner("utf-16", _Strings(content), Form.ENCODING)


class _Strings:
    def __init__(self, content: Content) -> None:
        self._content = content
        self._at = 0
        self._rest = b""

    def read(self, size: int, /) -> bytes:
        while not self._rest and self._at < self._content.size:
            data = self._content.read_at(self._at, CHUNK + _LONGEST)
            if not data:
                break
            last = self._at + len(data) >= self._content.size
            lines = []
            done = len(data) if last else CHUNK
            for match in _RUN.finditer(data):
                if not last and match.start() >= CHUNK:
                    break
                done = max(done, match.end())
                lines.append(match[0].replace(b"\0", b""))
            self._at += max(done, 1)
            self._rest = b"".join(line + b"\n" for line in lines)
        data, self._rest = self._rest[:size], self._rest[size:]
        return data
