"""Every way a layer blob may be compressed, including the legal oddities."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import sys
from collections.abc import Callable

GZIP_LEVEL = 6


def compress(data: bytes, how: str = "gzip") -> bytes:
    """`data` compressed as `how` (a key of COMPRESSIONS) says; deterministic."""
    return COMPRESSIONS[how](data)


def media_suffix(how: str) -> str:
    """What the OCI media type of such a layer ends with (image-spec, media-types.md knows gzip and zstd only)."""
    return {"gzip": "+gzip", "zstd": "+zstd"}.get(how.partition("-")[0], "")


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, GZIP_LEVEL, mtime=0)


def _gzip_members(data: bytes) -> bytes:
    """Members cut at odd places, as pigz -i and stargz make them."""
    step = max(len(data) // 3, 1)
    return b"".join(_gzip(data[at : at + step]) for at in range(0, max(len(data), 1), step))


def _zstd(data: bytes) -> bytes:
    if sys.version_info >= (3, 14):
        from compression import zstd  # ty: ignore
    else:
        from backports import zstd
    return zstd.compress(data, 3)


def _zstd_frames(data: bytes) -> bytes:
    step = max(len(data) // 3, 1)
    return b"".join(_zstd(data[at : at + step]) for at in range(0, max(len(data), 1), step))


def skippable_frame(payload: bytes, nibble: int = 0) -> bytes:
    """RFC 8878, 3.1.2: magic 0x184D2A50 to 5F, length, anything."""
    return struct.pack("<II", 0x184D2A50 + nibble, len(payload)) + payload


def zstd_stored(data: bytes) -> bytes:
    """A zstd frame of raw blocks (RFC 8878, 3.1.1): no compressor needed, the same bytes with every library."""
    header = struct.pack("<I", 0xFD2FB528) + bytes([0xE0]) + struct.pack("<Q", len(data))  # single segment, 8-byte size
    step = 1 << 17
    blocks = [data[at : at + step] for at in range(0, len(data), step)] or [b""]
    last = len(blocks) - 1
    return header + b"".join(
        ((len(block) << 3) | (at == last)).to_bytes(3, "little") + block for at, block in enumerate(blocks)
    )


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "none": lambda data: data,
    "gzip": _gzip,
    "gzip-members": _gzip_members,
    "gzip-zeros": lambda data: _gzip(data) + bytes(1024),
    "zstd": _zstd,
    "zstd-frames": _zstd_frames,
    "zstd-skippable": lambda data: skippable_frame(b"before", 3) + _zstd(data) + skippable_frame(b"after"),
    "zstd-stored": zstd_stored,
    "bz2": lambda data: bz2.compress(data, 9),
    "xz": lambda data: lzma.compress(data, preset=1),
}
