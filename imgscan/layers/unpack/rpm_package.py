"""rpm packages: a lead, two headers, and a compressed cpio (rpm's docs/manual/format)."""

from __future__ import annotations

from collections.abc import Iterator

from imgscan.errors import Effect
from imgscan.image.compression import PlainStream
from imgscan.layers.unpack.content import Content
from imgscan.layers.unpack.unpacker import Damaged, Form, Inner, Opaque

_LEAD = 96
_HEADER = 16


class RpmUnpacker:
    """The payload; the headers, with scripts in them, are plain text and are searched as they are."""

    name = "rpm"
    magic = rb"\xed\xab\xee\xdb"
    certain = True
    streams = False

    def unpack(self, content: Content) -> Iterator[Inner | Opaque]:
        """The payload as one content: a cpio."""
        at = _after_header(content, _LEAD)
        at = _after_header(content, (at + 7) // 8 * 8)
        yield Inner("payload.cpio", _Payload(content, at), Form.WHOLE)


def _after_header(content: Content, at: int) -> int:
    head = content.read_at(at, _HEADER)
    if len(head) < _HEADER or head[:3] != b"\x8e\xad\xe8":
        raise Damaged(f"no header at byte {at}")
    entries, size = int.from_bytes(head[8:12], "big"), int.from_bytes(head[12:16], "big")
    end = at + _HEADER + entries * 16 + size
    if end > content.size:
        raise Damaged("it ends within a header")
    return end


class _Payload:
    def __init__(self, content: Content, at: int) -> None:
        self._stream = PlainStream(content.stream(at))

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        if not data:
            for problem in self._stream.problems:
                if problem.effect is Effect.INCOMPLETE:
                    raise Damaged(problem.message)
        return data
