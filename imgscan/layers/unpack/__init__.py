"""Containers and encodings inside files: how to get at what they hold, one file a format.

The order counts where magics overlap: the first that fits opens a content.
"""

from __future__ import annotations

import re
from mmap import mmap

from imgscan.layers.unpack.ar_archive import ArUnpacker
from imgscan.layers.unpack.asar_archive import AsarUnpacker
from imgscan.layers.unpack.compressed import BZIP2, GZIP, LZ4, XZ, ZSTD
from imgscan.layers.unpack.cpio_archive import CpioUnpacker
from imgscan.layers.unpack.git_pack import GitPackUnpacker
from imgscan.layers.unpack.java_class import JavaClassUnpacker
from imgscan.layers.unpack.pdf import PdfUnpacker
from imgscan.layers.unpack.rpm_package import RpmUnpacker
from imgscan.layers.unpack.script_archive import ScriptArchiveUnpacker
from imgscan.layers.unpack.seven_zip import SevenZipUnpacker
from imgscan.layers.unpack.sqlite_database import SqliteUnpacker
from imgscan.layers.unpack.tar_archive import TarUnpacker
from imgscan.layers.unpack.unpacker import Unpacker
from imgscan.layers.unpack.unsupported import UNSUPPORTED
from imgscan.layers.unpack.wide_strings import WideStringsUnpacker
from imgscan.layers.unpack.wide_text import WideTextUnpacker
from imgscan.layers.unpack.zip_archive import ZipUnpacker
from imgscan.layers.unpack.zlib_stream import ZlibUnpacker

UNPACKERS: tuple[Unpacker, ...] = (
    ZipUnpacker(),
    GZIP,
    BZIP2,
    XZ,
    ZSTD,
    LZ4,
    ArUnpacker(),
    CpioUnpacker(),
    RpmUnpacker(),
    SevenZipUnpacker(),
    AsarUnpacker(),
    SqliteUnpacker(),
    GitPackUnpacker(),
    JavaClassUnpacker(),
    PdfUnpacker(),
    ScriptArchiveUnpacker(),
    *UNSUPPORTED,
    TarUnpacker(),
    ZlibUnpacker(),
    WideStringsUnpacker(),
    WideTextUnpacker(),
)

SNIFF = 512
"""Bytes of a content's beginning that tell what it is."""
_MAGIC = re.compile(b"|".join(b"(" + unpacker.magic + b")" for unpacker in UNPACKERS), re.DOTALL)


def unpacker_of(head: bytes | bytearray | memoryview | mmap, start: int = 0, size: int = SNIFF) -> Unpacker | None:
    """The unpacker for a content that begins at `head[start]` and is `size` bytes long, None where it is no container.

    Takes a third of a microsecond, which is what every file of a layer pays for unpacking.
    """
    match = _MAGIC.match(head, start, start + min(size, SNIFF))
    return UNPACKERS[match.lastindex - 1] if match is not None and match.lastindex is not None else None
