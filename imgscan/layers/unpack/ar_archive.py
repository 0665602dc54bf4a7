"""ar: Debian packages. Formats: ar(5), deb(5)."""

from __future__ import annotations

from collections.abc import Iterator

from imgscan.layers.unpack.content import Content
from imgscan.layers.unpack.unpacker import Damaged, Inner, Opaque

_HEADER = 60
_SYMBOL_TABLES = (b"/ ", b"// ", b"/SYM64/ ", b"__.SYMDEF")


class ArUnpacker:
    """Members of an archive. One with a symbol table is a library: its object files are searched as they lie in it."""

    name = "ar"
    magic = rb"!<arch>\n"
    certain = True
    streams = False

    def unpack(self, content: Content) -> Iterator[Inner | Opaque]:
        """In stored order."""
        at = 8
        while at + _HEADER <= content.size:
            header = content.read_at(at, _HEADER)
            if header[58:] != b"`\n":
                raise Damaged(f"no header at byte {at}")
            if at == 8 and (header.startswith(_SYMBOL_TABLES) or b"SYMDEF" in content.read_at(at + _HEADER, 32)):
                return
            digits = header[48:58].strip()
            if not digits.isdigit():
                raise Damaged(f"no size at byte {at}")
            size = int(digits)
            start, name = at + _HEADER, header[:16].rstrip()
            if name.startswith(b"#1/") and name[3:].isdigit():  # BSD: the name is in front of the data
                length = min(int(name[3:]), size, 4096)
                name = content.read_at(start, length).rstrip(b"\0")
                start, size = start + length, size - length
            yield Inner(name.rstrip(b"/").decode("utf-8", "replace"), content.stream(start, size))
            at = start + size + (start + size) % 2
        if at < content.size or at > content.size + 1:
            raise Damaged(f"it ends within a member, at byte {content.size}")
