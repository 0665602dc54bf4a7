"""Java class files (JVM specification, chapter 4): which name a string constant is given to.

The strings themselves are bytes of the file, and are searched there. A password has no form of its own, and its name
lies elsewhere: in a constant field, or in the instruction behind the one that loads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO

from imgscan.layers.unpack.content import Content
from imgscan.layers.unpack.unpacker import Form, Inner, Opaque
from imgscan.secrets.names import Strength, strength

_LARGEST = 4 << 20
_TELLING = re.compile(rb"passw|passwd|secret|token|credential|api_?key|access_?key|private_?key|pwd", re.IGNORECASE)
_SIZES = {3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4, 19: 2, 20: 2}
_UTF8, _LONG, _DOUBLE, _STRING, _NAME_AND_TYPE = 1, 5, 6, 8, 12
_REFERENCES = (9, 10, 11)
# ldc or ldc_w of a string, then putfield, putstatic, invokevirtual or invokeinterface; or two strings before a call.
_LOAD = rb"(?:\x12(.)|\x13(..))"
_STORED = re.compile(_LOAD + rb"[\xb5\xb3\xb6\xb9](..)", re.DOTALL)
_PAIRED = re.compile(_LOAD + _LOAD + rb"[\xb6\xb8\xb9]", re.DOTALL)


class JavaClassUnpacker:
    """Assignments of string constants to names that say secret, as lines of source."""

    name = "Java class"
    magic = rb"\xca\xfe\xba\xbe\0.\0[\x2d-\x60]"
    certain = False
    streams = False

    def unpack(self, content: Content) -> Iterator[Inner | Opaque]:
        """One text, if there is anything to tell."""
        data = content.read_at(0, _LARGEST)
        if not _TELLING.search(data):
            return
        pool = _Pool(data)
        found = dict.fromkeys([*_constants(pool, data), *_assigned(pool, data)])
        lines = [
            b'%s = "%s"\n' % (name.encode(), value) for name, value in found if strength(name) is not Strength.NONE
        ]
        if lines:
            yield Inner("constants", BytesIO(b"".join(lines)), Form.ENCODING)


class _Pool:
    """The constant pool: strings by index, and names by the index of a field or method reference."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._entries: dict[int, tuple[int, int]] = {}  # index -> tag, offset of what follows it
        count = int.from_bytes(data[8:10], "big")
        index, at = 1, 10
        while index < count and at < len(data):
            tag = data[at]
            self._entries[index] = (tag, at + 1)
            if tag == _UTF8:
                at += 3 + int.from_bytes(data[at + 1 : at + 3], "big")
            elif tag in _SIZES:
                at += 1 + _SIZES[tag]
            else:
                break
            index += 2 if tag in (_LONG, _DOUBLE) else 1
        self.end = at

    def number(self, at: int) -> int:
        return int.from_bytes(self._data[at : at + 2], "big")

    def text(self, index: int) -> bytes:
        """A CONSTANT_Utf8, b"" if `index` is none."""
        tag, at = self._entries.get(index, (0, 0))
        return self._data[at + 2 : at + 2 + self.number(at)] if tag == _UTF8 else b""

    def string(self, index: int) -> bytes:
        """What a CONSTANT_String says, b"" if `index` is none."""
        tag, at = self._entries.get(index, (0, 0))
        return self.text(self.number(at)) if tag == _STRING else b""

    def member(self, index: int) -> str:
        """The name of a field or method that is referred to."""
        tag, at = self._entries.get(index, (0, 0))
        tag, at = self._entries.get(self.number(at + 2), (0, 0)) if tag in _REFERENCES else (0, 0)
        return _as_name(self.text(self.number(at))) if tag == _NAME_AND_TYPE else ""


def _constants(pool: _Pool, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Fields with a ConstantValue."""
    at = pool.end + 6
    at += 2 + 2 * pool.number(at)
    fields, at = pool.number(at), at + 2
    for _ in range(fields):
        name, attributes, at = pool.number(at + 2), pool.number(at + 6), at + 8
        for _ in range(attributes):
            if at >= len(data):
                return
            if pool.text(pool.number(at)) == b"ConstantValue" and (value := pool.string(pool.number(at + 6))):
                yield _as_name(pool.text(name)), value
            at += 6 + int.from_bytes(data[at + 2 : at + 6], "big")


def _assigned(pool: _Pool, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Strings that are stored in a field, given to a setter, or put under a key."""
    for match in _STORED.finditer(data, pool.end):
        value = pool.string(int.from_bytes(match[1] or match[2], "big"))
        name = pool.member(int.from_bytes(match[3], "big")) if value else ""
        if name:
            yield name.removeprefix("set"), value
    for match in _PAIRED.finditer(data, pool.end):
        key = pool.string(int.from_bytes(match[1] or match[2], "big"))
        value = pool.string(int.from_bytes(match[3] or match[4], "big"))
        if key and value and len(key) < 100:
            yield _as_name(key), value


def _as_name(text: bytes) -> str:
    name = text.decode("utf-8", "replace")
    return name if re.fullmatch(r"[\w.$-]{1,100}", name) else ""
