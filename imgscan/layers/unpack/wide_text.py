"""Text in UTF-16 and UTF-32, as Windows writes it: the same text in UTF-8."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from imgscan.image.blob import Readable
from imgscan.layers.unpack.content import Content
from imgscan.layers.unpack.unpacker import Form, Inner, Opaque

_MARKS = (  # the longer ones first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CHARACTER = rb"[\t\n\r\x20-\x7e]"


class WideTextUnpacker:
    """Files that begin with a byte order mark, or with ASCII characters that are two or four bytes wide."""

    name = "UTF-16"
    magic = (
        rb"(?:\xff\xfe|\xfe\xff|\0\0\xfe\xff|(?:"
        + _CHARACTER
        + rb"\0){8}|(?:\0"
        + _CHARACTER
        + rb"){8}|(?:"
        + _CHARACTER
        + rb"\0\0\0){4}|(?:\0\0\0"
        + _CHARACTER
        + rb"){4})"
    )
    certain = False
    streams = False

    def unpack(self, content: Content) -> Iterator[Inner | Opaque]:
        """The whole file."""
        head = content.read_at(0, 4)
        for mark, encoding in _MARKS:
            if head.startswith(mark):
                yield Inner(encoding[:6], _Decoded(content.stream(len(mark)), encoding), Form.ENCODING)
                return
        width = 32 if head.count(0) == 3 else 16
        order = "be" if head[0] == 0 else "le"
        yield Inner(f"utf-{width}", _Decoded(content.stream(), f"utf-{width}-{order}"), Form.ENCODING)


class _Decoded:
    """What is no text becomes a replacement character."""

    def __init__(self, stream: Readable, encoding: str) -> None:
        self._stream = stream
        self._decode = codecs.getincrementaldecoder(encoding)("replace")
        self._rest = b""
        self._ended = False

    def read(self, size: int, /) -> bytes:
        while not self._rest and not self._ended:
            data = self._stream.read(size)
            self._ended = not data
            self._rest = self._decode.decode(data, final=self._ended).encode("utf-8", "replace")
        data, self._rest = self._rest[:size], self._rest[size:]
        return data
