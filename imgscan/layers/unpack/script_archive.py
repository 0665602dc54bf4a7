"""Scripts with an archive behind them: executable jars, Python's zip applications, self-extracting installers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgscan.layers.unpack.content import Content
from imgscan.layers.unpack.unpacker import Form, Inner, Opaque

_END_OF_ZIP = 22
_REACH = 256 << 10
"""Bytes of a script in which its payload must begin."""
_PAYLOAD = re.compile(rb"\n(?=\x1f\x8b\x08|\xfd7zXZ\0|BZh[1-9]1AY&SY|\x28\xb5\x2f\xfd|PK\x03\x04)")


class ScriptArchiveUnpacker:
    """What follows a script. The offsets in such a zip may count from the script's beginning or from its end."""

    name = "script"
    magic = rb"\x23![\x20/]"
    certain = False
    streams = False

    def unpack(self, content: Content) -> Iterator[Inner | Opaque]:
        """One content: the zip that the file ends with, else what begins behind a line of the script."""
        if content.read_at(content.size - _END_OF_ZIP, 4) == b"PK\x05\x06":
            start = content.read_at(0, _REACH).find(b"PK\x03\x04")
        else:
            match = _PAYLOAD.search(content.read_at(0, _REACH))
            start = match.end() if match is not None else -1
        if start > 0:
            yield Inner("payload", content.stream(start), Form.WHOLE)
