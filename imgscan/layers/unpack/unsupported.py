"""Containers that are known by their first bytes and that nothing here opens: told, not passed over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgscan.layers.unpack.content import Content
from imgscan.layers.unpack.unpacker import Inner, Opaque


@dataclass(frozen=True, slots=True)
class UnsupportedUnpacker:
    """One format, or a group of them."""

    name: str
    magic: bytes
    certain: bool = True
    streams: bool = False

    def unpack(self, content: Content) -> Iterator[Inner | Opaque]:
        """One opaque entry for all that it holds."""
        yield Opaque("", f"{self.name}: not supported", content.size)


UNSUPPORTED = (
    UnsupportedUnpacker("squashfs", rb"(?:hsqs|sqsh).{24}\x04\0\0\0"),
    UnsupportedUnpacker("rar", rb"Rar!\x1a\x07"),
    UnsupportedUnpacker("cab", rb"MSCF\0\0\0\0"),
    UnsupportedUnpacker("lzip", rb"LZIP\x01"),
    UnsupportedUnpacker("compress", rb"\x1f\x9d[\x80-\x9f]"),
    UnsupportedUnpacker("disk image", rb"(?:QFI\xfb|KDMV|conectix|vhdxfile)"),
)
