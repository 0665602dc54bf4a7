"""asar, the archives of Electron: a JSON directory in a Chromium pickle, then the files one after another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from imgscan.layers.unpack.content import Content
from imgscan.layers.unpack.unpacker import Damaged, Inner, Opaque

_LONGEST_DIRECTORY = 16 << 20


class AsarUnpacker:
    """Packed files; those marked `unpacked` lie beside the archive."""

    name = "asar"
    magic = rb'\x04\0\0\0.{8}.{4}\{"files"'
    certain = True
    streams = False

    def unpack(self, content: Content) -> Iterator[Inner | Opaque]:
        """In the directory's order."""
        head = content.read_at(0, 16)
        size, length = int.from_bytes(head[4:8], "little"), int.from_bytes(head[12:16], "little")
        if length > _LONGEST_DIRECTORY:
            raise Damaged(f"a directory of {length:,} bytes")
        try:
            directory = json.loads(content.read_at(16, length))
        except (ValueError, RecursionError):
            raise Damaged("its directory is no JSON") from None
        for path, entry in _files(directory):
            offset, count = entry.get("offset"), entry.get("size")
            if (
                isinstance(offset, str)
                and offset.isascii()
                and offset.isdigit()
                and isinstance(count, int)
                and count > 0
            ):
                yield Inner(path, content.stream(8 + size + int(offset[:20]), count))


def _files(directory: object) -> Iterator[tuple[str, dict[str, Any]]]:
    waiting: list[tuple[str, object]] = [("", directory)]
    while waiting:
        path, entry = waiting.pop()
        if not isinstance(entry, dict):
            continue
        files = entry.get("files")
        if isinstance(files, dict):
            waiting += [(f"{path[-1024:]}/{name}" if path else name, files[name]) for name in reversed(files)]
        elif "offset" in entry:
            yield path, entry
